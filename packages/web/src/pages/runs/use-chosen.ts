import { useCallback, useState } from "react";

const NONE: ReadonlySet<string> = new Set();

/** Which rows of a list are chosen, by id. */
export interface Chosen {
  readonly chosen: ReadonlySet<string>;
  readonly choose: (id: string, isChosen: boolean) => void;
  readonly clear: () => void;
}

/** Keeps which rows of a list are chosen. */
export function useChosen(): Chosen {
  const [chosen, setChosen] = useState(NONE);
  const choose = useCallback(
    (id: string, isChosen: boolean) =>
      setChosen((before) => {
        const next = new Set(before);
        if (isChosen) next.add(id);
        else next.delete(id);
        return next;
      }),
    [],
  );
  const clear = useCallback(() => setChosen(NONE), []);
  return { chosen, choose, clear };
}

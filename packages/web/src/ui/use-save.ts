import { useMutation, useQueryClient, type QueryKey } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { toast } from "./toast.tsx";

export interface SaveOptions<Input, Output> {
  readonly save: (input: Input) => Promise<Output>;
  /** What has to be read again afterwards. */
  readonly changes: readonly QueryKey[];
  /** What is told when it is done. */
  readonly done?: (output: Output, input: Input) => string;
  /** What follows from it wherever the person is by then. */
  readonly always?: (output: Output, input: Input) => void;
  /** What follows from it where it was asked for; not when that has been left meanwhile, and something else is open there. */
  readonly then?: (output: Output, input: Input) => void;
}

/** A change at the house: what it touches is read again, and a notice says that it is done. */
export function useSave<Input = void, Output = unknown>(options: SaveOptions<Input, Output>) {
  const { save, changes, done, always, then } = options;
  const client = useQueryClient();
  const isHere = useRef(false);
  useEffect(() => {
    isHere.current = true;
    return () => {
      isHere.current = false;
    };
  }, []);
  return useMutation({
    mutationFn: save,
    onSuccess: async (output, input) => {
      if (done !== undefined) toast(done(output, input));
      always?.(output, input);
      if (isHere.current) then?.(output, input);
      await Promise.all(changes.map((queryKey) => client.invalidateQueries({ queryKey })));
    },
  });
}

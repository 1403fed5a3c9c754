import { useCallback, useRef, useState } from "react";

/** So many at a time: enough to be quick, few enough to leave the house to others. */
const AT_ONCE = 4;

/** How far something is that is done to many. */
export interface BulkProgress {
  /** What is done, such as `Replaying`. */
  readonly label: string;
  readonly done: number;
  readonly total: number;
  readonly failures: readonly { readonly id: string; readonly message: string }[];
  readonly running: boolean;
}

export interface Bulk {
  readonly progress: BulkProgress | undefined;
  readonly start: (label: string, ids: readonly string[], action: (id: string) => Promise<unknown>) => Promise<void>;
  /** Begins no further one. */
  readonly stop: () => void;
  readonly dismiss: () => void;
}

/** Does something to many runs, a few at a time; what fails for one does not keep the others from it. */
export function useBulk(): Bulk {
  const [progress, setProgress] = useState<BulkProgress>();
  const stopped = useRef(false);
  const start = useCallback<Bulk["start"]>(async (label, ids, action) => {
    stopped.current = false;
    const queue = [...ids];
    setProgress({ label, done: 0, total: ids.length, failures: [], running: true });
    const work = async (): Promise<void> => {
      for (let id = queue.shift(); id !== undefined && !stopped.current; id = queue.shift()) {
        const failed = await action(id).then(
          () => undefined,
          (thrown: unknown) => ({ id: id!, message: thrown instanceof Error ? thrown.message : String(thrown) }),
        );
        setProgress(
          (p) => p && { ...p, done: p.done + 1, failures: failed === undefined ? p.failures : [...p.failures, failed] },
        );
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    setProgress((p) => p && { ...p, running: false });
  }, []);
  const stop = useCallback(() => (stopped.current = true), []);
  const dismiss = useCallback(() => setProgress(undefined), []);
  return { progress, start, stop, dismiss };
}

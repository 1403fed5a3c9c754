import { useMutation, useQueryClient, type QueryKey } from "@tanstack/react-query";
import { toast } from "./toast.tsx";

export interface SaveOptions<Input, Output> {
  readonly save: (input: Input) => Promise<Output>;
  /** What has to be read again afterwards. */
  readonly changes: readonly QueryKey[];
  /** What is told when it is done. */
  readonly done?: (output: Output, input: Input) => string;
  readonly then?: (output: Output, input: Input) => void;
}

/** A change at the house: what it touches is read again, and a notice says that it is done. */
export function useSave<Input = void, Output = unknown>({ save, changes, done, then }: SaveOptions<Input, Output>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: save,
    onSuccess: async (output, input) => {
      if (done !== undefined) toast(done(output, input));
      then?.(output, input);
      await Promise.all(changes.map((queryKey) => client.invalidateQueries({ queryKey })));
    },
  });
}

import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { dataStoresQuery } from "../../api/resources.ts";
import { FormDialog } from "../../ui/dialog.tsx";
import { Field } from "../../ui/field.tsx";
import { formatBytes, formatCount } from "../../ui/format.ts";
import { toast } from "../../ui/toast.tsx";
import { useSave } from "../../ui/use-save.ts";
import { importRecords, type Imported } from "./import-records.ts";

/** Writes the records of a file that an export has made, or anything else that writes lines of JSON. */
export function ImportDialog({ store, onClose }: { readonly store: string; readonly onClose: () => void }) {
  const [file, setFile] = useState<File>();
  const { save, written } = useImport(store, onClose);
  return (
    <FormDialog
      open
      onOpenChange={(open) => !open && onClose()}
      title="Import records"
      about={
        <>
          Lines of JSON, as an export has them: <code>{'{"key": "a", "value": 1}'}</code>. Keys that are there already
          get the new value.
        </>
      }
      submit={save.isError ? "Try again" : "Import"}
      valid={file !== undefined}
      busy={save.isPending}
      error={save.error}
      onSubmit={() => file !== undefined && save.mutate(file)}
    >
      <Field label="File" hint={file === undefined ? undefined : formatBytes(file.size)}>
        {(control) => (
          <input
            {...control}
            type="file"
            className="file-input"
            accept=".jsonl,.ndjson,.json,.txt"
            disabled={save.isPending}
            onChange={(event) => {
              setFile(event.target.files?.[0]);
              save.reset();
            }}
          />
        )}
      </Field>
      {save.isPending && <progress className="progress" aria-label="Imported" value={written} max={1} />}
    </FormDialog>
  );
}

/** An import, which ends with its dialog. */
function useImport(store: string, onClose: () => void) {
  const client = useQueryClient();
  const [written, setWritten] = useState(0);
  const control = useRef<AbortController>(null);
  useEffect(() => () => control.current?.abort(), []);
  const save = useSave({
    save: async (file: File): Promise<Imported> => {
      const { signal } = (control.current = new AbortController());
      setWritten(0);
      try {
        return await importRecords(store, file, { signal, onProgress: setWritten });
      } catch (thrown) {
        if (signal.aborted) toast(`The import was stopped. ${(thrown as Error).message}`, "bad");
        throw thrown;
      } finally {
        void client.resetQueries({ queryKey: ["records", store] });
        void client.invalidateQueries({ queryKey: dataStoresQuery.queryKey });
      }
    },
    changes: [],
    done: ({ imported, expired }) =>
      `${formatCount(imported)} records imported${expired === 0 ? "" : `, ${formatCount(expired)} had ended`}`,
    then: onClose,
  });
  return { save, written };
}

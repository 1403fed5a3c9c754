import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { ApiError, segment } from "../../api/http.ts";
import { dataStoresQuery } from "../../api/resources.ts";
import type { ImportDataStoreResponse } from "../../api/generated/types.ts";
import { upload } from "../../api/upload.ts";
import { FormDialog } from "../../ui/dialog.tsx";
import { Field } from "../../ui/field.tsx";
import { formatBytes, formatCount } from "../../ui/format.ts";
import { useSave } from "../../ui/use-save.ts";

/** Writes the records of a file that an export has made, or anything else that writes lines of JSON. */
export function ImportDialog({ store, onClose }: { readonly store: string; readonly onClose: () => void }) {
  const client = useQueryClient();
  const [file, setFile] = useState<File>();
  const [sent, setSent] = useState(0);
  const save = useSave({
    save: () =>
      upload<ImportDataStoreResponse>("POST", `dataStores/${segment(store)}:import`, file!, {
        contentType: "application/x-ndjson",
        onProgress: setSent,
      }),
    changes: [dataStoresQuery.queryKey],
    done: ({ importedCount = "0", expiredCount = "0" }) =>
      `${formatCount(importedCount)} records imported${expiredCount === "0" ? "" : `, ${formatCount(expiredCount)} had ended`}`,
    always: () => void client.resetQueries({ queryKey: ["records", store] }),
    then: onClose,
  });
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
      error={save.error === null ? null : withLine(save.error)}
      onSubmit={() => save.mutate()}
    >
      <Field label="File" hint={file === undefined ? undefined : formatBytes(file.size)}>
        {(control) => (
          <input
            {...control}
            type="file"
            className="file-input"
            accept=".jsonl,.ndjson,.json,.txt"
            onChange={(event) => {
              setFile(event.target.files?.[0]);
              save.reset();
            }}
          />
        )}
      </Field>
      {save.isPending && <progress className="progress" aria-label="Sent" value={sent} max={1} />}
    </FormDialog>
  );
}

/** What was wrong, and what has been written before that. */
function withLine(error: Error): Error {
  if (!(error instanceof ApiError)) return error;
  const { line, imported } = error.metadata;
  if (line === undefined) return error;
  const written = `${formatCount(imported)} records before it are written`;
  return new ApiError(error.status, `Line ${line}: ${error.message} — ${written}.`, error.reason, error.metadata);
}

import { useState } from "react";
import { useNavigate } from "react-router";
import { call, segment } from "../../api/http.ts";
import { dataStoresQuery, idOf } from "../../api/resources.ts";
import type { DataStore } from "../../api/generated/types.ts";
import { FormDialog } from "../../ui/dialog.tsx";
import { Field } from "../../ui/field.tsx";
import { jsonProblem } from "../../ui/json-text.ts";
import { useSave } from "../../ui/use-save.ts";

const NAME = /^[A-Za-z0-9._-]{1,64}$/;

export interface NewStoreDialogProps {
  readonly taken: readonly DataStore[];
  readonly onClose: () => void;
}

/** Makes a store, with the first record in it: there are no empty ones. */
export function NewStoreDialog({ taken, onClose }: NewStoreDialogProps) {
  const navigate = useNavigate();
  const [name, setName] = useState("");
  const [key, setKey] = useState("");
  const [value, setValue] = useState("");
  const save = useSave({
    save: () =>
      call("POST", `dataStores/${segment(name)}/records:set`, { body: { records: [{ key, valueJson: value }] } }),
    changes: [dataStoresQuery.queryKey],
    done: () => `${name} is made`,
    then: () => {
      onClose();
      void navigate(`/data-stores/${encodeURIComponent(name)}`);
    },
  });
  const problem = nameProblem(name, taken);
  const wrong = value === "" ? undefined : jsonProblem(value);
  return (
    <FormDialog
      open
      onOpenChange={(open) => !open && onClose()}
      title="New data store"
      about="A store is made by the first record in it."
      submit="Make it"
      valid={name !== "" && key !== "" && value !== "" && problem === undefined && wrong === undefined}
      busy={save.isPending}
      error={save.error}
      onSubmit={() => save.mutate()}
    >
      <Field label="Name" error={problem} hint="Letters, digits, dots, underscores and hyphens.">
        {(control) => (
          <input
            {...control}
            className="input mono"
            value={name}
            onChange={(event) => setName(event.target.value)}
            autoComplete="off"
            spellCheck={false}
            autoFocus
            required
          />
        )}
      </Field>
      <Field label="Key of the first record">
        {(control) => (
          <input
            {...control}
            className="input mono"
            value={key}
            onChange={(event) => setKey(event.target.value)}
            autoComplete="off"
            spellCheck={false}
            maxLength={1_024}
            required
          />
        )}
      </Field>
      <Field label="Value" error={wrong} hint={'JSON, such as 1, "text" or {"count": 1}.'}>
        {(control) => (
          <textarea
            {...control}
            className="input mono"
            rows={3}
            value={value}
            onChange={(event) => setValue(event.target.value)}
            spellCheck={false}
            required
          />
        )}
      </Field>
    </FormDialog>
  );
}

function nameProblem(name: string, taken: readonly DataStore[]): string | undefined {
  if (name === "") return undefined;
  if (!NAME.test(name)) return "Only letters, digits, dots, underscores and hyphens, at most 64.";
  return taken.some((store) => idOf(store.name) === name) ? "There is a data store of this name." : undefined;
}

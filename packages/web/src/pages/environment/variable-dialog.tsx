import { useState } from "react";
import { call, segment } from "../../api/http.ts";
import { idOf, variablesQuery } from "../../api/resources.ts";
import type { Variable } from "../../api/generated/types.ts";
import { FormDialog } from "../../ui/dialog.tsx";
import { Field } from "../../ui/field.tsx";
import { Switch } from "../../ui/switch.tsx";
import { useSave } from "../../ui/use-save.ts";
import { nameProblem, valueProblem } from "./parse-dotenv.ts";

export interface VariableDialogProps {
  /** The one that is changed; undefined for a new one. */
  readonly variable?: Variable;
  /** Names that there are already. */
  readonly taken: ReadonlySet<string>;
  readonly onClose: () => void;
}

/** Saves one variable at the house. */
export function saveVariable(variable: { readonly name: string; readonly value: string; readonly secret: boolean }) {
  const { name, value, secret } = variable;
  return call<Variable>("PUT", `variables/${segment(name)}`, { body: { value, secret } });
}

/** Adds a variable, or gives one another value. */
export function VariableDialog({ variable, taken, onClose }: VariableDialogProps) {
  const [name, setName] = useState(idOf(variable?.name));
  const [value, setValue] = useState(variable?.value ?? "");
  const [secret, setSecret] = useState(variable?.secret ?? true);
  const save = useSave({
    save: saveVariable,
    changes: [variablesQuery.queryKey],
    done: (_, saved) => `${saved.name} is saved`,
    then: onClose,
  });
  const problem = name === "" ? undefined : nameProblem(name);
  const replaces = variable === undefined && taken.has(name);
  const wrongValue = valueProblem(value);
  return (
    <FormDialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={variable === undefined ? "Add variable" : `Change ${name}`}
      submit={replaces ? "Replace" : "Save"}
      valid={name !== "" && problem === undefined && wrongValue === undefined}
      busy={save.isPending}
      error={save.error}
      onSubmit={() => save.mutate({ name, value, secret })}
    >
      {variable === undefined && (
        <Field
          label="Name"
          error={problem}
          hint={replaces ? "There is one of this name: its value will be replaced." : "Such as API_TOKEN."}
        >
          {(control) => (
            <input
              {...control}
              className="input mono"
              value={name}
              onChange={(event) => setName(event.target.value.trim())}
              autoComplete="off"
              spellCheck={false}
              autoFocus
              required
            />
          )}
        </Field>
      )}
      <Field
        label={variable?.secret === true ? "New value" : "Value"}
        error={wrongValue}
        hint={variable?.secret === true ? "The one that is kept is never shown." : undefined}
      >
        {(control) => (
          <textarea
            {...control}
            className="input mono"
            rows={3}
            value={value}
            onChange={(event) => setValue(event.target.value)}
            autoComplete="off"
            spellCheck={false}
            autoFocus={variable !== undefined}
          />
        )}
      </Field>
      <Switch
        label="Secret"
        hint="Masked in logs, and never shown again, here or by the API."
        checked={secret}
        onChange={setSecret}
      />
    </FormDialog>
  );
}

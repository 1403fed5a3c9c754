import { useMemo, useState } from "react";
import { variablesQuery } from "../../api/resources.ts";
import { FormDialog } from "../../ui/dialog.tsx";
import { Field } from "../../ui/field.tsx";
import { Switch } from "../../ui/switch.tsx";
import { useSave } from "../../ui/use-save.ts";
import { parseDotenv, type DotenvEntry } from "./parse-dotenv.ts";
import { saveVariable } from "./variable-dialog.tsx";

const PLACEHOLDER = 'API_TOKEN=…\nREGION=eu-west\nGREETING="two\\nlines"';

/** Takes many variables at a time, as they stand in a `.env` file. */
export function PasteDialog({ taken, onClose }: { readonly taken: ReadonlySet<string>; readonly onClose: () => void }) {
  const [text, setText] = useState("");
  const [secret, setSecret] = useState(true);
  const [saved, setSaved] = useState(0);
  const entries = useMemo(() => parseDotenv(text), [text]);
  const good = entries.filter(({ problem }) => problem === undefined);
  const save = useSave({
    save: async () => {
      setSaved(0);
      // One after the other: where one is refused, it is clear which ones are saved.
      for (const [index, { name, value }] of good.entries()) {
        await saveVariable({ name, value, secret });
        setSaved(index + 1);
      }
    },
    changes: [variablesQuery.queryKey],
    done: () => `${count(good.length)} saved`,
    then: onClose,
  });
  return (
    <FormDialog
      open
      size="large"
      onOpenChange={(open) => !open && onClose()}
      title="Paste .env"
      about="Comments, export and quotes are understood. Nothing is saved before you say so."
      submit={good.length === 0 ? "Save" : `Save ${count(good.length)}`}
      valid={good.length > 0 && good.length === entries.length}
      busy={save.isPending}
      error={save.error}
      onSubmit={() => save.mutate()}
    >
      <Field label="Text of the file">
        {(control) => (
          <textarea
            {...control}
            className="input mono paste-text"
            value={text}
            onChange={(event) => setText(event.target.value)}
            placeholder={PLACEHOLDER}
            spellCheck={false}
            autoComplete="off"
            autoFocus
          />
        )}
      </Field>
      {entries.length > 0 && <Found entries={entries} taken={taken} />}
      <Switch
        label="Secret, all of them"
        hint="Masked in logs, and never shown again. Switch it off for plain settings."
        checked={secret}
        onChange={setSecret}
      />
      {save.isPending && <progress className="progress" aria-label="Saved variables" value={saved} max={good.length} />}
    </FormDialog>
  );
}

function count(variables: number): string {
  return variables === 1 ? "1 variable" : `${variables} variables`;
}

interface FoundProps {
  readonly entries: readonly DotenvEntry[];
  readonly taken: ReadonlySet<string>;
}

function Found({ entries, taken }: FoundProps) {
  return (
    <ul className="paste-found" aria-label="Variables in the text" tabIndex={0}>
      {entries.map(({ name, value, line, problem }) => (
        <li key={line}>
          <code className="truncate">{name}</code>
          {problem === undefined ? (
            <span className="faint">
              {taken.has(name) ? "replaces · " : ""}
              {value.length === 0 ? "empty" : value.length === 1 ? "1 character" : `${value.length} characters`}
            </span>
          ) : (
            <span className="wrong">
              line {line}: {problem}
            </span>
          )}
        </li>
      ))}
    </ul>
  );
}

import { useQuery } from "@tanstack/react-query";
import { Database, KeyRound, Plus, Trash2 } from "lucide-react";
import { useId } from "react";
import { Link } from "react-router";
import { stepId } from "../../api/drafts.ts";
import { accountsQuery, dataStoresQuery, idOf } from "../../api/resources.ts";
import type { DraftStep } from "../../api/generated/types.ts";
import { Button, IconButton } from "../../ui/button.tsx";
import { optionsOf, useBuilder, type StepInput } from "./builder-context.ts";

type Inputs = Readonly<Record<string, StepInput>>;
const KEY = "[A-Za-z_][A-Za-z0-9_]{0,63}";

/** What the step finds in `pd.inputs`. */
export function StepInputs({ step }: { readonly step: DraftStep }) {
  const { session } = useBuilder();
  const options = optionsOf(step);
  const inputs = options.inputs ?? {};
  const accounts = useQuery(accountsQuery);
  const set = (label: string, next: Inputs): void => {
    const { inputs: _, ...rest } = options;
    const json = JSON.stringify(Object.keys(next).length === 0 ? rest : { ...rest, inputs: next });
    session.change(stepId(step), label, { optionsJson: json });
  };
  const entries = Object.entries(inputs);
  const add = (wanted: string, input: StepInput): void => {
    let key = wanted;
    for (let n = 2; Object.hasOwn(inputs, key); n++) key = `${wanted}_${n}`;
    set("adding an input", { ...inputs, [key]: input });
  };
  const [account] = accounts.data ?? [];
  return (
    <div className="part">
      <p className="muted">
        Data stores and accounts of the project, as <code>pd.inputs["key"]</code>. A store is made when it is first
        used. Tests use the real ones.
      </p>
      {entries.map(([key, input], index) => (
        <InputLine
          key={`${index} ${Object.keys(input).join()}`}
          name={key}
          input={input}
          taken={entries.map(([name]) => name)}
          onChange={(next, value) =>
            set(
              "changing an input",
              Object.fromEntries(entries.map(([name, old]) => (name === key ? [next, value] : [name, old]))),
            )
          }
          onRemove={() => set("removing an input", Object.fromEntries(entries.filter(([name]) => name !== key)))}
        />
      ))}
      <div className="part-actions">
        <Button icon={<Plus size={14} aria-hidden />} onClick={() => add("data_store", { store: "default" })}>
          Add a data store
        </Button>
        <Button
          icon={<Plus size={14} aria-hidden />}
          disabled={account === undefined}
          onClick={() => add(idOf(account?.app).replaceAll(/\W/g, "_"), { account: idOf(account?.name) })}
        >
          Add an account
        </Button>
        {accounts.isSuccess && account === undefined && (
          <span className="muted">
            No account is connected yet: <Link to="/accounts">connect one</Link>.
          </span>
        )}
      </div>
    </div>
  );
}

interface InputLineProps {
  readonly name: string;
  readonly input: StepInput;
  readonly taken: readonly string[];
  readonly onChange: (name: string, input: StepInput) => void;
  readonly onRemove: () => void;
}

function InputLine({ name, input, taken, onChange, onRemove }: InputLineProps) {
  const id = useId();
  const isStore = input.store !== undefined;
  const stores = useQuery({ ...dataStoresQuery, enabled: isStore });
  const accounts = useQuery({ ...accountsQuery, enabled: !isStore });
  const names = isStore
    ? (stores.data ?? []).map((each) => idOf(each.name))
    : (accounts.data ?? []).map((each) => idOf(each.name));
  return (
    <div className="input-line">
      {isStore ? <Database size={16} aria-hidden /> : <KeyRound size={16} aria-hidden />}
      <div className="field">
        <label htmlFor={`${id}-key`}>Key</label>
        <input
          id={`${id}-key`}
          className="input mono"
          defaultValue={name}
          pattern={KEY}
          spellCheck={false}
          onBlur={({ target }) => {
            const free = target.value === name || !taken.includes(target.value);
            if (target.validity.valid && target.value !== "" && free) {
              if (target.value !== name) onChange(target.value, input);
            } else target.value = name;
          }}
        />
      </div>
      <div className="field">
        <label htmlFor={`${id}-value`}>{isStore ? "Data store" : "Account"}</label>
        <input
          id={`${id}-value`}
          className="input mono"
          list={`${id}-names`}
          defaultValue={input.store ?? input.account}
          maxLength={64}
          spellCheck={false}
          onBlur={({ target }) => {
            const value = target.value.trim();
            if (value === "") target.value = input.store ?? input.account ?? "";
            else if (value !== (input.store ?? input.account))
              onChange(name, isStore ? { store: value } : { account: value });
          }}
        />
        <datalist id={`${id}-names`}>
          {names.map((each) => (
            <option key={each} value={each}>
              {each}
            </option>
          ))}
        </datalist>
      </div>
      <IconButton kind="plain" label={`Remove ${name}`} icon={<Trash2 size={15} aria-hidden />} onClick={onRemove} />
    </div>
  );
}

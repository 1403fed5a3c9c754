import { Plus, Trash2 } from "lucide-react";
import type { AccountField, App } from "../../api/generated/types.ts";
import { Button, IconButton } from "../../ui/button.tsx";
import { Field } from "../../ui/field.tsx";

/** A field while it is typed. */
export interface TypedField {
  readonly id: number;
  readonly name: string;
  readonly value: string;
  readonly plain: boolean;
}

const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/;
let lastId = 0;

/** An empty field more. */
export function freshField(name = "", plain = false): TypedField {
  lastId += 1;
  return { id: lastId, name, value: "", plain };
}

/** What an app's accounts are connected with, empty. */
export function fieldsOf(app: App): readonly TypedField[] {
  const fields = app.fields ?? [];
  return fields.length === 0
    ? [freshField()]
    : fields.map(({ name = "", secret }) => freshField(name, secret !== true));
}

/** True when an account of the app can be connected with what was typed. */
export function areComplete(app: App, typed: readonly TypedField[]): boolean {
  const isOptional = (name: string): boolean => app.fields?.find((field) => field.name === name)?.optional === true;
  const names = new Set(typed.map(({ name }) => name));
  return (
    names.size === typed.length &&
    typed.every(({ name, value }) => NAME.test(name) && (value !== "" || isOptional(name)))
  );
}

/** What is sent: without those that were left out. */
export function toSend(typed: readonly TypedField[]): readonly AccountField[] {
  return typed.filter(({ value }) => value !== "").map(({ name, value, plain }) => ({ name, value, plain }));
}

export interface AccountFieldsProps {
  readonly app: App;
  readonly fields: readonly TypedField[];
  readonly onChange: (fields: readonly TypedField[]) => void;
}

/** The fields of an account: those of its app, or any with names of one's own. */
export function AccountFields({ app, fields, onChange }: AccountFieldsProps) {
  const change = (id: number, to: Partial<TypedField>): void =>
    onChange(fields.map((each) => (each.id === id ? { ...each, ...to } : each)));
  const known = app.fields ?? [];
  if (known.length > 0) {
    return fields.map((field) => {
      const { title, secret, optional } = known.find(({ name }) => name === field.name) ?? {};
      return (
        <Field key={field.id} label={title ?? field.name} optional={optional === true}>
          {(control) => (
            <input
              {...control}
              className="input mono"
              type={secret === true ? "password" : "text"}
              value={field.value}
              onChange={(event) => change(field.id, { value: event.target.value })}
              autoComplete="off"
              spellCheck={false}
              data-1p-ignore
            />
          )}
        </Field>
      );
    });
  }
  return <OwnFields fields={fields} onChange={onChange} change={change} />;
}

interface OwnFieldsProps {
  readonly fields: readonly TypedField[];
  readonly onChange: (fields: readonly TypedField[]) => void;
  readonly change: (id: number, to: Partial<TypedField>) => void;
}

function OwnFields({ fields, onChange, change }: OwnFieldsProps) {
  return (
    <fieldset className="own-fields">
      <legend>
        Fields <span className="faint optional">as steps find them below $auth</span>
      </legend>
      {fields.map((field, index) => (
        <div key={field.id} className="own-field">
          <input
            className="input mono"
            aria-label={`Name of field ${index + 1}`}
            placeholder="api_key"
            value={field.name}
            onChange={(event) => change(field.id, { name: event.target.value })}
            spellCheck={false}
          />
          <input
            className="input mono"
            aria-label={`Value of field ${index + 1}`}
            placeholder="value"
            type={field.plain ? "text" : "password"}
            value={field.value}
            onChange={(event) => change(field.id, { value: event.target.value })}
            autoComplete="off"
            spellCheck={false}
          />
          <label className="check">
            <input
              type="checkbox"
              checked={!field.plain}
              onChange={(event) => change(field.id, { plain: !event.target.checked })}
            />
            secret
          </label>
          <IconButton
            kind="plain"
            label={`Leave out field ${index + 1}`}
            disabled={fields.length === 1}
            icon={<Trash2 size={15} aria-hidden />}
            onClick={() => onChange(fields.filter(({ id }) => id !== field.id))}
          />
        </div>
      ))}
      <Button
        kind="plain"
        disabled={fields.length >= 32}
        icon={<Plus size={15} aria-hidden />}
        onClick={() => onChange([...fields, freshField()])}
      >
        One more field
      </Button>
    </fieldset>
  );
}

import { useState } from "react";
import { Field } from "../../ui/field.tsx";
import type { HttpTrigger } from "./builder-context.ts";
import { parseJson } from "./test-event.ts";

type Response = NonNullable<HttpTrigger["response"]>;

export interface StaticAnswerProps {
  readonly response: Response;
  readonly onChange: (response: Response) => void;
}

/** The answer that the house gives to every request. */
export function StaticAnswer({ response, onChange }: StaticAnswerProps) {
  const { status = 200, headers = {}, body } = response;
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${String(value)}`);
  return (
    <div className="static-answer">
      <Field label="Status">
        {(control) => (
          <input
            {...control}
            className="input"
            type="number"
            min={200}
            max={599}
            defaultValue={status}
            onBlur={({ target }) => {
              const next = Number(target.value);
              if (target.validity.valid && target.value !== "" && next !== status)
                onChange({ ...response, status: next });
              else if (!target.validity.valid || target.value === "") target.value = String(status);
            }}
          />
        )}
      </Field>
      <Field label="Headers" hint="One in a line, such as content-type: text/html">
        {(control) => (
          <textarea
            {...control}
            className="input mono"
            rows={3}
            spellCheck={false}
            defaultValue={lines.join("\n")}
            onBlur={({ target }) => {
              const next = headersOf(target.value);
              if (JSON.stringify(next) !== JSON.stringify(headers)) onChange({ ...response, headers: next });
            }}
          />
        )}
      </Field>
      <AnswerBody body={body} onChange={(next) => onChange({ ...response, body: next })} />
    </div>
  );
}

function headersOf(text: string): Record<string, string> {
  const entries = text.split("\n").flatMap((line) => {
    const colon = line.indexOf(":");
    return colon > 0 ? [[line.slice(0, colon).trim(), line.slice(colon + 1).trim()] as const] : [];
  });
  return Object.fromEntries(entries);
}

/** JSON is sent as JSON; anything else as the text that it is. */
function AnswerBody({ body, onChange }: { readonly body: unknown; readonly onChange: (body: unknown) => void }) {
  const shown = typeof body === "string" ? body : body === undefined ? "" : JSON.stringify(body, undefined, 2);
  const [text, setText] = useState(shown);
  const value = parseJson(text);
  const isJson = value !== undefined && typeof value !== "string";
  return (
    <Field label="Body" hint={text === "" ? "Nothing is sent." : isJson ? "Sent as JSON." : "Sent as text."}>
      {(control) => (
        <textarea
          {...control}
          className="input mono"
          rows={4}
          spellCheck={false}
          value={text}
          onChange={({ target }) => setText(target.value)}
          onBlur={() => {
            const next = isJson ? value : text;
            if (JSON.stringify(next) !== JSON.stringify(body)) onChange(next);
          }}
        />
      )}
    </Field>
  );
}

import { useMemo } from "react";
import { CopyButton } from "./copy-button.tsx";

/** Beyond this a value is shown as it came: laying it out would make the page wait. */
const LAID_OUT_CHARACTERS = 300_000;

/** A JSON text laid out to be read. */
export function JsonView({ json }: { readonly json: string }) {
  const text = useMemo(() => layOut(json), [json]);
  return (
    <div className="json-view">
      <CopyButton text={json} label="Copy the JSON" />
      <pre className="code-block" tabIndex={0}>
        {text}
      </pre>
    </div>
  );
}

function layOut(json: string): string {
  if (json.length > LAID_OUT_CHARACTERS) return json;
  try {
    return JSON.stringify(JSON.parse(json), undefined, 2);
  } catch {
    return json;
  }
}

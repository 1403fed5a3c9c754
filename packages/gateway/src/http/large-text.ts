import { PairsWriter } from "./json-text.ts";

/** Characters looked at in one turn of the event loop: one or two milliseconds, as forms are slowest. */
const TEXT_SLICE = 256 * 1024;
const FORM_SLICE = 32 * 1024;
/** Names that are written in one turn. */
const FIELDS_SLICE = 2_000;

const HIGH_SURROGATE = /[\ud800-\udbff]$/;

/** A form as a JSON object, a slice at a time, so that other callers are served meanwhile. */
export async function encodeLargeForm(text: string): Promise<string> {
  const writer = new PairsWriter();
  for (let at = 0; at < text.length; await turn()) {
    const found = text.indexOf("&", at + FORM_SLICE);
    const end = found < 0 ? text.length : found;
    // All but the first slice begin with their ampersand: behind one a question mark is a name's own.
    writer.add(new URLSearchParams(text.slice(at, end)));
    at = end;
  }
  let json = "";
  let count = 0;
  for (const field of writer.fields()) {
    json += json === "" ? field : `,${field}`;
    if (++count % FIELDS_SLICE === 0) await turn();
  }
  return `{${json}}`;
}

/** A text as a JSON string, likewise. */
export async function encodeLargeText(text: string): Promise<string> {
  let json = "";
  for (let at = 0; at < text.length; await turn()) {
    let part = text.slice(at, at + TEXT_SLICE);
    // Half of a pair would be written as what it is not.
    if (at + part.length < text.length && HIGH_SURROGATE.test(part)) part = part.slice(0, -1);
    json += JSON.stringify(part).slice(1, -1);
    at += part.length;
  }
  return `"${json}"`;
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

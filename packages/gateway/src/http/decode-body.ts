import { PlatformError } from "@millrace/core";
import { isLargeJson } from "./json-scan.ts";
import { checkJsonText, encodePairs } from "./json-text.ts";
import { encodeLargeForm, encodeLargeText } from "./large-text.ts";

/** A request's body as it goes into the event. */
export interface DecodedBody {
  /** JSON text of the body: the client's own where it sent JSON. */
  readonly json: string;
  /** True for JSON and for forms with files: keys that the event lacks are looked up in them. */
  readonly hasFields: boolean;
  /** True when `json` is a string of base64, because the body is not text. */
  readonly isBase64: boolean;
}

/** Larger bodies are decoded with care for those who wait meanwhile: this much of a form takes two milliseconds at once. */
const LARGE_BYTES = 64 * 1024;
/** A form becomes a map of many small values. */
const FORM_BYTES_MAX = 4 * 1024 * 1024;
const FORM_TYPE = "application/x-www-form-urlencoded";

const NONE: DecodedBody = { json: "null", hasFields: false, isBase64: false };
const utf8 = new TextDecoder("utf-8", { fatal: true });

/**
 * Reads a body by its media type: JSON stays as it was sent, a form becomes an object, anything else is text when it is
 * valid in its charset, and base64 otherwise. JSON that is not valid is text too. Compressed bodies stay compressed.
 */
export function decodeBody(body: Buffer, contentType: string | undefined): DecodedBody {
  if (body.length === 0) return NONE;
  const { type, charset } = parseContentType(contentType ?? "");
  if (isJsonType(type)) return decodeJson(body);
  const text = decodeText(body, charset);
  if (text === undefined) return asBase64(body);
  if (type !== FORM_TYPE) return { ...NONE, json: JSON.stringify(text) };
  return { ...NONE, json: encodePairs(new URLSearchParams(text)) };
}

/** True for bodies that `decodeLargeBody` is for. */
export function isLargeBody(body: Buffer): boolean {
  return body.length > LARGE_BYTES;
}

/**
 * Reads a large body as `decodeBody` would, but a slice at a time, so that other callers do not wait for it.
 *
 * @throws PlatformError `FORM_TOO_LARGE`
 */
export async function decodeLargeBody(body: Buffer, contentType: string | undefined): Promise<DecodedBody> {
  const { type, charset } = parseContentType(contentType ?? "");
  if (type === FORM_TYPE && body.length > FORM_BYTES_MAX) {
    throw new PlatformError(
      "InvalidArgument",
      "FORM_TOO_LARGE",
      `a form has at most ${FORM_BYTES_MAX} bytes; send JSON`,
    );
  }
  const isJson = isJsonType(type);
  const text = decodeText(body, isJson ? "utf-8" : charset);
  if (text === undefined) return asBase64(body);
  if (isJson && (await isLargeJson(body))) return { json: text, hasFields: true, isBase64: false };
  return { ...NONE, json: await (type === FORM_TYPE ? encodeLargeForm(text) : encodeLargeText(text)) };
}

function decodeJson(body: Buffer): DecodedBody {
  // The decoder drops a byte order mark, which JSON does not know.
  const text = decodeText(body, "utf-8");
  if (text === undefined) return asBase64(body);
  return checkJsonText(text)
    ? { json: text, hasFields: true, isBase64: false }
    : { ...NONE, json: JSON.stringify(text) };
}

function asBase64(body: Buffer): DecodedBody {
  return { json: JSON.stringify(body.toString("base64")), hasFields: false, isBase64: true };
}

function decodeText(body: Buffer, charset: string): string | undefined {
  try {
    return charset === "utf-8" ? utf8.decode(body) : new TextDecoder(charset, { fatal: true }).decode(body);
  } catch {
    return undefined;
  }
}

function isJsonType(type: string): boolean {
  return (
    type === "application/json" || type === "text/json" || (type.startsWith("application/") && type.endsWith("+json"))
  );
}

function parseContentType(header: string): { type: string; charset: string } {
  const end = header.indexOf(";");
  const type = (end < 0 ? header : header.slice(0, end)).trim().toLowerCase();
  const charset = /;\s*charset\s*=\s*"?([A-Za-z0-9._:-]{1,40})"?/i.exec(header)?.[1]?.toLowerCase();
  return { type, charset: charset === undefined || charset === "utf8" ? "utf-8" : charset };
}

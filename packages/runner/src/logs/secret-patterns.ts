/** Values shorter than this (in UTF-8) are not masked: they would turn ordinary words of a log into stars. */
export const SECRET_BYTES_MIN = 8;

/**
 * Every text under which a secret value may show up: itself, its lines, as JSON text, URL-encoded, and in base64 at each
 * of the three alignments that it can have within a longer text.
 */
export function secretPatterns(value: string): string[] {
  if (Buffer.byteLength(value) < SECRET_BYTES_MIN) return [];
  const patterns = new Set<string>();
  for (const text of [value, ...linesOf(value)]) {
    patterns.add(text);
    for (const escaped of escapedForms(text)) patterns.add(escaped);
    for (const encoded of urlEncodings(text)) patterns.add(encoded);
  }
  for (const encoded of base64Encodings(Buffer.from(value))) patterns.add(encoded);
  return [...patterns];
}

/** Lines of a value of several lines (a private key): printed, each becomes a log line of its own. */
function linesOf(value: string): string[] {
  if (!value.includes("\n")) return [];
  return value
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => Buffer.byteLength(line) >= SECRET_BYTES_MIN);
}

/** As JSON writes it, with and without characters beyond ASCII, and as Python's `repr` does: in errors it is everywhere. */
function escapedForms(text: string): string[] {
  const json = JSON.stringify(text).slice(1, -1);
  const ascii = json.replace(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
  const repr = json
    .replaceAll('\\"', '"')
    .replace(/\\u00([01][0-9a-f])|\\b|\\f/g, (escape, digits: string | undefined) => {
      return `\\x${digits ?? (escape === "\\b" ? "08" : "0c")}`;
    });
  return [json, ascii, repr, repr.replaceAll("'", "\\'")];
}

/** As `encodeURIComponent`, Python's `quote` and `quote_plus`, and libraries with lower-case digits write it. */
function urlEncodings(text: string): string[] {
  const strict = encodeURIComponent(text.toWellFormed()).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  const variants = [
    encodeURIComponent(text.toWellFormed()),
    strict,
    strict.replaceAll("%2F", "/"),
    strict.replaceAll("%20", "+"),
  ];
  return variants.flatMap((variant) => [variant, variant.replace(/%[0-9A-F]{2}/g, (digits) => digits.toLowerCase())]);
}

/** The characters of base64 that depend on the secret alone, for each offset of its first byte within a group of three. */
function base64Encodings(bytes: Buffer): string[] {
  return [0, 1, 2].flatMap((offset) => {
    const encoded = Buffer.concat([Buffer.alloc(offset), bytes]).toString("base64");
    const from = Math.ceil((offset * 8) / 6);
    const to = Math.floor(((offset + bytes.length) * 8) / 6);
    const inner = encoded.slice(from, to);
    return [inner, inner.replaceAll("+", "-").replaceAll("/", "_")];
  });
}

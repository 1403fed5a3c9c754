// C0 but tab and line feed, DEL, C1, and the marks that reorder or hide text around them.
// oxlint-disable-next-line no-control-regex -- finding control characters is the point
const UNSAFE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

function escapeCharacter(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
}

/** Makes text of others harmless for a terminal: whatever would move the cursor, colour or reorder is shown escaped. */
export function sanitize(text: string): string {
  return text.replace(UNSAFE, escapeCharacter);
}

/** The same for one line or cell: line feeds and tabs are shown escaped as well. */
export function sanitizeLine(text: string): string {
  return sanitize(text).replaceAll("\n", "\\n").replaceAll("\t", "\\t");
}

import { sanitizeLine } from "./sanitize.ts";

/** One cell: plain text, or text with a style that goes around it once it is padded. */
export type Cell = string | { readonly text: string; readonly style: (text: string) => string };

const segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" });
const WIDE =
  /\p{Extended_Pictographic}|[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/u;

/** How many columns a terminal gives to a text. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const { segment } of segmenter.segment(text)) width += WIDE.test(segment) ? 2 : 1;
  return width;
}

/** Lays rows out in aligned columns, two blanks between them, without blanks at the ends of lines. */
export function table(header: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const cells = [header, ...rows].map((row) =>
    row.map((cell) => (typeof cell === "string" ? { text: cell, style: (text: string) => text } : cell)),
  );
  const clean = cells.map((row) => row.map(({ text, style }) => ({ text: sanitizeLine(text), style })));
  const widths = header.map((_, column) => Math.max(...clean.map((row) => displayWidth(row[column]?.text ?? ""))));
  return clean
    .map((row) =>
      row
        .map(({ text, style }, column) => {
          const isLast = column === row.length - 1;
          const padding = isLast ? "" : " ".repeat((widths[column] ?? 0) - displayWidth(text));
          return style(text) + padding;
        })
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

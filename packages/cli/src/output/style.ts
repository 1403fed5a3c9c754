import { styleText } from "node:util";

type Format = Parameters<typeof styleText>[0];

/** Styles for people; they change nothing where nobody looks at a terminal, or where NO_COLOR asks for that. */
export interface Style {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly busy: (text: string) => string;
}

/** The styles of a terminal, or styles that do nothing. */
export function createStyle(colours: boolean): Style {
  const use = (format: Format) => (text: string) =>
    colours ? styleText(format, text, { validateStream: false }) : text;
  return { bold: use("bold"), dim: use("dim"), good: use("green"), bad: use("red"), busy: use("yellow") };
}

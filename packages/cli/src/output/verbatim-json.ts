interface SourceContext {
  readonly source?: string;
}

// Both are in every Node that we run on, and not yet in TypeScript's library.
const { parse, rawJSON } = JSON as unknown as {
  parse: (text: string, reviver: (key: string, value: unknown, context: SourceContext) => unknown) => unknown;
  rawJSON: (text: string) => unknown;
};

/**
 * Parses JSON so that printing it again changes no number: what a double cannot hold (`12345678901234567890`, `1.0`) is
 * kept as written.
 */
export function parseVerbatim(text: string): unknown {
  return parse(text, (_key, value, { source }) =>
    typeof value === "number" && source !== undefined && String(value) !== source ? rawJSON(source) : value,
  );
}

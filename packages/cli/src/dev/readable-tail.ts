const linesMax = 15;

/** The last lines of a log for a person: of JSON records the message and the reason, of others the line. */
export function readableTail(text: string): string {
  return text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .slice(-linesMax)
    .map(readable)
    .join("\n");
}

function readable(line: string): string {
  try {
    const record = JSON.parse(line) as Record<string, unknown>;
    const { message, reason } = (record["error"] ?? {}) as Record<string, unknown>;
    const parts = [record["level"], record["event"], record["message"], message, reason];
    return parts.filter((part) => typeof part === "string").join(" ") || line;
  } catch {
    return line;
  }
}

/** What is wrong with a JSON text, and where; undefined when nothing is. */
export function jsonProblem(text: string): string | undefined {
  if (text.trim() === "") return "A value is JSON: text stands in double quotes.";
  try {
    JSON.parse(text);
    return undefined;
  } catch (thrown) {
    return `Not JSON: ${(thrown as SyntaxError).message}`;
  }
}

/**
 * Lays a valid JSON text out in lines. What it says stays as it was written, to the last digit: through numbers of JavaScript,
 * long ones would come out as others.
 */
export function formatJson(text: string): string {
  const parts: string[] = [];
  let depth = 0;
  const newLine = (): void => void parts.push("\n", "  ".repeat(depth));
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{}:,]|[^\s[\]{}:,"]+/g)) {
    if (token === "{" || token === "[") {
      parts.push(token);
      depth += 1;
      newLine();
    } else if (token === "}" || token === "]") {
      depth -= 1;
      // Nothing between the two: they stay together.
      const isEmpty = parts.at(-3) === (token === "}" ? "{" : "[");
      if (isEmpty) parts.length -= 2;
      else newLine();
      parts.push(token);
    } else if (token === ",") {
      parts.push(token);
      newLine();
    } else {
      parts.push(token === ":" ? ": " : token);
    }
  }
  return parts.join("");
}

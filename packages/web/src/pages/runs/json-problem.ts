/** What is wrong with a JSON text; undefined when it is one, or empty. */
export function problemOf(text: string): string | undefined {
  if (text.trim() === "") return undefined;
  try {
    JSON.parse(text);
    return undefined;
  } catch (thrown) {
    return `This is not JSON: ${(thrown as SyntaxError).message}`;
  }
}

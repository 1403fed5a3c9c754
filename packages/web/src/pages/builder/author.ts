/** Who has made a change, for people. */
export function personOf(author: string = ""): string {
  return author.replace(/^users\//, "").replace(/^apiKeys\/.*/, "A program with an API key");
}

import { settingsOf, triggersOf } from "./builder-context.ts";
import { parseJson, type TestEvent } from "./test-event.ts";

/** A command that sends what tests are run on; as it stands in a shell. */
export function curlFor(url: string, { json }: TestEvent, settingsJson: string): string {
  const [http] = triggersOf(settingsOf(settingsJson));
  const event = parseJson(json) as { method?: unknown; body?: unknown } | undefined;
  const body = http?.event === "body" ? event : event?.body;
  if (body == null || event?.method === "GET") return `curl ${url}`;
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const type = typeof body === "string" ? "text/plain" : "application/json";
  return `curl ${url} -H 'content-type: ${type}' -d '${text.replaceAll("'", `'\\''`)}'`;
}

import { coerceError, type AppDefinition, type AppTest } from "@millrace/core";
import type { AskProvider } from "./provider-client.ts";

/** What trying an account came to. */
export interface AccountTrial {
  readonly ok: boolean;
  /** For people, without secrets. */
  readonly message: string;
  /** 0 when the provider was not asked or did not answer. */
  readonly httpStatus: number;
}

/** Tries an account with the first request of its app that it has all fields for. */
export async function tryAccount(
  ask: AskProvider,
  app: AppDefinition,
  fields: Readonly<Record<string, string>>,
): Promise<AccountTrial> {
  const test = app.tests.find((candidate) => placesOf(candidate).every((name) => Object.hasOwn(fields, name)));
  if (test === undefined) {
    return { ok: true, message: `${app.title} names no request to try it with; its fields are there`, httpStatus: 0 };
  }
  try {
    const { status, body } = await ask({
      method: test.method,
      url: fill(test.url, fields, encodeURIComponent),
      headers: Object.fromEntries(
        Object.entries(test.headers).map(([name, text]) => [name, fill(text, fields, plain)]),
      ),
    });
    const ok = status >= 200 && status <= 299 && saysOk(test, body);
    const message = ok ? `${app.title} accepts it` : `${app.title} refuses it (HTTP ${status})`;
    return { ok, message, httpStatus: status };
  } catch (thrown) {
    return { ok: false, message: coerceError(thrown).message, httpStatus: 0 };
  }
}

const PLACE = /\{\{([A-Za-z_][A-Za-z0-9_]*)\}\}/g;

function placesOf({ url, headers }: AppTest): string[] {
  return [...[url, ...Object.values(headers)].join(" ").matchAll(PLACE)].map(([, name]) => name!);
}

function fill(text: string, fields: Readonly<Record<string, string>>, encode: (value: string) => string): string {
  return text.replace(PLACE, (_, name: string) => encode(fields[name] ?? ""));
}

/** What no header can hold is left out; the provider then refuses the rest. */
function plain(value: string): string {
  return value.replace(/[^\x20-\x7e\x80-\xff]/g, "");
}

function saysOk({ okPath }: AppTest, body: string): boolean {
  if (okPath === "") return true;
  try {
    let value: unknown = JSON.parse(body);
    for (const name of okPath.split(".")) value = (value as Record<string, unknown> | null)?.[name];
    return value === true;
  } catch {
    return false;
  }
}

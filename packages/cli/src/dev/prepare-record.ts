import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { hashPassword, migrate, openStore } from "@millrace/store";

const projectName = "default";
/** 120 bits. */
const passwordBytes = 15;

/** The first administrator's name. */
export const administratorName = "admin";

/** A password that was made up for the first administrator. */
export interface FirstPassword {
  readonly text: string;
  readonly hash: string;
}

/** What a start has made in the record; undefined for what was there. */
export interface PreparedRecord {
  readonly apiKey: string | undefined;
  readonly password: string | undefined;
}

/** Makes up a password; hashing it takes a while, so this begins before the record is there. */
export async function makeFirstPassword(): Promise<FirstPassword> {
  const text = randomBytes(passwordBytes).toString("base64url");
  return { text, hash: await hashPassword(text) };
}

/**
 * Brings the database to this release's schema and sees to it that the key in the file is good. Returns a new key when it
 * is not: at the first start, or after the file or the database was lost; likewise the password of an administrator, when
 * there is nobody yet who could sign in.
 */
export async function prepareRecord(
  url: string,
  apiKeyFile: string,
  first: Promise<FirstPassword> | undefined,
): Promise<PreparedRecord> {
  await migrate(url);
  const store = await openStore({ url, applicationName: "millrace-dev", connectionsMax: 1 });
  try {
    const project = await store.projects.ensure(projectName);
    const known = readKey(apiKeyFile);
    const isGood = known !== undefined && (await store.apiKeys.verify(known)) !== undefined;
    const apiKey = isGood ? undefined : (await store.apiKeys.create(project.id, "dev")).key;
    const password = await first;
    if (password === undefined) return { apiKey, password: undefined };
    const user = await store.users.createFirst({
      projectId: project.id,
      name: administratorName,
      passwordHash: password.hash,
      passwordInitial: true,
      administrator: true,
    });
    return { apiKey, password: user && password.text };
  } finally {
    await store.close();
  }
}

function readKey(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8").trim();
  } catch {
    return undefined;
  }
}

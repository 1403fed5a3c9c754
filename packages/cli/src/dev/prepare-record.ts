import { readFileSync } from "node:fs";
import { migrate, openStore } from "@millrace/store";

const projectName = "default";

/**
 * Brings the database to this release's schema and sees to it that the key in the file is good. Returns a new key when it
 * is not: at the first start, or after the file or the database was lost.
 */
export async function prepareRecord(url: string, apiKeyFile: string): Promise<string | undefined> {
  await migrate(url);
  const store = await openStore({ url, applicationName: "millrace-dev", connectionsMax: 1 });
  try {
    const known = readKey(apiKeyFile);
    if (known !== undefined && (await store.apiKeys.verify(known)) !== undefined) {
      return undefined;
    }
    const project = await store.projects.ensure(projectName);
    return (await store.apiKeys.create(project.id, "dev")).key;
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

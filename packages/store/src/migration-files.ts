import { readdirSync, readFileSync } from "node:fs";

/** One step of the schema, from one file. */
export interface Migration {
  readonly number: number;
  /** `pre`: before the new release's processes start, the old ones work on. `post`: after the last old one has gone. */
  readonly kind: "pre" | "post";
  readonly name: string;
  readonly sql: string;
}

const FOLDER = new URL("../migrations/", import.meta.url);
const FILE = /^(\d{4})\.(pre|post)\.([a-z0-9-]+)\.sql$/;

/** The migrations in a folder, in their order. Default: those of this release. */
export function readMigrations(folder: URL = FOLDER): Migration[] {
  return readdirSync(folder)
    .sort()
    .flatMap((file) => {
      const match = FILE.exec(file);
      if (!match) return [];
      const sql = readFileSync(new URL(file, folder), "utf8");
      return [{ number: Number(match[1]), kind: match[2] as Migration["kind"], name: match[3]!, sql }];
    });
}

import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of this checkout. */
export const checkout = resolve(dirname(fileURLToPath(import.meta.url)), "../..");

/** Where set-up keeps what it brings beside node_modules. Deleting it makes the next start bring it anew. */
export const toolsFolder = process.env.MILLRACE_TOOLS ?? join(checkout, ".millrace-tools");

/** The file in which set-up writes down where each tool is. */
export const toolsFile = join(toolsFolder, "tools.json");

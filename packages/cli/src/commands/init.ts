import { mkdir, readdir, writeFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { PlatformError, WORKFLOW_SCHEMA } from "@millrace/core";
import type { CommandContext, CommandResult } from "../command-context.ts";

const FIRST_STEP = `def handler(pd: "pipedream"):
    # The event is the HTTP request; a key that the request lacks is looked up in its JSON body.
    name = pd.steps["trigger"]["event"].get("name", "world")
    print(f"greeting {name}")
    return {"greeting": f"Hello, {name}!"}
`;

const SECOND_STEP = `def handler(pd: "pipedream"):
    greeting = pd.steps["greet"]["$return_value"]["greeting"]
    pd.respond({"status": 200, "body": {"message": greeting}})
`;

const IGNORED = "__pycache__/\n.venv/\n.env\n";

function definition(name: string): string {
  return `# yaml-language-server: $schema=./workflow.schema.json
name: ${JSON.stringify(name)}

triggers:
  - http:
      event: request
      respond: workflow

steps:
  - name: greet
    python: greet.py
  - name: answer
    python: answer.py

settings:
  stepTimeout: 30s
  runTimeout: 5m
  memory: 256MiB
`;
}

/** Makes a folder with a workflow that runs as it is. */
export async function init(_context: CommandContext, path: string): Promise<CommandResult> {
  const folder = resolve(path);
  const present: string[] = await readdir(folder).catch(() => []);
  if (present.includes("workflow.yaml")) {
    const message = `${folder} holds a workflow already. "millrace deploy ${path}" deploys it.`;
    throw new PlatformError("AlreadyExists", "WORKFLOW_EXISTS", message, { metadata: { folder } });
  }
  const name =
    basename(folder)
      .replace(/[^\p{L}\p{N} ._-]/gu, "-")
      .replace(/^[^\p{L}\p{N}]+/u, "") || "workflow";
  const files: Readonly<Record<string, string>> = {
    "workflow.yaml": definition(name.slice(0, 64).trim()),
    "greet.py": FIRST_STEP,
    "answer.py": SECOND_STEP,
    ".gitignore": IGNORED,
    "workflow.schema.json": `${JSON.stringify(WORKFLOW_SCHEMA, null, 2)}\n`,
  };
  await mkdir(folder, { recursive: true });
  for (const [file, text] of Object.entries(files)) {
    if (!present.includes(file)) await writeFile(join(folder, file), text, { flag: "wx" });
  }
  const text = `made ${path}. Next:\n  npx millrace deploy ${quote(path)}\n  npx millrace run ${quote(name)} --event '{"name": "Ada"}'`;
  return { json: { folder, files: Object.keys(files) }, text };
}

/** Text as a shell takes it for one word. */
function quote(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

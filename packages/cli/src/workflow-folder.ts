import { open, realpath, stat } from "node:fs/promises";
import { basename, dirname, join, resolve, sep } from "node:path";
import { coerceError, PlatformError } from "@millrace/core";
import { LineCounter, isNode, parseDocument, type Document } from "yaml";
import { findModules } from "./workflow-modules.ts";

const DEFINITION_FILE = "workflow.yaml";
const DEFINITION_BYTES_MAX = 256 * 1024;
const SOURCE_BYTES_MAX = 1024 * 1024;
// A deploy is one gRPC message of at most 4 MiB; this leaves room for the definition and the framing.
const SOURCES_BYTES_MAX = 3 * 1024 * 1024;
const ALIASES_MAX = 100;

/** A workflow as files: what a deploy sends, and where each part of it stands for people. */
export interface WorkflowFolder {
  readonly folder: string;
  /** The content of `workflow.yaml` as JSON. */
  readonly definitionJson: string;
  /** Text of each file that the definition names, by its path in the folder. */
  readonly sources: Readonly<Record<string, string>>;
  /** Text of the Python modules beside the steps, by the path that imports find them by. */
  readonly modules: Readonly<Record<string, string>>;
  /** Line in `workflow.yaml` of a place such as `steps[1].python`; undefined when it is not there. */
  readonly lineOf: (path: string) => number | undefined;
}

/** Reads a workflow from a folder, or from the path of its `workflow.yaml`. Links that lead out of it are refused. */
export async function readWorkflowFolder(path: string): Promise<WorkflowFolder> {
  const given = resolve(path);
  const folder = /\.ya?ml$/.test(given) ? dirname(given) : given;
  const file = folder === given ? DEFINITION_FILE : basename(given);
  const root = await realpath(folder).catch(() => {
    throw invalid("FOLDER_NOT_FOUND", `There is no folder ${folder}.`, { folder });
  });
  const text = await readText(root, file, DEFINITION_BYTES_MAX);
  if (text === undefined) {
    const message = `There is no ${file} in ${folder}. "millrace init ${path}" makes a workflow folder.`;
    throw invalid("DEFINITION_MISSING", message, { folder });
  }
  const { document, lines } = parseYaml(text, file);
  const definition = contentOf(document, file);
  const steps = namedFiles(definition);
  const budget = new SizeBudget();
  return {
    folder,
    definitionJson: JSON.stringify(definition ?? null),
    sources: await readSources(root, steps, budget),
    modules: await readModules(root, new Set(steps), moduleFolders(definition), budget),
    lineOf: (place) => lineOf(document, lines, place),
  };
}

function parseYaml(text: string, file: string): { document: Document; lines: LineCounter } {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [problem] = document.errors;
  if (problem !== undefined) {
    const { line, col } = lines.linePos(problem.pos[0]);
    const metadata = { file, line: String(line), column: String(col) };
    throw invalid("INVALID_YAML", `${file}:${line}:${col}: ${problem.message}`, metadata);
  }
  return { document, lines };
}

/** Aliases are resolved within bounds: a few lines of them can stand for gigabytes. */
function contentOf(document: Document, file: string): unknown {
  try {
    return document.toJS({ maxAliasCount: ALIASES_MAX }) as unknown;
  } catch (thrown) {
    throw invalid("INVALID_YAML", `${file}: ${coerceError(thrown).message}`, { file });
  }
}

/** Names that the definition gives under `steps[].python`; what has another shape is left for the door to refuse. */
function namedFiles(definition: unknown): string[] {
  const steps = (definition as { steps?: unknown } | null)?.steps;
  if (!Array.isArray(steps)) return [];
  return steps.flatMap((step: { python?: unknown } | null) => (typeof step?.python === "string" ? [step.python] : []));
}

/** Folders that the definition gives under `modules`. */
function moduleFolders(definition: unknown): string[] {
  const folders = (definition as { modules?: unknown } | null)?.modules;
  return Array.isArray(folders) ? folders.filter((folder): folder is string => typeof folder === "string") : [];
}

/** Counts what all files of a deploy have together. */
class SizeBudget {
  #bytes = 0;

  take(text: string): void {
    this.#bytes += Buffer.byteLength(text);
    if (this.#bytes > SOURCES_BYTES_MAX) {
      const message = `The Python files of the workflow are larger than ${SOURCES_BYTES_MAX} bytes together.`;
      throw invalid("SOURCES_TOO_LARGE", message);
    }
  }
}

async function readModules(
  root: string,
  steps: ReadonlySet<string>,
  folders: readonly string[],
  budget: SizeBudget,
): Promise<Record<string, string>> {
  const modules: Record<string, string> = {};
  for (const { name, path } of await findModules(root, steps, folders)) {
    const text = decode(await readBounded(path, name, SOURCE_BYTES_MAX), name);
    budget.take(text);
    modules[name] = text;
  }
  return modules;
}

async function readSources(
  root: string,
  names: readonly string[],
  budget: SizeBudget,
): Promise<Record<string, string>> {
  const sources: Record<string, string> = {};
  for (const name of new Set(names)) {
    const text = await readText(root, name, SOURCE_BYTES_MAX);
    // What is missing is for the door to say: it names the step as well.
    if (text === undefined) continue;
    budget.take(text);
    sources[name] = text;
  }
  return sources;
}

/** The text of a file in the folder; undefined when there is none. */
async function readText(root: string, name: string, bytesMax: number): Promise<string | undefined> {
  const real = await realpath(join(root, name)).catch(() => undefined);
  if (real === undefined) return undefined;
  if (name.includes("\0") || !real.startsWith(root.endsWith(sep) ? root : root + sep)) {
    throw invalid("FILE_OUTSIDE_FOLDER", `${name} leads out of the workflow's folder.`, { file: name });
  }
  if (!(await stat(real)).isFile()) throw invalid("NOT_A_FILE", `${name} is not a file.`, { file: name });
  return decode(await readBounded(real, name, bytesMax), name);
}

function decode(bytes: Buffer, name: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new PlatformError("InvalidArgument", "NOT_UTF8", `${name} is not text in UTF-8.`, {
      metadata: { file: name },
      cause,
    });
  }
}

async function readBounded(path: string, name: string, bytesMax: number): Promise<Buffer> {
  const handle = await open(path);
  try {
    const buffer = Buffer.alloc(bytesMax + 1);
    let length = 0;
    for (;;) {
      const { bytesRead } = await handle.read(buffer, length, buffer.length - length);
      length += bytesRead;
      if (bytesRead === 0 || length > bytesMax) break;
    }
    if (length > bytesMax) {
      throw invalid("FILE_TOO_LARGE", `${name} is larger than ${bytesMax} bytes.`, { file: name });
    }
    return buffer.subarray(0, length);
  } finally {
    await handle.close();
  }
}

/** Finds the nearest node that exists on the way to a place. */
function lineOf(document: Document, lines: LineCounter, place: string): number | undefined {
  const keys = [...place.matchAll(/[^.[\]]+/g)].map(([key]) => (/^\d+$/.test(key) ? Number(key) : key));
  for (let length = keys.length; length > 0; length--) {
    const node = document.getIn(keys.slice(0, length), true);
    if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
  }
  return undefined;
}

function invalid(reason: string, message: string, metadata: Record<string, string> = {}): PlatformError {
  return new PlatformError("InvalidArgument", reason, message, { metadata });
}

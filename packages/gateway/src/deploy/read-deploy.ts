import {
  encodeWorkflowDefinition,
  parseWorkflowDefinition,
  PlatformError,
  WORKFLOW_BOUNDS,
  WORKFLOW_PATTERNS,
  type WorkflowDefinition,
} from "@millrace/core";
import type { session, workflowApi } from "@millrace/protocol";
import type { Deploy } from "@millrace/store";

/** Most bytes of one file, and of all files of a version together: a version travels in one message. */
const SOURCE_BYTES_MAX = 1024 * 1024;
const SOURCES_BYTES_MAX = 3 * 1024 * 1024;
const MODULES_MAX = 1000;
const DEFINITION_BYTES_MAX = 256 * 1024;

/** A deploy as asked for, checked as far as that goes without running Python. */
export interface CheckedDeploy {
  readonly definition: WorkflowDefinition;
  readonly steps: session.StepCode[];
  readonly modules: session.SourceModule[];
  /** What the record keeps. */
  readonly record: Pick<Deploy, "definition" | "sources" | "modules" | "spec" | "triggers">;
}

/**
 * Reads the definition and the files of a deploy.
 *
 * @throws PlatformError `INVALID_WORKFLOW`, `SOURCE_MISSING`, `SOURCE_UNUSED`, `SOURCE_TOO_LARGE`, `SOURCE_INVALID`,
 *   `INVALID_MODULE`
 */
export function readDeploy(request: workflowApi.DeployWorkflowRequest): CheckedDeploy {
  const definition = parseWorkflowDefinition(parseJson(request.definitionJson));
  const budget = new SourceBudget();
  const sources = readSources(definition, request.sources, budget);
  const modules = readModules(request.modules, budget);
  const { settings } = definition;
  return {
    definition,
    steps: stepCodes(definition, sources),
    modules: sourceModules(modules),
    record: {
      definition: JSON.parse(encodeWorkflowDefinition(definition)),
      sources,
      modules,
      spec: {
        pool: settings.pool,
        pythonMinor: "",
        stepNames: definition.steps.map(({ name }) => name),
        concurrencyLimit: settings.concurrency,
        queueLimit: settings.queueLimit,
        ...(settings.priority !== 0 && { priority: settings.priority }),
        runTimeoutMs: settings.runTimeoutMs,
        ...(settings.labels.length > 0 && { labels: settings.labels }),
      },
      // Triggers have no names of their own; the place among their kind keeps the endpoint over redeploys.
      triggers: definition.triggers.map((trigger, i) => ({ name: `http-${i + 1}`, kind: "http", settings: trigger })),
    },
  };
}

/** The steps of a version as a worker loads them. */
export function stepCodes(
  definition: WorkflowDefinition,
  sources: Readonly<Record<string, string>>,
): session.StepCode[] {
  return definition.steps.map(({ name, python, inputs, timeoutMs }, index) => ({
    path: `steps/${index}`,
    name,
    fileName: python,
    source: sources[python] ?? "",
    inputs: [...inputs],
    timeout: timeoutMs === 0 ? undefined : durationOf(timeoutMs),
  }));
}

/** A time as the contract carries it. */
export function durationOf(milliseconds: number): session.LoadVersion["stepTimeout"] {
  return { seconds: Math.floor(milliseconds / 1000), nanos: (milliseconds % 1000) * 1e6 };
}

/** The modules of a version as a worker loads them. */
export function sourceModules(modules: Readonly<Record<string, string>>): session.SourceModule[] {
  return Object.entries(modules).map(([path, source]) => ({ path, source }));
}

function parseJson(definitionJson: string): unknown {
  if (Buffer.byteLength(definitionJson) > DEFINITION_BYTES_MAX) {
    throw invalid("INVALID_WORKFLOW", "", `the definition is larger than ${DEFINITION_BYTES_MAX} bytes`);
  }
  try {
    return JSON.parse(definitionJson);
  } catch {
    throw invalid("INVALID_WORKFLOW", "", "the definition is not JSON");
  }
}

/** Takes exactly the files that the definition names; they are copied so that no other key comes along. */
function readSources(
  definition: WorkflowDefinition,
  files: Readonly<Record<string, string>>,
  budget: SourceBudget,
): Record<string, string> {
  const wanted = new Set(definition.steps.map(({ python }) => python));
  const sources: Record<string, string> = {};
  for (const file of wanted) {
    const text = Object.hasOwn(files, file) ? files[file] : undefined;
    if (text === undefined) throw invalid("SOURCE_MISSING", file, `${file} is named by a step but was not sent`);
    budget.take(file, text);
    sources[file] = text;
  }
  const unused = Object.keys(files).find((file) => !wanted.has(file));
  if (unused !== undefined)
    throw invalid("SOURCE_UNUSED", "", `${JSON.stringify(unused.slice(0, 120))} belongs to no step`);
  return sources;
}

/** Modules are bounded together with the steps: both travel in one message. */
function readModules(files: Readonly<Record<string, string>>, budget: SourceBudget): Record<string, string> {
  const count = Object.keys(files).length;
  if (count > MODULES_MAX) throw invalid("INVALID_MODULE", "", `${count} modules, at most ${MODULES_MAX} are allowed`);
  const modules: Record<string, string> = {};
  for (const [file, text] of Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (file.length > WORKFLOW_BOUNDS.fileNameLength || !MODULE_PATH.test(file)) {
      throw invalid("INVALID_MODULE", "", `${JSON.stringify(file.slice(0, 120))} is not the path of a Python module`);
    }
    budget.take(file, text);
    modules[file] = text;
  }
  return modules;
}

const MODULE_PATH = new RegExp(WORKFLOW_PATTERNS.fileName, "u");

/** Counts what all sources of a deploy have together. */
class SourceBudget {
  #bytes = 0;

  take(file: string, text: string): void {
    const size = Buffer.byteLength(text);
    this.#bytes += size;
    if (size > SOURCE_BYTES_MAX)
      throw invalid("SOURCE_TOO_LARGE", file, `${file} is larger than ${SOURCE_BYTES_MAX} bytes`);
    if (text.includes("\0")) throw invalid("SOURCE_INVALID", file, `${file} contains NUL`);
    if (this.#bytes > SOURCES_BYTES_MAX)
      throw invalid("SOURCE_TOO_LARGE", "", `all files together have more than ${SOURCES_BYTES_MAX} bytes`);
  }
}

function invalid(reason: string, file: string, message: string): PlatformError {
  const metadata = { "problems.0.file": file, "problems.0.path": "", "problems.0.message": message };
  return new PlatformError("InvalidArgument", reason, message, { metadata });
}

import {
  encodeWorkflowDefinition,
  parseWorkflowDefinition,
  PlatformError,
  type WorkflowDefinition,
} from "@millrace/core";
import type { session } from "@millrace/protocol";
import type { Deploy } from "@millrace/store";

/** Most bytes of one file, and of all files of a version together: a version travels in one message. */
const SOURCE_BYTES_MAX = 1024 * 1024;
const SOURCES_BYTES_MAX = 3 * 1024 * 1024;
const DEFINITION_BYTES_MAX = 256 * 1024;

/** A deploy as asked for, checked as far as that goes without running Python. */
export interface CheckedDeploy {
  readonly definition: WorkflowDefinition;
  readonly steps: session.StepCode[];
  /** What the record keeps. */
  readonly record: Pick<Deploy, "definition" | "sources" | "spec" | "triggers">;
}

/**
 * Reads the definition and the files of a deploy.
 *
 * @throws PlatformError `INVALID_WORKFLOW`, `SOURCE_MISSING`, `SOURCE_UNUSED`, `SOURCE_TOO_LARGE`, `SOURCE_INVALID`
 */
export function readDeploy(definitionJson: string, files: Readonly<Record<string, string>>): CheckedDeploy {
  const definition = parseWorkflowDefinition(parseJson(definitionJson));
  const sources = readSources(definition, files);
  const { settings } = definition;
  return {
    definition,
    steps: stepCodes(definition, sources),
    record: {
      definition: JSON.parse(encodeWorkflowDefinition(definition)),
      sources,
      spec: {
        pool: settings.pool,
        pythonMinor: "",
        stepNames: definition.steps.map(({ name }) => name),
        concurrencyLimit: settings.concurrency,
        queueLimit: settings.queueLimit,
        runTimeoutMs: settings.runTimeoutMs,
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
  return definition.steps.map(({ name, python, inputs }, index) => ({
    path: `steps/${index}`,
    name,
    fileName: python,
    source: sources[python] ?? "",
    inputs: [...inputs],
  }));
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
function readSources(definition: WorkflowDefinition, files: Readonly<Record<string, string>>): Record<string, string> {
  const wanted = new Set(definition.steps.map(({ python }) => python));
  const sources: Record<string, string> = {};
  let bytes = 0;
  for (const file of wanted) {
    const text = Object.hasOwn(files, file) ? files[file] : undefined;
    if (text === undefined) throw invalid("SOURCE_MISSING", file, `${file} is named by a step but was not sent`);
    const size = Buffer.byteLength(text);
    bytes += size;
    if (size > SOURCE_BYTES_MAX)
      throw invalid("SOURCE_TOO_LARGE", file, `${file} is larger than ${SOURCE_BYTES_MAX} bytes`);
    if (text.includes("\0")) throw invalid("SOURCE_INVALID", file, `${file} contains NUL`);
    sources[file] = text;
  }
  if (bytes > SOURCES_BYTES_MAX)
    throw invalid("SOURCE_TOO_LARGE", "", `all files together have ${bytes} bytes, more than ${SOURCES_BYTES_MAX}`);
  const unused = Object.keys(files).find((file) => !wanted.has(file));
  if (unused !== undefined)
    throw invalid("SOURCE_UNUSED", "", `${JSON.stringify(unused.slice(0, 120))} belongs to no step`);
  return sources;
}

function invalid(reason: string, file: string, message: string): PlatformError {
  const metadata = { "problems.0.file": file, "problems.0.path": "", "problems.0.message": message };
  return new PlatformError("InvalidArgument", reason, message, { metadata });
}

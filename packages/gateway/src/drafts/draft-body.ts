import { createHash, randomBytes } from "node:crypto";
import { encodeWorkflowDefinition, parseWorkflowDefinition, PlatformError, WORKFLOW_BOUNDS } from "@millrace/core";
import type { workflowApi } from "@millrace/protocol";
import type { DraftBody, DraftStepBody, VersionBody } from "@millrace/store";

/** Most bytes of a draft: what a version may have, and some more for what is not finished. */
const BODY_BYTES_MAX = 4 * 1024 * 1024;
const ID_BYTES = 8;

/** The code of a new step: the documented template. */
export const STEP_TEMPLATE = `def handler(pd: "pipedream"):
    # Reference data from previous steps
    print(pd.steps["trigger"]["context"]["id"])
    # Return data for use in future steps
    return {"foo": {"test": True}}
`;

/** The draft of a workflow that has no version yet. */
export function emptyBody(name: string): DraftBody {
  return {
    settings: { name, triggers: [{ http: { event: "request", respond: "workflow" } }] },
    steps: [],
    modules: {},
  };
}

/** The draft that a version is. */
export function bodyOfVersion(version: Pick<VersionBody, "definition" | "sources" | "modules">): DraftBody {
  const { steps = [], ...settings } = version.definition as { steps?: { name: string; python: string }[] };
  return {
    settings,
    steps: steps.map(({ name, python, ...options }) => ({
      ...{ id: newStepId(), name, file: python, options },
      code: version.sources[python] ?? "",
    })),
    modules: version.modules,
  };
}

/** An id for a step, which it keeps. */
export function newStepId(): string {
  return randomBytes(ID_BYTES).toString("hex");
}

/** What a deploy of a draft brings. Steps that share a file but not the code get files of their own. */
export function toDeploy(name: string, { settings, steps, modules }: DraftBody): workflowApi.DeployWorkflowRequest {
  const sources: Record<string, string> = {};
  const listed = steps.map((step) => {
    const file = freeFile(sources, step);
    sources[file] = step.code;
    return { ...step.options, name: step.name, python: file };
  });
  return {
    name: "",
    definitionJson: JSON.stringify({ ...settings, name, steps: listed }),
    sources,
    modules: { ...modules },
    checkTimeout: undefined,
    upgradePackages: false,
    packageTimeout: undefined,
  };
}

function freeFile(sources: Readonly<Record<string, string>>, { file, code }: DraftStepBody): string {
  const isFree = (name: string): boolean => !Object.hasOwn(sources, name) || sources[name] === code;
  for (let n = 1; ; n++) {
    const name = n === 1 ? file : file.replace(/\.py$/, `_${n}.py`);
    if (isFree(name)) return name;
  }
}

/** Whether a draft says something else than a version. */
export function differs(name: string, body: DraftBody, version: VersionBody | undefined): boolean {
  if (version === undefined) return true;
  try {
    const { definitionJson, sources, modules } = toDeploy(name, body);
    const now = [definitionOf(definitionJson), sortedEntries(sources), sortedEntries(modules)];
    const before = [version.definition, sortedEntries(version.sources), sortedEntries(version.modules)];
    return JSON.stringify(now) !== JSON.stringify(before);
  } catch {
    // It is no definition that could be a version.
    return true;
  }
}

/** A definition as a version keeps it, with defaults filled in. Throws where it is none. */
function definitionOf(definitionJson: string): unknown {
  return JSON.parse(encodeWorkflowDefinition(parseWorkflowDefinition(JSON.parse(definitionJson))));
}

/** A draft's definition as people compare it with a version's: as a version would keep it, or as it is where it could be none. */
export function comparableDefinition(definitionJson: string): unknown {
  try {
    return definitionOf(definitionJson);
  } catch {
    return JSON.parse(definitionJson);
  }
}

function sortedEntries(files: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Names what a step is: the same again has the same etag. */
export function etagOfStep({ name, file, code, options }: DraftStepBody): string {
  return createHash("sha256")
    .update(JSON.stringify([name, file, code, options]))
    .digest("hex")
    .slice(0, 16);
}

/** Throws `INVALID_DRAFT` and `DRAFT_TOO_LARGE`: what is merely not finished is a draft, too. */
export function checkBody(body: DraftBody): DraftBody {
  if (body.steps.length > WORKFLOW_BOUNDS.steps) throw invalidDraft(`at most ${WORKFLOW_BOUNDS.steps} steps`);
  for (const { name, file, code } of body.steps) {
    if (name === "" || name.length > WORKFLOW_BOUNDS.stepNameLength) {
      throw invalidDraft(`a step's name has 1 to ${WORKFLOW_BOUNDS.stepNameLength} characters`);
    }
    if (!file.endsWith(".py") || file.length > WORKFLOW_BOUNDS.fileNameLength) {
      throw invalidDraft("a step's file ends in .py");
    }
    if (code.includes("\0") || name.includes("\0")) throw invalidDraft("a step contains NUL");
  }
  if (Buffer.byteLength(JSON.stringify(body)) > BODY_BYTES_MAX) {
    throw new PlatformError("InvalidArgument", "DRAFT_TOO_LARGE", `a draft has at most ${BODY_BYTES_MAX} bytes`);
  }
  return body;
}

/** The JSON object that a field of a request has; empty for none. Throws `INVALID_DRAFT`. */
export function objectOf(json: string, field: string): Record<string, unknown> {
  if (json === "") return {};
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw invalidDraft(`${field} is not a JSON object`);
}

/** A file name for a step, made of its name. */
export function fileOfName(name: string): string {
  const plain = name.normalize("NFKD").replace(/[^A-Za-z0-9_]+/g, "_");
  return `${plain.replace(/^_+|_+$/g, "").slice(0, 60) || "step"}.py`;
}

export function invalidDraft(message: string): PlatformError {
  return new PlatformError("InvalidArgument", "INVALID_DRAFT", message);
}

import { PlatformError } from "../errors.ts";
import { describe, FieldReader, type DefinitionProblem, type QuantityRule, type TextRule } from "./field-reader.ts";
import { formatBytes, formatDuration, parseInteger } from "./quantity.ts";
import { readInputs } from "./read-inputs.ts";
import { readModuleFolders, readRequirements } from "./read-dependencies.ts";
import { readSettings, timeout } from "./read-settings.ts";
import {
  WORKFLOW_BOUNDS as BOUNDS,
  WORKFLOW_PATTERNS as PATTERNS,
  type HttpTriggerDefinition,
  type StaticResponse,
  type StepDefinition,
  type WorkflowDefinition,
  type WorkflowSettings,
} from "./workflow-definition.ts";

const NAME: TextRule = {
  pattern: new RegExp(PATTERNS.name, "u"),
  lengthMax: BOUNDS.nameLength,
  expected: "a name of letters, digits, blanks, dots, underscores and hyphens that starts with a letter or digit",
};
const STEP_NAME: TextRule = {
  pattern: new RegExp(PATTERNS.stepName, "u"),
  lengthMax: BOUNDS.stepNameLength,
  expected: "printable text without blanks at its ends",
};
const FILE_NAME: TextRule = {
  pattern: new RegExp(PATTERNS.fileName, "u"),
  lengthMax: BOUNDS.fileNameLength,
  expected: "a .py file inside the workflow's folder",
};
const HEADER_NAME = new RegExp(PATTERNS.headerName, "u");
const HEADER_VALUE = new RegExp(PATTERNS.headerValue, "u");

/** The name under which a run's trigger stands in `pd.steps`; no step may take it. */
const TRIGGER_KEY = "trigger";

/**
 * Checks the content of a `workflow.yaml` and fills in its defaults.
 *
 * @param value what the YAML or JSON text says
 * @throws PlatformError `INVALID_WORKFLOW`, whose message and metadata list every problem with its path
 */
export function parseWorkflowDefinition(value: unknown): WorkflowDefinition {
  const problems: DefinitionProblem[] = [];
  const definition = readWorkflow(value, problems);
  if (definition === undefined || problems.length > 0) throw invalidWorkflow(problems);
  return definition;
}

/** Problems that one error names; it travels in headers, which are small. The rest is only counted. */
const PROBLEMS_SHOWN = 20;

function invalidWorkflow(problems: readonly DefinitionProblem[]): PlatformError {
  const shown = problems.slice(0, PROBLEMS_SHOWN);
  const metadata: Record<string, string> = {};
  for (const [index, problem] of shown.entries()) {
    metadata[`problems.${index}.path`] = problem.path;
    metadata[`problems.${index}.message`] = problem.message;
  }
  const lines = shown.map(({ path, message }) => (path === "" ? message : `${path}: ${message}`));
  if (problems.length > PROBLEMS_SHOWN) lines.push(`and ${problems.length - PROBLEMS_SHOWN} more`);
  return new PlatformError("InvalidArgument", "INVALID_WORKFLOW", lines.join("; "), { metadata });
}

function readWorkflow(value: unknown, problems: DefinitionProblem[]): WorkflowDefinition | undefined {
  const fields = FieldReader.open(value, "", problems);
  if (fields === undefined) return undefined;
  const name = fields.text("name", NAME);
  const triggers = readTriggers(fields, problems);
  const steps = readSteps(fields, problems);
  const requirements = readRequirements(fields, problems);
  const modules = readModuleFolders(fields, problems);
  const settings = readSettings(fields, problems);
  checkTimeouts(steps, settings, problems);
  // Editors find the schema through this key; it means nothing to the house.
  fields.value("$schema");
  fields.finish();
  return { name, triggers, steps, requirements, modules, settings };
}

/** `triggers` is the list; `trigger` says the same of a single one. */
function readTriggers(fields: FieldReader, problems: DefinitionProblem[]): HttpTriggerDefinition[] {
  const single = fields.value("trigger");
  if (single !== undefined && fields.value("triggers") !== undefined) {
    fields.problem("trigger", "give either trigger or triggers");
  }
  const list =
    single === undefined
      ? fields.list("triggers", { min: 0, max: BOUNDS.triggers }).map((value, i) => ({ value, path: `triggers[${i}]` }))
      : [{ value: single, path: "trigger" }];
  return list.flatMap(({ value, path }) => readTrigger(value, path, problems) ?? []);
}

function readTrigger(value: unknown, path: string, problems: DefinitionProblem[]): HttpTriggerDefinition | undefined {
  const kinds = FieldReader.open(value, path, problems);
  if (kinds === undefined) return undefined;
  // `- http:` alone is YAML for null and means an HTTP trigger with its defaults.
  const isBare = Object.hasOwn(value as object, "http") && kinds.value("http") === undefined;
  const fields = FieldReader.open(isBare ? {} : kinds.value("http"), kinds.pathOf("http"), problems);
  kinds.finish();
  if (fields === undefined) return undefined;
  const event = fields.choice("event", ["request", "body"], "request");
  const respond = fields.choice("respond", ["immediate", "static", "workflow"], "immediate");
  const response = readStaticResponse(fields, problems);
  fields.finish();
  if (respond === "static") return { kind: "http", event, respond, response: response ?? EMPTY_RESPONSE };
  if (response !== undefined) fields.problem("response", "only read when respond is static");
  return { kind: "http", event, respond, response: undefined };
}

const EMPTY_RESPONSE: StaticResponse = { status: 200, headers: [], body: "" };

const STATUS: QuantityRule = {
  parse: parseInteger,
  format: String,
  min: 200,
  max: 599,
  fallback: 200,
  expected: "an HTTP status",
};

function readStaticResponse(trigger: FieldReader, problems: DefinitionProblem[]): StaticResponse | undefined {
  const value = trigger.value("response");
  if (value === undefined) return undefined;
  const fields = FieldReader.open(value, trigger.pathOf("response"), problems);
  if (fields === undefined) return undefined;
  const status = fields.quantity("status", STATUS);
  const headers = readHeaders(fields, problems);
  const body = fields.value("body");
  const text = body === undefined || typeof body === "string" ? (body ?? "") : JSON.stringify(body);
  if (text.length > BOUNDS.responseBodyBytes) {
    fields.problem("body", `longer than ${formatBytes(BOUNDS.responseBodyBytes)}`);
  }
  fields.finish();
  const isJson = body !== undefined && typeof body !== "string";
  const hasType = headers.some(({ name }) => name.toLowerCase() === "content-type");
  return {
    status,
    headers: isJson && !hasType ? [...headers, { name: "content-type", value: "application/json" }] : headers,
    body: text,
  };
}

function readHeaders(response: FieldReader, problems: DefinitionProblem[]): { name: string; value: string }[] {
  const value = response.value("headers");
  if (value === undefined) return [];
  const fields = FieldReader.open(value, response.pathOf("headers"), problems);
  if (fields === undefined) return [];
  const entries = Object.entries(value as Record<string, unknown>);
  if (entries.length > BOUNDS.responseHeaders) response.problem("headers", `more than ${BOUNDS.responseHeaders}`);
  for (const [name, content] of entries) {
    if (!HEADER_NAME.test(name)) response.problem("headers", `${describe(name)} is not a header name`);
    else if (typeof content === "object" || !HEADER_VALUE.test(String(content))) {
      fields.problem(name, `expected a header value, got ${describe(content)}`);
    }
  }
  return entries.map(([name, content]) => ({ name, value: String(content) }));
}

function readSteps(workflow: FieldReader, problems: DefinitionProblem[]): StepDefinition[] {
  const firstUse = new Map<string, number>();
  return workflow.list("steps", { min: 1, max: BOUNDS.steps }).flatMap((value, index) => {
    const fields = FieldReader.open(value, `steps[${index}]`, problems);
    if (fields === undefined) return [];
    const name = fields.text("name", STEP_NAME);
    const python = fields.text("python", FILE_NAME);
    const twin = firstUse.get(name);
    if (name === TRIGGER_KEY) fields.problem("name", `"${TRIGGER_KEY}" is the name of the trigger`);
    else if (name !== "" && twin !== undefined) fields.problem("name", `taken by steps[${twin}]`);
    firstUse.set(name, twin ?? index);
    const inputs = readInputs(fields, problems);
    const timeoutMs = fields.quantity("timeout", STEP_TIMEOUT);
    fields.finish();
    return [{ name, python, inputs, timeoutMs }];
  });
}

const STEP_TIMEOUT = timeout(0);

/** A step's own limit behind the run's would never be reached: its author would wait for something that cannot be. */
function checkTimeouts(
  steps: readonly StepDefinition[],
  { runTimeoutMs }: WorkflowSettings,
  problems: DefinitionProblem[],
): void {
  for (const [index, { timeoutMs }] of steps.entries()) {
    if (timeoutMs <= runTimeoutMs) continue;
    const most = `at most ${formatDuration(runTimeoutMs)}, the time limit of the run (settings.runTimeout)`;
    problems.push({ path: `steps[${index}].timeout`, message: `must be ${most}, got ${formatDuration(timeoutMs)}` });
  }
}

import { FieldReader, type DefinitionProblem, type QuantityRule, type TextRule } from "./field-reader.ts";
import { formatBytes, formatDuration, parseBytes, parseDurationMs, parseInteger } from "./quantity.ts";
import {
  WORKFLOW_BOUNDS as BOUNDS,
  WORKFLOW_PATTERNS as PATTERNS,
  WORKFLOW_SETTINGS_DEFAULT as DEFAULTS,
  type WorkflowSettings,
} from "./workflow-definition.ts";

const POOL: TextRule = {
  pattern: new RegExp(PATTERNS.pool, "u"),
  lengthMax: 63,
  expected: "a pool's name of lower-case letters, digits and hyphens",
};

const LABEL: TextRule = {
  pattern: new RegExp(PATTERNS.label, "u"),
  lengthMax: 63,
  expected: "a label of letters, digits and . _ = / -",
};

/** A time limit; `fallback` is what it is when it is not said. */
export function timeout(fallback: number): QuantityRule {
  return {
    parse: parseDurationMs,
    format: formatDuration,
    min: BOUNDS.timeoutMinMs,
    max: BOUNDS.timeoutMaxMs,
    fallback,
    expected: 'a duration such as "30s" or "5m", or a number of seconds',
  };
}

const STEP_TIMEOUT = timeout(DEFAULTS.stepTimeoutMs);
const RUN_TIMEOUT = timeout(DEFAULTS.runTimeoutMs);
const MEMORY = size(BOUNDS.memoryMinBytes, BOUNDS.memoryMaxBytes, DEFAULTS.memoryBytes);
const TMP = size(BOUNDS.tmpMinBytes, BOUNDS.tmpMaxBytes, DEFAULTS.tmpBytes);
const LOGS = size(BOUNDS.logMinBytes, BOUNDS.logMaxBytes, DEFAULTS.logBytes);
const CPU: QuantityRule = {
  parse: (value) => (typeof value === "number" && Number.isFinite(value) ? Math.round(value * 1000) : undefined),
  format: (millis) => String(millis / 1000),
  min: BOUNDS.cpuMinMillis,
  max: BOUNDS.cpuMaxMillis,
  fallback: DEFAULTS.cpuMillis,
  expected: "a number of processors such as 0.5 or 2",
};
const PROCESSES = count(BOUNDS.processesMin, BOUNDS.processesMax, DEFAULTS.processes);
const CONCURRENCY = count(1, BOUNDS.concurrency, DEFAULTS.concurrency);
const PRIORITY = count(BOUNDS.priorityMin, BOUNDS.priorityMax, DEFAULTS.priority);
const HISTORY_DAYS = count(1, BOUNDS.historyDays, DEFAULTS.historyDays);
const HISTORY_RUNS = count(1, BOUNDS.historyRuns, DEFAULTS.historyRuns);
const QUEUE_LIMIT = count(1, BOUNDS.queueLimit, DEFAULTS.queueLimit);

function size(min: number, max: number, fallback: number): QuantityRule {
  const expected = 'a size with its unit such as "256MB" or "1GiB"';
  return { parse: parseBytes, format: formatBytes, min, max, fallback, expected };
}

function count(min: number, max: number, fallback: number): QuantityRule {
  return { parse: parseInteger, format: String, min, max, fallback, expected: "a whole number" };
}

/** Each once, in order: what a version asks for does not depend on how it was written. */
function readLabels(fields: FieldReader): string[] {
  const labels = fields.texts("labels", LABEL, BOUNDS.labels);
  return [...new Set(labels)].sort();
}

/** Reads `settings`, each with its default when it is not said. */
export function readSettings(workflow: FieldReader, problems: DefinitionProblem[]): WorkflowSettings {
  const value = workflow.value("settings");
  if (value === undefined) return DEFAULTS;
  const fields = FieldReader.open(value, workflow.pathOf("settings"), problems);
  if (fields === undefined) return DEFAULTS;
  const settings: WorkflowSettings = {
    stepTimeoutMs: fields.quantity("stepTimeout", STEP_TIMEOUT),
    runTimeoutMs: fields.quantity("runTimeout", RUN_TIMEOUT),
    memoryBytes: fields.quantity("memory", MEMORY),
    concurrency: fields.quantity("concurrency", CONCURRENCY),
    queueLimit: fields.quantity("queueLimit", QUEUE_LIMIT),
    priority: fields.quantity("priority", PRIORITY),
    pool: fields.value("pool") === undefined ? DEFAULTS.pool : fields.text("pool", POOL),
    labels: readLabels(fields),
    tmpBytes: fields.quantity("tmp", TMP),
    cpuMillis: fields.quantity("cpu", CPU),
    processes: fields.quantity("processes", PROCESSES),
    logBytes: fields.quantity("logs", LOGS),
    historyDays: fields.quantity("historyDays", HISTORY_DAYS),
    historyRuns: fields.quantity("historyRuns", HISTORY_RUNS),
  };
  fields.finish();
  return settings;
}

import {
  WORKFLOW_BOUNDS as BOUNDS,
  WORKFLOW_PATTERNS as PATTERNS,
  WORKFLOW_SETTINGS_DEFAULT as DEFAULTS,
} from "./workflow-definition.ts";
import { formatBytes, formatDuration } from "./quantity.ts";

const duration = (description: string, fallbackMs?: number) => ({
  description: `${description} A duration such as "30s", "5m" or "1h30m", or a number of seconds.`,
  ...(fallbackMs !== undefined && { default: formatDuration(fallbackMs) }),
  anyOf: [
    { type: "string", pattern: "^(\\d{1,9}(\\.\\d{1,3})?(ms|s|m|h))+$" },
    { type: "number", minimum: 0 },
  ],
});

const size = (description: string, min: number, max: number) => ({
  type: "string",
  pattern: "^\\d{1,12}(\\.\\d{1,3})? ?(B|KB|MB|GB|KiB|MiB|GiB)$",
  description: `${description}; from ${formatBytes(min)} to ${formatBytes(max)}.`,
});

const staticResponse = {
  type: "object",
  description: "The answer to every request; only with `respond: static`.",
  additionalProperties: false,
  properties: {
    status: { type: "integer", minimum: 200, maximum: 599, default: 200 },
    headers: {
      type: "object",
      maxProperties: BOUNDS.responseHeaders,
      additionalProperties: { type: ["string", "number", "boolean"] },
    },
    body: { description: "Text as it goes out; anything else goes out as JSON." },
  },
};

const trigger = {
  type: "object",
  additionalProperties: false,
  required: ["http"],
  properties: {
    http: {
      type: ["object", "null"],
      description: "Runs start by requests to an address of the workflow's own, with any method and any path below it.",
      additionalProperties: false,
      properties: {
        event: {
          enum: ["request", "body"],
          default: "request",
          description: "What steps get as the event: the whole request, or its body alone.",
        },
        respond: {
          enum: ["immediate", "static", "workflow"],
          default: "immediate",
          description:
            "Who answers: the house at once with the run's id, `response` at once, or the workflow with `pd.respond`.",
        },
        response: staticResponse,
      },
    },
  },
};

const target = { type: "string", maxLength: BOUNDS.inputTargetLength, pattern: PATTERNS.inputTarget };

const inputs = {
  type: "object",
  maxProperties: BOUNDS.inputs,
  propertyNames: { pattern: PATTERNS.inputName },
  description: "What the step finds in `pd.inputs`, by name: data stores and connected accounts of the project.",
  additionalProperties: {
    type: "object",
    additionalProperties: false,
    minProperties: 1,
    maxProperties: 1,
    properties: {
      store: { ...target, description: "Name of a data store; made when it is first used." },
      account: { ...target, description: "Name of a connected account." },
    },
  },
};

const step = {
  type: "object",
  additionalProperties: false,
  required: ["name", "python"],
  properties: {
    name: {
      type: "string",
      maxLength: BOUNDS.stepNameLength,
      pattern: PATTERNS.stepName,
      description: 'Key of the step in `pd.steps`; unique in the workflow and not "trigger".',
    },
    python: {
      type: "string",
      maxLength: BOUNDS.fileNameLength,
      pattern: PATTERNS.fileName,
      description: "File with the step's Python code, relative to this folder.",
    },
    inputs,
    timeout: duration("Time limit of this step, in place of the workflow's `stepTimeout`; at most its `runTimeout`."),
  },
};

const settings = {
  type: "object",
  additionalProperties: false,
  properties: {
    stepTimeout: duration("Time limit of each step that says none of its own.", DEFAULTS.stepTimeoutMs),
    runTimeout: duration("Time limit of a run.", DEFAULTS.runTimeoutMs),
    memory: {
      ...size("Memory limit of an environment", BOUNDS.memoryMinBytes, BOUNDS.memoryMaxBytes),
      default: formatBytes(DEFAULTS.memoryBytes),
    },
    tmp: size("Size of an environment's /tmp, by default what the pool gives", BOUNDS.tmpMinBytes, BOUNDS.tmpMaxBytes),
    cpu: {
      type: "number",
      minimum: BOUNDS.cpuMinMillis / 1000,
      maximum: BOUNDS.cpuMaxMillis / 1000,
      description: "Processors that an environment may use, such as 0.5; without it there is no limit.",
    },
    processes: {
      type: "integer",
      minimum: BOUNDS.processesMin,
      maximum: BOUNDS.processesMax,
      description: "Most processes and threads of an environment, by default what the pool gives.",
    },
    logs: size("Most log bytes of one step, by default what the pool gives", BOUNDS.logMinBytes, BOUNDS.logMaxBytes),
    historyDays: {
      type: "integer",
      minimum: 1,
      maximum: BOUNDS.historyDays,
      description: "Days that ended runs are kept, with their logs; without it the project's setting holds.",
    },
    historyRuns: {
      type: "integer",
      minimum: 1,
      maximum: BOUNDS.historyRuns,
      description: "Most ended runs that are kept, the newest; without it the project's setting holds.",
    },
    concurrency: {
      type: "integer",
      minimum: 1,
      maximum: BOUNDS.concurrency,
      description: "Most runs at the same time; without it there is no limit. At 1, runs start in the order they came.",
    },
    queueLimit: {
      type: "integer",
      minimum: 1,
      maximum: BOUNDS.queueLimit,
      default: DEFAULTS.queueLimit,
      description: "Most waiting runs; beyond it requests are answered 429.",
    },
    priority: {
      type: "integer",
      minimum: BOUNDS.priorityMin,
      maximum: BOUNDS.priorityMax,
      default: DEFAULTS.priority,
      description:
        "Of runs that say none of their own. Waiting runs of the workflow with a higher one start first, others in the order they came.",
    },
    pool: {
      type: "string",
      pattern: PATTERNS.pool,
      default: DEFAULTS.pool,
      description: "Pool of the runners that run it.",
    },
    labels: {
      type: "array",
      maxItems: BOUNDS.labels,
      items: { type: "string", pattern: PATTERNS.label },
      description: "Labels that a runner of the pool must all have to run it, such as gpu or zone=eu.",
    },
  },
};

/** JSON Schema of `workflow.yaml`, for editors. `parseWorkflowDefinition` checks the same and what a schema cannot say. */
export const WORKFLOW_SCHEMA = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  title: "Millrace workflow",
  type: "object",
  additionalProperties: false,
  required: ["name", "steps"],
  properties: {
    $schema: { type: "string" },
    name: {
      type: "string",
      maxLength: BOUNDS.nameLength,
      pattern: PATTERNS.name,
      description: "Name of the workflow, unique in its project.",
    },
    trigger: { ...trigger, description: "The only trigger; `triggers` says the same of several." },
    triggers: { type: "array", maxItems: BOUNDS.triggers, items: trigger, description: "What starts runs." },
    steps: {
      type: "array",
      minItems: 1,
      maxItems: BOUNDS.steps,
      items: step,
      description: "Python steps, run in this order.",
    },
    requirements: {
      type: "array",
      maxItems: BOUNDS.requirements,
      items: { type: "string", maxLength: 400 },
      description: 'Packages from PyPI such as "pandas>=2,<3"; most are found by the imports of the steps alone.',
    },
    modules: {
      type: "array",
      maxItems: BOUNDS.moduleFolders,
      items: { type: "string", maxLength: BOUNDS.fileNameLength, pattern: PATTERNS.modulesFolder },
      description: 'Folders with Python modules that the steps import, beside this one, such as "../shared".',
    },
    settings,
  },
} as const;

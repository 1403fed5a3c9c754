import { PRIORITY_MAX, PRIORITY_MIN } from "../run/run-spec.ts";

/** What a workflow is: the content of `workflow.yaml`, checked and with its defaults filled in. */
export interface WorkflowDefinition {
  /** Unique in the project; what people call it. */
  readonly name: string;
  readonly triggers: readonly HttpTriggerDefinition[];
  /** In order; step i has the path `steps/<i>`. */
  readonly steps: readonly StepDefinition[];
  /** Packages that a person asks for, in the form of PEP 508; they replace what imports suggest. */
  readonly requirements: readonly string[];
  /** Further folders of Python modules that steps import, relative to the workflow's; read by who deploys from files. */
  readonly modules: readonly string[];
  readonly settings: WorkflowSettings;
}

/** What an HTTP trigger hands over: the whole request, or its body alone. */
export type EventShape = "request" | "body";

/** Who answers the HTTP client, and when: the house at once, the settings at once, or the workflow. */
export type RespondMode = "immediate" | "static" | "workflow";

export interface HttpTriggerDefinition {
  readonly kind: "http";
  readonly event: EventShape;
  readonly respond: RespondMode;
  /** Set exactly when `respond` is `static`. */
  readonly response: StaticResponse | undefined;
}

/** The answer that a `static` trigger gives to every request. */
export interface StaticResponse {
  readonly status: number;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  /** Text as it goes out; a body given as an object goes out as JSON. */
  readonly body: string;
}

export interface StepDefinition {
  /** Key of the step in `pd.steps`; unique in the workflow. */
  readonly name: string;
  /** File with its Python source, relative to the folder of `workflow.yaml`. */
  readonly python: string;
  /** What the step finds in `pd.inputs`. */
  readonly inputs: readonly StepInput[];
  /** Its own time limit; 0 means the workflow's `stepTimeoutMs`. */
  readonly timeoutMs: number;
}

/** What a step may be given beside its event. */
export const STEP_INPUT_KINDS = ["store", "account"] as const;

/** One entry of `pd.inputs`: a data store or a connected account of the project. */
export interface StepInput {
  /** Key in `pd.inputs`. */
  readonly name: string;
  readonly kind: (typeof STEP_INPUT_KINDS)[number];
  /** Name of the store or of the account. */
  readonly target: string;
}

export interface WorkflowSettings {
  readonly stepTimeoutMs: number;
  /** Without the time that a run was suspended. */
  readonly runTimeoutMs: number;
  /** Of one execution environment. */
  readonly memoryBytes: number;
  /** Most runs at the same time; 0 means no limit. */
  readonly concurrency: number;
  /** Most waiting runs. */
  readonly queueLimit: number;
  /** Of runs that say none; higher ones start first. */
  readonly priority: number;
  readonly pool: string;
  /** Labels that a runner must all have; sorted. */
  readonly labels: readonly string[];
  /** Size of an environment's `/tmp`; 0 means what the pool gives. */
  readonly tmpBytes: number;
  /** Processor time of an environment in thousandths of one core; 0 means no limit. */
  readonly cpuMillis: number;
  /** Most processes and threads of an environment; 0 means what the pool gives. */
  readonly processes: number;
  /** Most log bytes of one step; 0 means what the pool gives. */
  readonly logBytes: number;
  /** Days that ended runs are kept; 0 means what the project says. */
  readonly historyDays: number;
  /** Most ended runs that are kept; 0 means what the project says. */
  readonly historyRuns: number;
}

/** Settings of a workflow that says nothing. */
export const WORKFLOW_SETTINGS_DEFAULT: WorkflowSettings = {
  stepTimeoutMs: 30_000,
  runTimeoutMs: 300_000,
  memoryBytes: 256 * 1024 ** 2,
  concurrency: 0,
  queueLimit: 10_000,
  priority: 0,
  pool: "default",
  labels: [],
  tmpBytes: 0,
  cpuMillis: 0,
  processes: 0,
  logBytes: 0,
  historyDays: 0,
  historyRuns: 0,
};

/** Bounds that a definition is checked against; the JSON Schema shows the same. */
export const WORKFLOW_BOUNDS = {
  nameLength: 64,
  stepNameLength: 64,
  fileNameLength: 200,
  steps: 100,
  inputs: 50,
  inputTargetLength: 64,
  triggers: 10,
  requirements: 200,
  moduleFolders: 10,
  timeoutMinMs: 10,
  timeoutMaxMs: 24 * 3_600_000,
  memoryMinBytes: 32 * 1024 ** 2,
  memoryMaxBytes: 64 * 1024 ** 3,
  tmpMinBytes: 1024 ** 2,
  tmpMaxBytes: 64 * 1024 ** 3,
  cpuMinMillis: 50,
  cpuMaxMillis: 64_000,
  processesMin: 4,
  processesMax: 4_096,
  logMinBytes: 1024,
  logMaxBytes: 256 * 1024 ** 2,
  historyDays: 3_650,
  historyRuns: 1_000_000,
  concurrency: 10_000,
  labels: 16,
  queueLimit: 2_000_000,
  priorityMin: PRIORITY_MIN,
  priorityMax: PRIORITY_MAX,
  responseHeaders: 50,
  responseBodyBytes: 64 * 1024,
} as const;

/** Patterns that a definition is checked against; the JSON Schema shows the same. */
export const WORKFLOW_PATTERNS = {
  /** Letters and digits of any script, then also blanks, dots, underscores and hyphens; no blank at the end. */
  name: "^[\\p{L}\\p{N}](?:[\\p{L}\\p{M}\\p{N} ._-]*[\\p{L}\\p{M}\\p{N}._-])?$",
  /** Printable, without blanks at either end. */
  stepName: "^(?! )[^\\p{C}\\p{Zl}\\p{Zp}]+(?<! )$",
  /** Segments of letters, digits, dots, underscores, hyphens and blanks, none of them starting with a dot. */
  fileName: "^(?:[\\p{L}\\p{N}_-][\\p{L}\\p{M}\\p{N} ._-]*/)*[\\p{L}\\p{N}_-][\\p{L}\\p{M}\\p{N} ._-]*\\.py$",
  inputName: "^[A-Za-z_][A-Za-z0-9_]{0,63}$",
  inputTarget: "^[\\p{L}\\p{N}][\\p{L}\\p{M}\\p{N}._-]*$",
  modulesFolder: "^(?:\\.\\./)*[\\p{L}\\p{N}_.-][\\p{L}\\p{M}\\p{N} ._/-]*$",
  pool: "^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$",
  label: "^[A-Za-z0-9](?:[A-Za-z0-9._=/-]{0,61}[A-Za-z0-9])?$",
  headerName: "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$",
  headerValue: "^[\\t\\x20-\\x7e\\x80-\\xff]*$",
} as const;

import { APP_NAME, isRunId, parseFilePath, PlatformError, WORKFLOW_BOUNDS, WORKFLOW_PATTERNS } from "@millrace/core";

/** Stands in a name for "any". */
const ANY = "-";
const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;
const ACCOUNT_NAME = new RegExp(WORKFLOW_PATTERNS.inputTarget, "u");
const SHOWN_MAX = 120;
const REST_MAX = 200;

/** `workflows/<id or display name>` → the id or name. Throws `INVALID_NAME`. */
export function parseWorkflowName(name: string): string {
  const workflow = afterPrefix(name, "workflows/");
  if (workflow === undefined || workflow === ANY) throw invalidName(name, "workflows/<workflow>");
  return workflow;
}

/** `workflows/<id or display name>` → the id or name; undefined for all, which `workflows/-` and nothing mean. */
export function parseWorkflowFilter(name: string): string | undefined {
  return name === "" || name === `workflows/${ANY}` ? undefined : parseWorkflowName(name);
}

/** A run as a request names it. */
export interface RunName {
  /** Undefined when the request leaves it open. */
  readonly workflow: string | undefined;
  readonly runId: string;
}

/** `workflows/<workflow>/runs/<run>`. Throws `INVALID_NAME`. */
export function parseRunName(name: string): RunName {
  const [workflow, run] = splitRunName(name);
  if (workflow === undefined || run === undefined || !isRunId(run)) {
    throw invalidName(name, "workflows/<workflow>/runs/<run id>");
  }
  return { workflow: workflow === ANY ? undefined : workflow, runId: run };
}

/** What a tail follows: one run, the runs of one workflow, or all. Throws `INVALID_NAME`. */
export function parseTailName(name: string): { workflow: string | undefined; runId: string | undefined } {
  const [workflow, run] = splitRunName(name);
  if (workflow === undefined || run === undefined || (run !== ANY && !isRunId(run))) {
    throw invalidName(name, "workflows/<workflow>/runs/<run id>, - standing for any");
  }
  return { workflow: workflow === ANY ? undefined : workflow, runId: run === ANY ? undefined : run };
}

const POOL_NAME = /^[A-Za-z0-9_-]{1,64}$/;

/** `pools/<pool>` → the pool. Throws `INVALID_NAME`. */
export function parsePoolName(name: string): string {
  const pool = afterPrefix(name, "pools/");
  if (pool === undefined || pool === ANY || !POOL_NAME.test(pool)) throw invalidName(name, "pools/<pool>");
  return pool;
}

/** `pools/<pool>/runners/<runner>`, `-` standing for any pool. Throws `INVALID_NAME`. */
export function parseRunnerName(name: string): { pool: string | undefined; runner: string } {
  const [pools, pool = "", runners, runner = "", ...more] = name.split("/");
  const fits = pools === "pools" && runners === "runners" && POOL_NAME.test(pool) && POOL_NAME.test(runner);
  if (!fits || more.length > 0) throw invalidName(name, "pools/<pool>/runners/<runner>, - standing for any pool");
  return { pool: pool === ANY ? undefined : pool, runner };
}

/** `variables/<NAME>` → the NAME. Throws `INVALID_VARIABLE`: whatever is wrong with a variable has one reason. */
export function parseVariableName(name: string): string {
  const variable = afterPrefix(name, "variables/");
  if (variable === undefined || !VARIABLE_NAME.test(variable)) {
    const form = "variables/<NAME>, the NAME a letter or _, then letters, digits and _, at most 128";
    throw invalidName(name, form, "INVALID_VARIABLE");
  }
  return variable;
}

/** `accounts/<name>` → the name. Throws `INVALID_NAME`. */
export function parseAccountName(name: string): string {
  const account = afterPrefix(name, "accounts/");
  if (account === undefined || account.length > WORKFLOW_BOUNDS.inputTargetLength || !ACCOUNT_NAME.test(account)) {
    throw invalidName(name, "accounts/<name>, the name letters, digits, dots, underscores and hyphens, at most 64");
  }
  return account;
}

/** `apps/<app>` → the app. Throws `INVALID_NAME`. */
export function parseAppName(name: string): string {
  const app = afterPrefix(name, "apps/");
  if (app === undefined || !APP_NAME.test(app)) {
    throw invalidName(
      name,
      "apps/<app>, the app lower-case letters, digits and underscores, a letter first, at most 64",
    );
  }
  return app;
}

/** `files/<path>` → the path, by the rules of `parseFilePath`. Throws `INVALID_NAME` and `INVALID_PATH`. */
export function parseFileName(name: string): string {
  if (!name.startsWith("files/")) throw invalidName(name, "files/<path>");
  return parseFilePath(name.slice("files/".length));
}

/** The name of a run. */
export function runNameOf(workflowId: string, runId: string): string {
  return `workflows/${workflowId}/runs/${runId}`;
}

function splitRunName(name: string): [string?, string?] {
  const rest = name.startsWith("workflows/") ? name.slice("workflows/".length) : "";
  const parts = rest.split("/");
  return parts.length === 3 && parts[0] !== "" && parts[1] === "runs" ? [parts[0], parts[2]] : [];
}

function afterPrefix(name: string, prefix: string): string | undefined {
  const rest = name.startsWith(prefix) ? name.slice(prefix.length) : "";
  return rest === "" || rest.length > REST_MAX || rest.includes("/") ? undefined : rest;
}

function invalidName(name: string, expected: string, reason = "INVALID_NAME"): PlatformError {
  const shown = JSON.stringify(name.slice(0, SHOWN_MAX));
  return new PlatformError("InvalidArgument", reason, `${shown} is not a name of the form ${expected}`);
}

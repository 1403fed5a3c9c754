import { coerceError, type PlatformError } from "@millrace/core";
import type { CommandResult } from "../command-context.ts";
import { exitCode, exitCodeOf } from "../exit-code.ts";
import { sanitize } from "./sanitize.ts";
import type { Style } from "./style.ts";

/** A mistake in a workflow's files, as people and programs read it. */
export interface ReportedProblem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly path: string;
  readonly message: string;
}

/** Prints what a command came to and returns its exit code. */
export function reportResult(result: CommandResult, json: boolean): number {
  if (json && result.json !== undefined) process.stdout.write(`${JSON.stringify(result.json)}\n`);
  if (!json && result.text !== undefined && result.text !== "") process.stdout.write(`${result.text}\n`);
  return result.exitCode ?? exitCode.ok;
}

/** Prints why a command failed and returns its exit code. */
export function reportError(thrown: unknown, json: boolean, style: Style): number {
  const error = coerceError(thrown);
  if (json) process.stdout.write(`${JSON.stringify(errorDocument(error))}\n`);
  else process.stderr.write(errorText(error, style));
  return exitCodeOf(error.kind);
}

function errorDocument(error: PlatformError): unknown {
  const problems = problemsOf(error);
  const rest = Object.entries(error.metadata).filter(([key]) => !key.startsWith("problems."));
  const details = { ...Object.fromEntries(rest), ...(problems.length > 0 ? { problems } : {}) };
  return { error: { reason: error.reason, message: error.message, details } };
}

function errorText(error: PlatformError, style: Style): string {
  const problems = problemsOf(error);
  const lines =
    problems.length === 0
      ? [`${style.bad("error:")} ${sanitize(error.message)}`]
      : [style.bad("error:") + " the workflow has mistakes, nothing was changed", ...problems.map(problemLine)];
  return `${[...lines, style.dim(`reason: ${error.reason}`)].join("\n")}\n`;
}

function problemLine({ file, line, column, path, message }: ReportedProblem): string {
  const place = [file || "workflow.yaml", line, column].filter((part) => part !== 0).join(":");
  return `  ${sanitize(place)}: ${sanitize(path === "" ? message : `${path}: ${message}`)}`;
}

/** The mistakes that a refused deploy lists in its error's metadata. */
export function problemsOf(error: PlatformError): ReportedProblem[] {
  const problems: ReportedProblem[] = [];
  for (let index = 0; `problems.${index}.message` in error.metadata; index++) {
    const get = (key: string): string => error.metadata[`problems.${index}.${key}`] ?? "";
    problems.push({
      file: get("file"),
      line: Number(get("line")) || 0,
      column: Number(get("column")) || 0,
      path: get("path"),
      message: get("message"),
    });
  }
  return problems;
}

import type { Channels } from "@millrace/bus";
import { coerceError, PlatformError } from "@millrace/core";
import type { control } from "@millrace/protocol";
import type { RunnerDirectory } from "../services/runner-directory.ts";

const RETRY_MS = 200;
const REQUEST_MS = 10_000;

/** Problems shown of one deploy; the rest is only counted. */
const PROBLEMS_MAX = 20;

/** Has a runner look at sources, without running anything of them. */
export class SourceCheck {
  readonly #channels: Pick<Channels, "check">;
  readonly #runners: Pick<RunnerDirectory, "pick">;

  constructor(channels: Pick<Channels, "check">, runners: Pick<RunnerDirectory, "pick">) {
    this.#channels = channels;
    this.#runners = runners;
  }

  /**
   * What the sources import, when every one of them compiles, or those of the files that are named.
   *
   * @throws PlatformError `SOURCE_INVALID` with every problem; `NO_RUNNER` and `CHECK_FAILED` when that lasts all the time
   */
  async examine(
    request: control.CheckSourcesRequest,
    timeoutMs: number,
    files?: ReadonlySet<string>,
  ): Promise<control.CheckSourcesResponse> {
    const found = await this.look(request, timeoutMs);
    const problems = found.problems.filter(({ fileName }) => files === undefined || files.has(fileName));
    if (problems.length > 0) throw sourceInvalid(problems);
    return found;
  }

  /** What the sources import and what is wrong with them. A house that has just started may not have its runner yet, so nobody being there is asked again for a while. */
  async look(request: control.CheckSourcesRequest, timeoutMs: number): Promise<control.CheckSourcesResponse> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const leftMs = deadline - performance.now();
      try {
        const runner = this.#runners.pick();
        if (runner === undefined) throw noRunner();
        const timeoutMs = Math.max(1, Math.min(leftMs, REQUEST_MS));
        return await this.#channels.check(runner).request(request, { timeoutMs });
      } catch (thrown) {
        const error = coerceError(thrown);
        if (error.reason === "PAYLOAD_TOO_LARGE") throw error;
        if (performance.now() + RETRY_MS >= deadline) throw checkFailed(error);
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

/** Nobody there, or somebody there who could not do it: a person does different things about the two. */
function checkFailed(cause: PlatformError): PlatformError {
  if (cause.reason === "NO_RUNNER") return cause;
  if (cause.reason === "BUS_NO_RESPONDERS" || cause.reason === "BUS_TIMEOUT") {
    return noRunner(cause);
  }
  return new PlatformError("Unavailable", "CHECK_FAILED", `the code could not be checked: ${cause.message}`, { cause });
}

function noRunner(cause?: PlatformError): PlatformError {
  const message = 'no runner is there to check the code; "millrace status" shows those that are';
  return new PlatformError("Unavailable", "NO_RUNNER", message, { cause });
}

function sourceInvalid(problems: readonly control.SourceProblem[]): PlatformError {
  return deployRefused("SOURCE_INVALID", problems);
}

/** A mistake in what a deploy brings. */
export interface DeployProblem {
  readonly fileName: string;
  /** 0 when unknown. */
  readonly line: number;
  readonly column?: number;
  /** Place in the definition. */
  readonly path?: string;
  readonly message: string;
}

/** The error that refuses a deploy and lists its mistakes. */
export function deployRefused(reason: string, problems: readonly DeployProblem[]): PlatformError {
  const metadata: Record<string, string> = {};
  const shown = problems.slice(0, PROBLEMS_MAX);
  for (const [index, { fileName, line, column = 0, path = "", message }] of shown.entries()) {
    metadata[`problems.${index}.file`] = fileName;
    metadata[`problems.${index}.line`] = String(line);
    metadata[`problems.${index}.column`] = String(column);
    if (path !== "") metadata[`problems.${index}.path`] = path;
    metadata[`problems.${index}.message`] = message;
  }
  const lines = shown.map(({ fileName, line, path = "", message }) => {
    const place = fileName === "" ? path : `${fileName}:${line}`;
    return place === "" ? message : `${place}: ${message}`;
  });
  const more = problems.length > PROBLEMS_MAX ? [`and ${problems.length - PROBLEMS_MAX} more`] : [];
  return new PlatformError("InvalidArgument", reason, [...lines, ...more].join("; "), { metadata });
}

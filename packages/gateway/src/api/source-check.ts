import type { Service } from "@millrace/bus";
import { coerceError, PlatformError } from "@millrace/core";
import type { control, session } from "@millrace/protocol";

const RETRY_MS = 200;
const REQUEST_MS = 10_000;

/** Problems shown of one deploy; the rest is only counted. */
const PROBLEMS_MAX = 20;

/** Has a runner compile sources, without running anything of them. */
export class SourceCheck {
  readonly #service: Service<control.CheckSourcesRequest, control.CheckSourcesResponse>;

  constructor(service: Service<control.CheckSourcesRequest, control.CheckSourcesResponse>) {
    this.#service = service;
  }

  /**
   * Resolves when every step compiles.
   *
   * @throws PlatformError `SOURCE_INVALID` with every problem; `NO_RUNNER` and `CHECK_FAILED` when that lasts all the time
   */
  async assertCompiles(steps: session.StepCode[], timeoutMs: number): Promise<void> {
    const { problems } = await this.#ask({ steps }, timeoutMs);
    if (problems.length > 0) throw sourceInvalid(problems);
  }

  /** A house that has just started may not have its runner yet, so nobody being there is asked again for a while. */
  async #ask(request: control.CheckSourcesRequest, timeoutMs: number): Promise<control.CheckSourcesResponse> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const leftMs = deadline - performance.now();
      try {
        return await this.#service.request(request, { timeoutMs: Math.max(1, Math.min(leftMs, REQUEST_MS)) });
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
  if (cause.reason === "BUS_NO_RESPONDERS" || cause.reason === "BUS_TIMEOUT") {
    const message = 'no runner is there to check the code; "millrace status" shows those that are';
    return new PlatformError("Unavailable", "NO_RUNNER", message, { cause });
  }
  return new PlatformError("Unavailable", "CHECK_FAILED", `the code could not be checked: ${cause.message}`, { cause });
}

function sourceInvalid(problems: readonly control.SourceProblem[]): PlatformError {
  const metadata: Record<string, string> = {};
  for (const [index, problem] of problems.slice(0, PROBLEMS_MAX).entries()) {
    metadata[`problems.${index}.file`] = problem.fileName;
    metadata[`problems.${index}.line`] = String(problem.line);
    metadata[`problems.${index}.column`] = String(problem.column);
    metadata[`problems.${index}.message`] = problem.message;
  }
  const lines = problems.slice(0, PROBLEMS_MAX).map(({ fileName, line, message }) => `${fileName}:${line}: ${message}`);
  const more = problems.length > PROBLEMS_MAX ? [`and ${problems.length - PROBLEMS_MAX} more`] : [];
  return new PlatformError("InvalidArgument", "SOURCE_INVALID", [...lines, ...more].join("; "), { metadata });
}

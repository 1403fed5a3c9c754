import { PlatformError } from "@millrace/core";
import type { control, session } from "@millrace/protocol";

/** One question that any gateway answers; its refusal is thrown. */
interface Question<Request, Response> {
  request(request: Request, options: { timeoutMs: number }): Promise<Response>;
}

/** Whom to ask, and how patiently. */
export interface DefinitionSourceOptions {
  readonly version: Question<control.GetVersionRequest, control.GetVersionResponse>;
  readonly environment: Question<control.GetEnvironmentRequest, control.GetEnvironmentResponse>;
  /** All tries together end after this; then the run goes back to its owner. */
  readonly timeoutMs: number;
}

/** A project's environment variables as a gateway tells them. */
export interface FetchedEnvironment {
  readonly generation: number;
  /** Undefined when the known generation is still right. */
  readonly variables: Record<string, string> | undefined;
  readonly secretNames: readonly string[];
}

const RETRY_FIRST_MS = 50;
const RETRY_MAX_MS = 1000;
/** The first try is short: it may have gone to a gateway that is frozen, and copies cost next to nothing. */
const TRY_FIRST_MS = 250;
const TRY_MAX_MS = 2000;

/** Reasons that another try cannot cure. */
const PERMANENT: ReadonlySet<string> = new Set([
  "RUN_TOKEN_INVALID",
  "RUN_TOKEN_EXPIRED",
  "PERMISSION_DENIED",
  "VERSION_NOT_FOUND",
  "NOT_FOUND",
]);

/** Asks any gateway for what a run needs, with the run's token; retries with a growing pause until its time is over. */
export class DefinitionSource {
  readonly #options: DefinitionSourceOptions;

  constructor(options: DefinitionSourceOptions) {
    this.#options = options;
  }

  /** The body of the version that the token's assignment runs. */
  async fetchVersion(runToken: string): Promise<session.LoadVersion> {
    const { version } = this.#options;
    return await this.#retry(async (timeoutMs) => {
      const response = await version.request({ runToken }, { timeoutMs });
      if (response.version !== undefined) return response.version;
      throw new PlatformError("Unavailable", "INVALID_DEFINITION", "a gateway answered without the version");
    });
  }

  /** The environment variables of the token's project, unless the known generation is still right. */
  async fetchEnvironment(runToken: string, knownGeneration: number): Promise<FetchedEnvironment> {
    const { environment } = this.#options;
    return await this.#retry(async (timeoutMs) => {
      const response = await environment.request({ runToken, knownGeneration }, { timeoutMs });
      const { generation, changed, variables, secretNames } = response;
      return { generation, variables: changed ? variables : undefined, secretNames };
    });
  }

  async #retry<T>(attempt: (timeoutMs: number) => Promise<T>): Promise<T> {
    const end = performance.now() + this.#options.timeoutMs;
    let tryMs = TRY_FIRST_MS;
    for (let pauseMs = RETRY_FIRST_MS; ; pauseMs = Math.min(pauseMs * 2, RETRY_MAX_MS)) {
      try {
        return await attempt(Math.max(1, Math.min(tryMs, end - performance.now())));
      } catch (error) {
        const permanent = error instanceof PlatformError && PERMANENT.has(error.reason);
        if (permanent || performance.now() + pauseMs >= end) throw error;
      }
      tryMs = Math.min(tryMs * 2, TRY_MAX_MS);
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
}

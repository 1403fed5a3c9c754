import { PlatformError } from "@millrace/core";
import { control, type session } from "@millrace/protocol";

/** What this room needs of the bus. */
export interface Requester {
  request(subject: string, data: Uint8Array, options: { timeoutMs: number }): Promise<Uint8Array>;
}

/** Where and how patiently gateways are asked. */
export interface DefinitionSourceOptions {
  readonly requester: Requester;
  readonly versionSubject: string;
  readonly environmentSubject: string;
  /** One request waits this long for a gateway. */
  readonly requestTimeoutMs: number;
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

/** Reasons that another try cannot cure. */
const PERMANENT: ReadonlySet<string> = new Set([
  "INVALID_RUN_TOKEN",
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
    const request = control.GetVersionRequest.encode({ runToken }).finish();
    return await this.#retry(async () => {
      const response = control.GetVersionResponse.decode(await this.#ask(this.#options.versionSubject, request));
      if (response.error !== undefined || response.version === undefined) throw refused(response.error, "version");
      return response.version;
    });
  }

  /** The environment variables of the token's project, unless the known generation is still right. */
  async fetchEnvironment(runToken: string, knownGeneration: number): Promise<FetchedEnvironment> {
    const request = control.GetEnvironmentRequest.encode({ runToken, knownGeneration }).finish();
    return await this.#retry(async () => {
      const response = control.GetEnvironmentResponse.decode(await this.#ask(this.#options.environmentSubject, request));
      if (response.error !== undefined) throw refused(response.error, "environment");
      const { generation, changed, secretNames } = response;
      return { generation, variables: changed ? response.variables : undefined, secretNames };
    });
  }

  #ask(subject: string, request: Uint8Array): Promise<Uint8Array> {
    return this.#options.requester.request(subject, request, { timeoutMs: this.#options.requestTimeoutMs });
  }

  async #retry<T>(attempt: () => Promise<T>): Promise<T> {
    const end = performance.now() + this.#options.timeoutMs;
    for (let pauseMs = RETRY_FIRST_MS; ; pauseMs = Math.min(pauseMs * 2, RETRY_MAX_MS)) {
      try {
        return await attempt();
      } catch (error) {
        const permanent = error instanceof PlatformError && PERMANENT.has(error.reason);
        if (permanent || performance.now() + pauseMs >= end) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
}

function refused(error: control.ControlError | undefined, what: string): PlatformError {
  const reason = error?.reason || "INVALID_DEFINITION";
  return new PlatformError("Unavailable", reason, `a gateway refused the ${what}: ${error?.message || "empty answer"}`);
}

import { SecretMatcher } from "../logs/secret-matcher.ts";
import type { FetchedEnvironment } from "./definition-source.ts";

/** A project's environment variables at one generation. */
export interface Environment {
  readonly generation: number;
  readonly variables: Record<string, string>;
  /** Masks the values that are marked secret. */
  readonly secrets: SecretMatcher;
}

/** How old a project's variables may be when a run starts with them. */
export interface EnvironmentFreshness {
  /** From this age on a start asks again in the background. */
  readonly revalidateAfterMs: number;
  /** From this age on a start waits for the answer. */
  readonly staleAfterMs: number;
  /** Most projects kept. */
  readonly projectsMax: number;
}

interface Entry {
  readonly environment: Environment;
  /** When the question was sent whose answer confirmed it, by the monotonic clock. */
  readonly confirmedMs: number;
}

type Fetch = (runToken: string, knownGeneration: number) => Promise<FetchedEnvironment>;

/** Environment variables by project, as fresh as asked for, at the cost of one small request every few seconds. */
export class EnvironmentCache {
  readonly #fetch: Fetch;
  readonly #freshness: EnvironmentFreshness;
  readonly #now: () => number;
  readonly #entries = new Map<string, Entry>();
  readonly #flights = new Map<string, Promise<Environment>>();
  /** What was asked for before this may have been answered before a change. */
  #changedMs = -Infinity;

  constructor(fetch: Fetch, freshness: EnvironmentFreshness, now: () => number = () => performance.now()) {
    this.#fetch = fetch;
    this.#freshness = freshness;
    this.#now = now;
  }

  /** The variables when they are fresh enough to start with; asks again in the background when that is due. */
  peek(projectId: string, runToken: string): Environment | undefined {
    const entry = this.#entries.get(projectId);
    if (entry === undefined) return undefined;
    const age = this.#now() - entry.confirmedMs;
    if (age >= this.#freshness.staleAfterMs || entry.confirmedMs < this.#changedMs) return undefined;
    if (age >= this.#freshness.revalidateAfterMs) {
      // A failure costs nothing yet: the next start asks again, and waits once they are stale.
      this.#refresh(projectId, runToken).catch(() => undefined);
    }
    return entry.environment;
  }

  /** The variables, fetched with the run's token when they are not fresh enough. */
  async get(projectId: string, runToken: string): Promise<Environment> {
    return this.peek(projectId, runToken) ?? (await this.#refresh(projectId, runToken));
  }

  /** Variables may have changed: the next start of each project waits for an answer. */
  invalidate(): void {
    this.#changedMs = this.#now();
    this.#flights.clear();
  }

  #refresh(projectId: string, runToken: string): Promise<Environment> {
    const running = this.#flights.get(projectId);
    if (running !== undefined) return running;
    const flight = this.#load(projectId, runToken).finally(() => {
      if (this.#flights.get(projectId) === flight) this.#flights.delete(projectId);
    });
    this.#flights.set(projectId, flight);
    return flight;
  }

  async #load(projectId: string, runToken: string): Promise<Environment> {
    const asked = this.#now();
    const known = this.#entries.get(projectId)?.environment;
    const fetched = await this.#fetch(runToken, known?.generation ?? 0);
    const current = this.#entries.get(projectId)?.environment;
    if (current !== undefined && current.generation > fetched.generation && current !== known) return current;
    const environment = fetched.variables === undefined ? (known ?? emptyEnvironment(fetched)) : compile(fetched);
    this.#keep(projectId, { environment, confirmedMs: asked });
    return environment;
  }

  #keep(projectId: string, entry: Entry): void {
    this.#entries.delete(projectId);
    this.#entries.set(projectId, entry);
    if (this.#entries.size > this.#freshness.projectsMax) {
      this.#entries.delete(this.#entries.keys().next().value!);
    }
  }
}

function emptyEnvironment(fetched: FetchedEnvironment): Environment {
  return { generation: fetched.generation, variables: {}, secrets: new SecretMatcher([]) };
}

function compile(fetched: FetchedEnvironment): Environment {
  const variables = fetched.variables ?? {};
  const secrets = fetched.secretNames.flatMap((name) => (Object.hasOwn(variables, name) ? [variables[name]!] : []));
  return { generation: fetched.generation, variables, secrets: new SecretMatcher(secrets) };
}

import { SecretMatcher } from "./secret-matcher.ts";

/** Bounds of what is remembered. */
const VERSIONS_MAX = 1_000;
/** Of one version; a token that is refreshed every hour is then remembered for days. */
const SECRETS_MAX = 64;

interface Granted {
  readonly secrets: Set<string>;
  matcher: SecretMatcher;
}

/**
 * Secrets that steps were given while they ran, such as tokens of accounts. They are kept by version, as warm environments
 * are: code of a later run may still hold what an earlier one has asked for.
 */
export class GrantedSecrets {
  readonly #versions = new Map<string, Granted>();

  /** What masks them; undefined when the version was given none. */
  matcherOf(versionId: string): SecretMatcher | undefined {
    return this.#versions.size === 0 ? undefined : this.#versions.get(versionId)?.matcher;
  }

  /** Remembers what a version was given, before it gets it. */
  add(versionId: string, given: readonly string[]): void {
    const known = this.#versions.get(versionId);
    const secrets = known?.secrets ?? new Set<string>();
    const news = given.filter((secret) => !secrets.has(secret));
    this.#versions.delete(versionId);
    // What is given again and again, beside a token that is another one each hour, is among the last to be forgotten.
    for (const secret of given) secrets.delete(secret);
    for (const secret of given) secrets.add(secret);
    while (secrets.size > SECRETS_MAX) secrets.delete(secrets.values().next().value!);
    const matcher = known === undefined || news.length > 0 ? new SecretMatcher(secrets) : known.matcher;
    this.#versions.set(versionId, { secrets, matcher });
    if (this.#versions.size > VERSIONS_MAX) this.#versions.delete(this.#versions.keys().next().value!);
  }
}

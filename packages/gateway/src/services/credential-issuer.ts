import { ANYONE, isUserKey, issueRunner, poolOf, type BusSubscription, type Channels } from "@millrace/bus";
import { PlatformError } from "@millrace/core";
import type { control } from "@millrace/protocol";
import type { RunnerIdentities } from "@millrace/store";
import type { Logger } from "@millrace/telemetry";

const NAME = /^[A-Za-z0-9_-]{1,64}$/;

export interface CredentialIssuerOptions {
  readonly channels: Pick<Channels, "join" | "renewCredential">;
  readonly identities: RunnerIdentities;
  /** Private key of the house's account at NATS. */
  readonly accountSeed: string;
  readonly lifeMs: number;
  readonly log: Logger;
}

/**
 * Gives runners their identities at NATS: a credential for a key that the runner has made itself, for one name, for one
 * pool, for a limited time. The subject of a request says of which pool, and of a further one also by which runner: NATS
 * has checked both. A name that lives belongs to its key.
 */
export class CredentialIssuer {
  readonly #options: CredentialIssuerOptions;
  #subscriptions: BusSubscription[] = [];

  constructor(options: CredentialIssuerOptions) {
    this.#options = options;
  }

  start(): void {
    const { channels } = this.#options;
    this.#subscriptions = [
      channels.join(ANYONE, ANYONE).serve((request, { subject }) => this.issue(request, poolOf(subject))),
      channels.renewCredential().serve((request, { subject, runner }) => {
        if (request.runner === runner) return this.issue(request, poolOf(subject));
        throw new PlatformError("PermissionDenied", "RUNNER_NAME_FOREIGN", "a runner renews its own credential only");
      }),
    ];
  }

  stop(): void {
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
  }

  async issue(
    { runner, publicKey }: control.IssueCredentialRequest,
    pool: string,
  ): Promise<control.IssueCredentialResponse> {
    const { identities, accountSeed, lifeMs, log } = this.#options;
    if (!NAME.test(runner)) throw new PlatformError("InvalidArgument", "INVALID_RUNNER_NAME", "not a name of a runner");
    if (!isUserKey(publicKey))
      throw new PlatformError("InvalidArgument", "INVALID_KEY", "not the public key of a user");
    await identities.claim({ name: runner, pool, publicKey, lifeMs });
    const expiresAtMs = Date.now() + lifeMs;
    const jwt = issueRunner(accountSeed, { runner, pool, publicKey, expiresAtMs });
    log.info("runner.credential_issued", { runner, pool, publicKey, lifeMs });
    return { jwt, expireTime: new Date(expiresAtMs), error: undefined };
  }
}

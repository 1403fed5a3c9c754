import { PlatformError } from "@millrace/core";
import { connect, jwtAuthenticator } from "@nats-io/transport-node";
import { translateNatsError } from "../bus-errors.ts";
import { serversOf } from "../dial.ts";
import { tlsOptions, type TlsFiles } from "../tls.ts";
import { accountOf, issueAccountKeeper, type NatsKeys } from "./authority.ts";
import { publicKeyOf, readJwt } from "./jwt.ts";

const TIMEOUT_MS = 5_000;
/** Of two accounts made in the same second the servers keep the first. */
const NEXT_SECOND_MS = 1_100;
const TRIES_MAX = 5;

/**
 * Makes every credential that was issued for these keys until now void, at all servers and at once: their connections are
 * cut, and stay refused after restarts too.
 */
export async function revokeKeys(
  url: string,
  keys: NatsKeys,
  revoked: readonly string[],
  tls?: TlsFiles,
): Promise<void> {
  const { jwt, seed } = issueAccountKeeper(keys);
  const what = "revoking credentials at NATS";
  const connection = await connect({
    servers: serversOf(url),
    authenticator: jwtAuthenticator(jwt, Buffer.from(seed)),
    timeout: TIMEOUT_MS,
    ...tlsOptions(tls),
  }).catch((thrown: unknown) => {
    throw translateNatsError(thrown, what);
  });
  const account = publicKeyOf(keys.accountSeed);
  const ask = async (subject: string, text = ""): Promise<string> =>
    (await connection.request(subject, text, { timeout: TIMEOUT_MS })).string();
  const current = async (): Promise<Readonly<Record<string, number>>> => {
    const claims = readJwt(await ask(`$SYS.REQ.ACCOUNT.${account}.CLAIMS.LOOKUP`));
    return (claims.nats["revocations"] ?? {}) as Record<string, number>;
  };
  try {
    for (let tries = 1; tries <= TRIES_MAX; tries++) {
      const nowS = Math.floor(Date.now() / 1000);
      const added = Object.fromEntries(revoked.map((key) => [key, nowS]));
      await ask("$SYS.REQ.CLAIMS.UPDATE", accountOf(keys, { ...(await current()), ...added }));
      const known = await current();
      if (revoked.every((key) => (known[key] ?? 0) >= nowS)) return;
      await new Promise((resolve) => setTimeout(resolve, NEXT_SECOND_MS));
    }
  } catch (thrown) {
    throw translateNatsError(thrown, what);
  } finally {
    await connection.close();
  }
  throw new PlatformError("Unavailable", "NOT_REVOKED", "the NATS servers did not take the revocation");
}

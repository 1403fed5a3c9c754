import { lookup as resolve, type LookupAddress } from "node:dns";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { BlockList, isIP, type LookupFunction } from "node:net";
import { PlatformError } from "@millrace/core";

/** How the gateway talks to providers of accounts. */
export interface ProviderClientOptions {
  /** Let it talk to loopback and private addresses, and without TLS. */
  readonly privateAddresses: boolean;
  readonly timeoutMs: number;
}

/** A request to a provider. */
export interface ProviderRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** What a provider answered. */
export interface ProviderAnswer {
  readonly status: number;
  readonly body: string;
}

const ANSWER_BYTES_MAX = 1024 * 1024;

/** Asks a provider; redirects are not followed. Throws `PROVIDER_UNAVAILABLE` and `PROVIDER_NOT_ALLOWED`. */
export type AskProvider = (request: ProviderRequest) => Promise<ProviderAnswer>;

/**
 * Addresses come from people with an API key, and what is behind the gateway is none of their business: unless the operator
 * says otherwise, only public addresses are asked, checked on the address that is really connected to.
 */
export function createProviderClient(options: ProviderClientOptions): AskProvider {
  return async (request) => {
    const url = checkedUrl(request.url, options);
    const { promise, resolve: done, reject } = Promise.withResolvers<IncomingMessage>();
    const send = url.protocol === "https:" ? httpsRequest : httpRequest;
    const outgoing = send(url, {
      method: request.method,
      headers: { accept: "application/json", "user-agent": "millrace", ...request.headers },
      signal: AbortSignal.timeout(options.timeoutMs),
      ...(!options.privateAddresses && { lookup: publicLookup, agent: false }),
    });
    outgoing.once("response", done).on("error", reject);
    outgoing.end(request.body);
    try {
      const response = await promise;
      return { status: response.statusCode ?? 0, body: await readAll(response) };
    } catch (thrown) {
      throw unavailable(url, thrown);
    }
  };
}

function checkedUrl(text: string, { privateAddresses }: ProviderClientOptions): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) throw notAllowed("it is no http or https address");
  if (privateAddresses) return url;
  if (url.protocol !== "https:") throw notAllowed(`${url.host} is not asked without TLS`);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (isIP(host) !== 0 && isPrivate(host)) throw notAllowed(`${url.host} is no public address`);
  return url;
}

const PRIVATE = new BlockList();
for (const [network, prefix] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["224.0.0.0", 3],
] as const)
  PRIVATE.addSubnet(network, prefix, "ipv4");
for (const [network, prefix] of [
  ["::", 96],
  ["64:ff9b::", 32],
  ["100::", 64],
  ["fc00::", 7],
  ["fe80::", 10],
  ["ff00::", 8],
] as const)
  PRIVATE.addSubnet(network, prefix, "ipv6");

/** True for an address that is not one of the public network. */
export function isPrivate(address: string): boolean {
  return PRIVATE.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");
}

/** Looks a name up and refuses it when any of its addresses is private. */
const publicLookup: LookupFunction = (hostname, options, callback) => {
  resolve(hostname, { ...options, all: true }, (error, found) => {
    const addresses = found as readonly LookupAddress[] | undefined;
    const refused = addresses?.some(({ address }) => isPrivate(address)) === true;
    const trouble = error ?? (refused ? notAllowed(`${hostname} has no public address`) : null);
    if (trouble !== null || addresses?.[0] === undefined) {
      callback(trouble ?? notAllowed(`${hostname} has no address`), "", 0);
    } else if (options.all === true) callback(null, [...addresses]);
    else callback(null, addresses[0].address, addresses[0].family);
  });
};

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX) {
      response.destroy();
      throw new PlatformError("Unavailable", "PROVIDER_UNAVAILABLE", "the provider's answer is too large");
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function notAllowed(why: string): PlatformError {
  const message = `the gateway does not ask the provider: ${why} (MILLRACE_PROVIDER_PRIVATE_ADDRESSES)`;
  return new PlatformError("FailedPrecondition", "PROVIDER_NOT_ALLOWED", message);
}

/** The host is named, never the path or the query, which may hold a secret. */
function unavailable(url: URL, thrown: unknown): PlatformError {
  if (thrown instanceof PlatformError) return thrown;
  const error = thrown as NodeJS.ErrnoException;
  const why =
    error.name === "TimeoutError" || error.name === "AbortError" ? "no answer in time" : (error.code ?? "it failed");
  return new PlatformError("Unavailable", "PROVIDER_UNAVAILABLE", `${url.host} cannot be asked: ${why}`, {
    cause: thrown,
  });
}

import type { IncomingMessage } from "node:http";

/**
 * The caller's address. Behind proxies of the operator's own it is what the outermost of them has seen; whatever a caller
 * claims further left in `X-Forwarded-For` is its own invention.
 */
export function clientIpOf(request: IncomingMessage, trustedProxies: number): string {
  const direct = plainAddress(request.socket.remoteAddress ?? "");
  if (trustedProxies === 0) return direct;
  const header = request.headers["x-forwarded-for"];
  const hops = typeof header === "string" ? header.split(",").map((hop) => hop.trim()) : [];
  const hop = hops[Math.max(0, hops.length - trustedProxies)];
  return hop === undefined || hop === "" ? direct : plainAddress(hop.slice(0, 64));
}

/** An IPv4 address that a socket for both families shows as IPv6. */
function plainAddress(address: string): string {
  return address.startsWith("::ffff:") ? address.slice(7) : address;
}

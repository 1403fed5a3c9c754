import type { GatewaySettings } from "@millrace/config";
import type { ServiceBinding } from "@millrace/rpc";
import type { Logger } from "@millrace/telemetry";
import type { ApiCaller } from "../api/api-caller.ts";
import type { ByteBudget } from "../http/byte-budget.ts";
import type { PeopleRoom } from "../people/people-room.ts";
import { CorsPolicy } from "./cors-policy.ts";
import { RestDoor } from "./rest-door.ts";
import { SessionCookies } from "./session-cookies.ts";

export interface RestDoorParts {
  readonly settings: GatewaySettings;
  readonly people: PeopleRoom;
  readonly services: readonly ServiceBinding<ApiCaller>[];
  readonly budget: ByteBudget;
  readonly publicUrl: () => string;
  readonly deadlineMs: number;
  readonly version: string;
  readonly log: Logger;
}

/** Wires the API's HTTP door. */
export function openRestDoor(parts: RestDoorParts): RestDoor {
  const { settings, people, budget, publicUrl, deadlineMs, version, log } = parts;
  const origins = settings.corsOrigins.split(",").map((origin) => origin.trim());
  return new RestDoor({
    services: parts.services,
    authenticate: (credentials) => people.callers.authenticate(credentials),
    cookies: new SessionCookies(publicUrl, Math.floor(people.lives.lifeMs / 1_000)),
    cors: new CorsPolicy(origins.filter((origin) => origin !== "")),
    trustedProxies: settings.trustedProxies,
    budget,
    bodyBytesMax: settings.grpcMessageBytesMax,
    deadlineMs,
    heartbeatMs: settings.eventHeartbeatMs,
    stallMs: settings.streamStallMs,
    version,
    log,
  });
}

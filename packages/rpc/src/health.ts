import type { Server } from "@grpc/grpc-js";
import { HealthImplementation } from "grpc-health-check";

/** `grpc.health.v1.Health` of a server. */
export interface Health {
  setServing(serving: boolean): void;
}

/** Adds the standard health service; the whole server is one subject, named "". */
export function addHealth(server: Server): Health {
  const health = new HealthImplementation({ "": "NOT_SERVING" });
  health.addToServer(server);
  return { setServing: (serving) => health.setStatus("", serving ? "SERVING" : "NOT_SERVING") };
}

import type { IncomingMessage } from "node:http";

/** Kinds of workers, as browsers name what they fetch a script for. */
const WORKERS = new Set(["audioworklet", "paintworklet", "serviceworker", "sharedworker", "worker"]);
/** What the web app itself may run in a worker. */
const OWN = "/assets/";

/**
 * True when a browser asks for the script of a worker where only workflows and people have put something: a service worker
 * from there would stand between the browser and the whole house, and no other worker has any business there either.
 */
export function isForeignWorkerScript({ headers }: IncomingMessage, path: string): boolean {
  const dest = headers["sec-fetch-dest"];
  const asks = headers["service-worker"] !== undefined || (typeof dest === "string" && WORKERS.has(dest));
  return asks && !path.startsWith(OWN);
}

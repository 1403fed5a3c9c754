import { connectBus, findLeases, inboxes, silentLog, type LeasePlaces } from "@millrace/bus";
import { brokerSettings, natsOptions, parseSettings } from "@millrace/config";
import { coerceError } from "@millrace/core";
import { bad, good, type Check } from "./check.ts";

const CONNECT_MS = 3_000;
/** Servers of a cluster that hold leases. */
const PLACES = 3;

/** Where the schedulers of a house on other machines hold their leases, asked of the NATS that operators name to their commands. */
export async function checkNamedLeases(): Promise<Check[]> {
  if ((process.env["MILLRACE_NATS_URL"] ?? "") === "") return [];
  try {
    const options = natsOptions(parseSettings(brokerSettings, { args: [] }));
    const bus = await connectBus({
      ...options,
      ...{ inboxPrefix: inboxes.gateway, name: "doctor", log: silentLog },
      limits: { firstConnectTimeoutMs: CONNECT_MS },
    });
    try {
      return [judgeLeases(await findLeases(bus))];
    } finally {
      await bus.drain(CONNECT_MS);
    }
  } catch (thrown) {
    const remedy =
      "MILLRACE_NATS_CREDENTIALS_FILE names a gateway's credential; look whether two of three servers run.";
    return [bad("leases", `NATS cannot be asked: ${coerceError(thrown).message}`, remedy)];
  }
}

/** What is to be said of where leases are. */
export function judgeLeases({ place, answering, schedulers }: LeasePlaces): Check {
  const whose = `${schedulers.size} ${schedulers.size === 1 ? "scheduler" : "schedulers"}`;
  if (schedulers.size === 0)
    return bad("leases", "no scheduler holds one", "Start a scheduler; its log says what it lacks.");
  if (place === "server") return good("leases", `${whose}, in the one NATS server`);
  if (place === "bucket") {
    const remedy = "Give the servers server_tags (LEASES_IN_ONE_PLACE, docs/operating/nats.md).";
    return bad("leases", `${whose}, in one bucket of the cluster: one death may stop the house for 10 s`, remedy);
  }
  if (answering === PLACES) return good("leases", `${whose}, on a majority of ${PLACES} servers, all of which answer`);
  const detail = `${whose}, on a majority of ${PLACES} servers, of which ${answering} answer`;
  return bad("leases", detail, "Start the others: without two of them no run starts.");
}

import { coerceError } from "@millrace/core";
import type { houseApi } from "@millrace/protocol";
import { withHouse, type CommandContext } from "../command-context.ts";
import { bad, good, type Check } from "./check.ts";

/** A house on other machines, as one of its gateways knows it: what is away, and what is not safe. */
export async function checkRemoteHouse(context: CommandContext): Promise<Check[]> {
  if (context.url === undefined) return [];
  try {
    return judgeHouse(await withHouse(context, (client) => client.house.getHouse({})), context.url);
  } catch (thrown) {
    return [
      bad("house", `${context.url}: ${coerceError(thrown).message}`, "Look at the gateways and what is before them."),
    ];
  }
}

function judgeHouse(house: houseApi.House, url: string): Check[] {
  const { gateways, schedulers, runners, brokerConnected, databaseConnected, findings, version } = house;
  const counts = `${gateways.length} gateways, ${schedulers.length} schedulers, ${runners.length} runners`;
  const away = [...(brokerConnected ? [] : ["NATS"]), ...(databaseConnected ? [] : ["Postgres"])];
  return [
    good("house", `${url}, Millrace ${version}: ${counts}`),
    away.length === 0
      ? good("servers", "its gateway reaches NATS and Postgres")
      : bad("servers", `its gateway does not reach ${away.join(" and ")}`, "Nothing is lost; look why."),
    ...findings.map(({ reason, message }) => bad(reason, message, "See docs/operating.")),
  ];
}

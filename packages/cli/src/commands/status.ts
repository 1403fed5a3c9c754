import type { houseApi } from "@millrace/protocol";
import { withHouse, type CommandContext, type CommandResult } from "../command-context.ts";
import { dataFolderInUse } from "../dev/house-folder.ts";
import { readStatus, type HouseStatus } from "../dev/status-socket.ts";
import { timeText } from "../output/run-document.ts";
import { timeCell } from "../output/run-text.ts";
import { table } from "../output/table.ts";

/**
 * Shows the house: of a house on this machine its processes, as the supervisor sees them whatever else is down; of another
 * one what its gateway knows.
 */
export async function status(context: CommandContext): Promise<CommandResult> {
  if (context.url !== undefined) return remoteStatus(context);
  const house = await readStatus(context.data ?? dataFolderInUse());
  const processes = house.processes.map((process) => ({ ...process, pid: process.pid ?? null }));
  return { json: { ...house, processes }, text: localText(house, context) };
}

function localText(house: HouseStatus, { style }: CommandContext): string {
  const rows = house.processes.map(({ role, pid, ready, restarts }) => [
    role,
    String(pid ?? "-"),
    ready ? { text: "ready", style: style.good } : { text: "not ready", style: style.bad },
    String(restarts ?? 0),
  ]);
  const head = [
    `${house.state} since ${timeCell(new Date(house.startTime))}, Millrace ${house.version}`,
    `http ${house.url}`,
    `grpc ${house.grpc}`,
    `data ${house.dataFolder}`,
  ];
  return `${head.join("\n")}\n\n${table(["PROCESS", "PID", "STATE", "RESTARTS"], rows)}`;
}

async function remoteStatus(context: CommandContext): Promise<CommandResult> {
  return withHouse(context, async (client) => {
    const house = await client.house.getHouse({});
    return { json: remoteDocument(house, client.url), text: remoteText(house) };
  });
}

function remoteDocument(house: houseApi.House, url: string): unknown {
  const { name: _name, gateways, runners, ...rest } = house;
  return {
    ...rest,
    url,
    gateways: gateways.map((gateway) => ({ ...gateway, seenTime: timeText(gateway.seenTime) })),
    runners: runners.map((runner) => ({ ...runner, seenTime: timeText(runner.seenTime) })),
  };
}

function remoteText(house: houseApi.House): string {
  const rows = [
    ...house.gateways.map(({ gateway, generation }) => ["gateway", gateway, `definitions ${generation}`]),
    ...house.schedulers.map(({ scheduler, partitionCount }) => [
      "scheduler",
      scheduler,
      `${partitionCount} partitions`,
    ]),
    ...house.runners.map(({ runner, pool, slotsFree, slotsTotal, draining }) => [
      "runner",
      runner,
      `pool ${pool}, ${slotsFree} of ${slotsTotal} slots free${draining ? ", draining" : ""}`,
    ]),
  ];
  const parts = [
    `Millrace ${house.version} at ${house.publicUrl}`,
    `broker ${house.brokerConnected ? "connected" : "away"}, database ${house.databaseConnected ? "connected" : "away"}`,
    "",
    table(["PROCESS", "NAME", "WHAT"], rows),
    ...house.findings.map(({ message }) => `not safe: ${message}`),
  ];
  return parts.join("\n");
}

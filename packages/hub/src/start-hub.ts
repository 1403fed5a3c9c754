import { connectBus, inboxes } from "@millrace/bus";
import { natsOptions, processName, type HubSettings } from "@millrace/config";
import { GatewayPart } from "@millrace/gateway";
import { SchedulerPart, schedulerName } from "@millrace/scheduler";
import { addProcessMetrics, createMetrics, startParts, type Logger, type RunningProcess } from "@millrace/telemetry";

/**
 * Starts a process that is a gateway and a scheduler. They share one connection to NATS, over which they are as far apart as in
 * processes of their own: what one says to the other is addressed, may be lost and is sent again. At a stop the gateway closes its
 * doors first, while there is a scheduler.
 */
export function startHub(settings: HubSettings, log: Logger): Promise<RunningProcess> {
  const name = processName("hub", settings.name);
  const metrics = createMetrics();
  addProcessMetrics(metrics, "hub");
  const part = <T>(role: "gateway" | "scheduler", as: string, Part: new (options: PartOptions) => T): T =>
    new Part({ name: as, settings, metrics, log: log.child({ role, name: as }) });
  return startParts({
    ...settings,
    ...{ log, metrics },
    connect: () => connectBus({ ...natsOptions(settings), inboxPrefix: inboxes.hub, name, log }),
    parts: [
      part("gateway", processName("gateway", settings.name), GatewayPart),
      part("scheduler", schedulerName(settings), SchedulerPart),
    ],
  });
}

type PartOptions = ConstructorParameters<typeof GatewayPart>[0] & ConstructorParameters<typeof SchedulerPart>[0];

/**
 * Runners and a gateway in one process, as a scheduler meets them: real NATS clients with identities of their own, the runner's
 * real brain, and steps that end at once. It is a child of the bench, told by messages what to play.
 */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { connectBus, inboxes, openChannels, silentLog, wire, type Bus, type Channels } from "@millrace/bus";
import { natsOptions, parseSettings, runnerSettings } from "@millrace/config";
import {
  createRunId,
  Holdings,
  partitionOf,
  TIMING_DEFAULT,
  Waiting,
  type HoldingsPort,
  type messages,
  type RunSpec,
} from "@millrace/core";
import { RunnerIdentity } from "@millrace/runner";
import { createLogger } from "@millrace/telemetry";

/** What the fleet is to be. */
export interface FleetPlan {
  readonly runners: number;
  readonly slots: number;
  readonly pool: string;
  readonly dataFolder: string;
  readonly gatewayCredentialsFile: string;
  readonly partitions: number;
}

/** Runs to be placed: so many, so many of them under way or waiting at any time, over these workflows in turn. */
export interface FleetWork {
  readonly specs: readonly RunSpec[];
  readonly runs: number;
  readonly open: number;
}

const GATEWAY = "bench-gateway";
/** How often a runner's timers are looked at. */
const TICK_MS = 10;
const SLOW_MS = 120_000;
const NOTHING = new Uint8Array();
const NO_RANDOM = new Uint8Array(10);
const nothing = (): void => undefined;
const log = createLogger({ level: "error", fields: { role: "fleet" } });

class Fleet {
  readonly #plan: FleetPlan;
  readonly #gateway: Waiting;
  ended = 0;
  onEnd: () => void = () => undefined;

  private constructor(plan: FleetPlan, gateway: Bus) {
    this.#plan = plan;
    const channels = openChannels(gateway);
    this.#gateway = new Waiting({
      nowMs: () => performance.now(),
      submit: (message) => void channels.submit(message.partition).send(wire.submitToWire(message)),
      cancel: nothing,
      resume: nothing,
      read: nothing,
    });
    channels.ended(GATEWAY).listen((message) => this.#gateway.onEnded(wire.endedFromWire(message)));
    channels.accepted(GATEWAY).listen((message) => this.#gateway.onAccepted(wire.acceptedFromWire(message)));
    setInterval(() => this.#gateway.onTick(), 10 * TICK_MS);
  }

  static async start(plan: FleetPlan): Promise<Fleet> {
    const settings = parseSettings(runnerSettings, { args: [] });
    const { url, tls } = natsOptions(settings);
    const credentialsFile = plan.gatewayCredentialsFile;
    const gateway = await connectBus({ url, tls, credentialsFile, inboxPrefix: inboxes.gateway, name: GATEWAY });
    const fleet = new Fleet(plan, gateway);
    for (let i = 0; i < plan.runners; i++) await fleet.#join(`fleet-${i}`);
    return fleet;
  }

  async #join(name: string): Promise<void> {
    const env = { ...process.env, MILLRACE_NAME: name, MILLRACE_DATA_DIR: `${this.#plan.dataFolder}/${name}` };
    const settings = parseSettings(runnerSettings, { env, args: [] });
    const identity = await RunnerIdentity.open(settings, log);
    assert.ok(identity, "the fleet has no join token");
    const { runner, credentials } = identity;
    const options = { ...natsOptions(settings), credentials, inboxPrefix: inboxes.runner(runner), name: runner };
    const bus = await connectBus({ ...options, log: silentLog });
    const channels = openChannels(bus, { runner, pool: this.#plan.pool });
    identity.keep(bus, channels);
    const incarnation = Date.now().toString(36).padStart(10, "0");
    const about = { runner, incarnation, pool: this.#plan.pool, labels: [], timing: TIMING_DEFAULT };
    const holdings: Holdings = new Holdings(
      about,
      this.#port(channels, () => holdings),
    );
    channels.assign(runner).listen((message) => holdings.onAssign(wire.assignFromWire(message)));
    channels.renew(runner).listen((message) => holdings.onRenew(message));
    channels.committed(runner).listen((message) => holdings.onCommitted(wire.committedFromWire(message)));
    channels.ownersMoved().listen((message) => holdings.onOwnersMoved(message));
    setInterval(() => performance.now() >= holdings.nextDueMs() && holdings.onTick(), TICK_MS);
  }

  #port(channels: Channels, holdings: () => Holdings): HoldingsPort {
    return {
      nowMs: () => performance.now(),
      describe: () => ({ ready: true, slotsTotal: this.#plan.slots, pythonMinors: [], warmVersions: [] }),
      heartbeat: (beat) => void channels.heartbeat().send(wire.heartbeatToWire(beat)),
      checkpoint: (message) => void channels.checkpoint(message.handing.partition).send(wire.checkpointToWire(message)),
      offer: (scheduler, message) => void channels.offer(scheduler).send(message),
      refuse: (message) => void channels.refused(message.handing.partition).send(message),
      start: (assign) => setImmediate(() => finish(holdings(), assign)),
      kill: (handing) => setImmediate(() => holdings().onRunGone(handing, "KILLED")),
      ...{ answer: nothing, proceed: nothing, end: nothing, renew: nothing },
    };
  }

  /** Keeps so many runs open until all have ended; resolves to the seconds that it took. */
  async play({ specs, runs, open }: FleetWork): Promise<number> {
    const until = this.ended + runs;
    let submitted = 0;
    const submitNext = (): void => {
      if (submitted < runs) this.#submit(specs[submitted++ % specs.length]!);
    };
    const begunMs = performance.now();
    this.onEnd = submitNext;
    for (let i = 0; i < open; i++) submitNext();
    while (this.ended < until) {
      assert.ok(performance.now() < begunMs + SLOW_MS, `${until - this.ended} of ${runs} runs have not ended`);
      await sleep(2);
    }
    return (performance.now() - begunMs) / 1000;
  }

  #submit(spec: RunSpec): void {
    const random = crypto.getRandomValues(new Uint8Array(10));
    const runId = createRunId(Date.now(), random);
    const partition = partitionOf(spec.workflowId, this.#plan.partitions);
    const submit: messages.Submit = {
      ...{ partition, runId, spec, priority: 0, idempotencyKey: "", gateway: GATEWAY },
      ...{ wantsAnswer: false, wantsEnd: true },
      input: {
        ...{ eventJson: Buffer.from("{}"), contextJson: Buffer.from("{}"), eventFallsBackToBody: false },
        ...{ triggerKind: "api", traceParent: "", traceId: runId.replaceAll("-", ""), createTimeMs: Date.now() },
      },
    };
    const ended = (): void => {
      this.ended += 1;
      this.onEnd();
    };
    this.#gateway.submit(submit, SLOW_MS, { ended });
  }
}

function finish(holdings: Holdings, { owner, runId, assignment, spec }: messages.Assign): void {
  const nowMs = Date.now();
  holdings.onStepFinished(
    { partition: owner.partition, runId, assignment },
    {
      ...{ path: "steps/0", name: spec.stepNames[0]!, executionId: createRunId(nowMs, NO_RANDOM) },
      ...{ exportsJson: NOTHING, startTimeMs: nowMs, endTimeMs: nowMs, lastLogSequence: 0 },
    },
  );
}

const fleet = await Fleet.start(JSON.parse(process.argv[2]!) as FleetPlan);
process.send!({ ready: true });
process.on("message", (work: FleetWork) => {
  void fleet.play(work).then((seconds) => process.send!({ seconds }));
});

/**
 * What placing a run costs a scheduler's brain alone: owner and runners in one process, without network and database. The
 * processor time for a run must not grow with the number of workflows that wait or of runners that are there.
 */
import { Holdings, OwnerBrain, TIMING_DEFAULT, type CommitBatch, type messages, type OwnerPort } from "@millrace/core";
import { parseOptions } from "../harness/parse-options.ts";

const values = parseOptions(
  "npm run bench:placing",
  "Measures the processor time that an owner's brain takes to place a run, runners included.",
  { runs: { type: "string", value: "N", default: "60000", about: "runs of each case" } },
);

const SLOTS = 16;
const NOTHING = new Uint8Array();

/** One owner of one partition with runners that end each run at once; every run that ends makes room for the next. */
class World {
  nowMs = 1;
  ended = 0;
  readonly #queue: (() => void)[] = [];
  readonly #runners = new Map<string, Holdings>();
  readonly #brain: OwnerBrain;
  readonly #workflows: number;
  #submitted = 0;

  constructor(workflows: number, runners: number) {
    this.#workflows = workflows;
    const settings = {
      scheduler: "s",
      partitionCount: 1,
      timing: TIMING_DEFAULT,
      queueHeadRuns: 1_000_000,
      queueHeadBytes: 1e12,
    };
    this.#brain = new OwnerBrain(settings, this.#ownerPort());
    this.#brain.onTick();
    this.settle();
    for (let i = 0; i < runners; i++) this.#runners.set(`r${i}`, this.#runner(`r${i}`));
    for (const holdings of this.#runners.values()) holdings.onTick();
    this.settle();
  }

  /** Does what is to be done until nothing is left. */
  settle(): void {
    while (this.#queue.length > 0) for (const next of this.#queue.splice(0)) next();
  }

  submit(): void {
    const number = this.#submitted++;
    const workflow = `w${number % this.#workflows}`;
    this.#brain.onSubmit({
      ...{ partition: 0, runId: `run-${number}`, idempotencyKey: "", gateway: "g", wantsAnswer: false, wantsEnd: true },
      priority: 0,
      spec: {
        ...{ projectId: "p", workflowId: workflow, versionId: workflow, pool: "default", pythonMinor: "" },
        ...{ stepNames: ["a"], concurrencyLimit: 0, queueLimit: 1_000_000, runTimeoutMs: 60_000 },
      },
      input: {
        ...{ eventJson: NOTHING, contextJson: NOTHING, eventFallsBackToBody: false, triggerKind: "api" },
        ...{ traceParent: "", traceId: "", createTimeMs: 0 },
      },
    });
  }

  #ownerPort(): OwnerPort {
    const soon = (action: () => void): void => void this.#queue.push(action);
    const nothing = (): void => undefined;
    const used: Partial<OwnerPort> = {
      nowMs: () => this.nowMs,
      wallMs: () => this.nowMs,
      toGateway: (_gateway, kind) => {
        if (kind === "ended") this.ended += 1;
      },
      toRunner: (runner, kind, message) => {
        const holdings = this.#runners.get(runner)!;
        if (kind === "assign") soon(() => holdings.onAssign(message as messages.Assign));
        else if (kind === "committed") soon(() => holdings.onCommitted(message as messages.Committed));
        else soon(() => holdings.onRenew(message as messages.Renew));
      },
      submitSettled: nothing,
      flushSoon: () => soon(() => this.#brain.flush()),
      flushLater: () => soon(() => this.#brain.flush()),
      commit: (batch) => soon(() => this.#brain.onCommitted(outcomeOf(batch))),
      take: (partitions) =>
        soon(() => {
          const found = {
            rows: [],
            queues: [],
            shares: [{ projectId: "p", share: 1_000_000 }],
            nextWakeMs: null,
            outbox: { names: [], more: false },
          };
          this.#brain.onTaken(partitions, new Map(partitions.map((partition) => [partition, { epoch: 1, found }])));
        }),
      putLease: (holds) =>
        soon(() => this.#brain.onLease(this.nowMs, new Set(holds), new Map([["s", new Set(holds)]]))),
    };
    // Whatever else an owner does to the world is not part of placing.
    return new Proxy(used as OwnerPort, { get: (port, name: keyof OwnerPort) => port[name] ?? nothing });
  }

  #runner(runner: string): Holdings {
    const settings = { runner, incarnation: "1", pool: "default", labels: [], timing: TIMING_DEFAULT };
    const soon = (action: () => void): void => void this.#queue.push(action);
    const nothing = (): void => undefined;
    const holdings: Holdings = new Holdings(settings, {
      nowMs: () => this.nowMs,
      describe: () => ({ ready: true, slotsTotal: SLOTS, pythonMinors: [], warmVersions: [] }),
      heartbeat: (beat) => soon(() => this.#brain.onHeartbeat(beat)),
      checkpoint: (message) => soon(() => this.#brain.onCheckpoint(message)),
      refuse: (message) => soon(() => this.#brain.onRefused(message)),
      offer: (_scheduler, message) => soon(() => this.#brain.onOffer(message)),
      start: ({ owner, runId, assignment }) => {
        const handing = { partition: owner.partition, runId, assignment };
        const result = { path: "steps/0", name: "a", executionId: runId, exportsJson: NOTHING, lastLogSequence: 0 };
        soon(() => holdings.onStepFinished(handing, { ...result, startTimeMs: 0, endTimeMs: 0 }));
      },
      ...{ answer: nothing, proceed: nothing, end: nothing, kill: nothing, renew: nothing },
    });
    return holdings;
  }
}

function outcomeOf({ changes }: CommitBatch) {
  const accepts = changes.flatMap((change) =>
    change.kind === "accept" ? [[change.runId, { kind: "inserted" }] as const] : [],
  );
  return { refused: new Set<number>(), accepts: new Map(accepts) };
}

/** Processor time for a run, in µs, at so many runs that wait all the time. */
function measure(workflows: number, runners: number, waiting: number, runs: number): number {
  const world = new World(workflows, runners);
  for (let i = 0; i < runners * SLOTS + waiting; i++) world.submit();
  const play = (count: number): void => {
    const until = world.ended + count;
    while (world.ended < until) {
      const before = world.ended;
      world.settle();
      for (let i = before; i < Math.max(world.ended, before + 1); i++) world.submit();
    }
  };
  play(Math.min(5_000, runs));
  const before = process.cpuUsage();
  play(runs);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / runs;
}

const runs = Number(values.runs);
for (const [workflows, runners] of [
  [1, 1],
  [1, 100],
  [200, 1],
  [200, 100],
] as const) {
  const cost = measure(workflows, runners, 20 * workflows, runs);
  process.stdout.write(`${workflows} workflows, ${runners} runners: ${cost.toFixed(1)} µs a run\n`);
}

import {
  Holdings,
  PlatformError,
  coerceError,
  INLINE_BYTES_MAX,
  type HoldingsPort,
  type HoldingsSettings,
  type RenewedLife,
  type RunnerDescription,
  type messages,
} from "@millrace/core";
import { wire, type BusSubscription, type Channels } from "@millrace/bus";
import type { control, session, step } from "@millrace/protocol";
import type { Logger } from "@millrace/telemetry";

import {
  type ActiveRun,
  activeRun,
  expectNews,
  logSource,
  runKey,
  startRun,
  toDuration,
  toMachineUs,
  type WiredAssign,
} from "./active-run.ts";
import type { CallRelay } from "./calls/call-relay.ts";
import type { Environment, EnvironmentCache } from "./definitions/environment-cache.ts";
import type { VersionCache } from "./definitions/version-cache.ts";
import { PackageJobs } from "./packages/package-jobs.ts";
import type { PackageSets } from "./packages/package-sets.ts";
import type { RunPackages } from "./packages/run-packages.ts";
import { GrantedSecrets } from "./logs/granted-secrets.ts";
import type { LogShipper } from "./logs/log-shipper.ts";
import { hasReferences, type RunPayloads } from "./payloads/run-payloads.ts";
import { checkSources } from "./source-check.ts";
import { maskResult, tooLargeResult } from "./step-end.ts";
import type { WorkerEvents, WorkerHost } from "./worker-host/worker-host.ts";

/** What a runner is made of. */
export interface RunnerParts {
  readonly holdings: HoldingsSettings;
  readonly slots: number;
  /** Runs at a time while their steps are short. */
  readonly shortRunsMax: number;
  /** How long runs go on here while the runner drains, before they are handed back behind their next checkpoint. */
  readonly handBackAfterMs: number;
  /** How long a worker may be silent about a run that should have ended. */
  readonly silenceMs: number;
  readonly channels: Channels;
  readonly versions: VersionCache;
  readonly packages: RunPackages;
  readonly packageSets: PackageSets;
  readonly environments: EnvironmentCache;
  readonly logs: LogShipper;
  readonly calls: CallRelay;
  readonly payloads: RunPayloads;
  readonly log: Logger;
  /** Begins the stop of the process. */
  readonly onDrainAsked: () => void;
  /** Makes the worker host; told here what happens in the workers. */
  readonly host: (events: WorkerEvents) => WorkerHost;
}

/**
 * Wires the brain (`Holdings`) to the bus and the workers. It keeps for each run what the brain has no use for: its input,
 * its secrets, where its log lines go. What a run needs (its version, its project's variables) is nearly always here
 * already; then an `Assign` becomes a `StartRun` in the same turn of the event loop.
 */
export class Runner {
  readonly host: WorkerHost;
  /** Steps started in environments that had run their version before, and in others. */
  readonly steps = { warm: 0, cold: 0 };
  readonly #parts: RunnerParts;
  readonly #holdings: Holdings;
  readonly #runs = new Map<string, ActiveRun>();
  readonly #granted = new GrantedSecrets();
  readonly #jobs: PackageJobs;
  #subscriptions: BusSubscription[] = [];
  #description: RunnerDescription | undefined;
  #timer: NodeJS.Timeout | undefined;
  #timerDueMs = Infinity;
  #rearming = false;
  #stopping = false;
  #ended = false;

  constructor(parts: RunnerParts) {
    this.#parts = parts;
    this.#holdings = new Holdings(parts.holdings, this.#port());
    this.host = parts.host(this.#workerEvents());
    this.#jobs = new PackageJobs({
      ...PACKAGE_JOBS,
      runner: parts.holdings.runner,
      sets: parts.packageSets,
      pythonMinor: () => this.host.pythonMinors[0],
    });
  }

  /** Log lines that were lost on their way. */
  get lostLogLines(): number {
    return this.#parts.logs.lostLines;
  }

  /** Runs held now. */
  get size(): number {
    return this.#holdings.size;
  }

  /** Starts the workers, listens to owners and beats from then on. */
  async start(): Promise<void> {
    const { channels, holdings } = this.#parts;
    await this.host.start();
    this.#subscriptions = [
      channels.assign(holdings.runner).listen((message) => {
        this.#tell(() => this.#holdings.onAssign(wire.assignFromWire(message)));
      }),
      channels.renew(holdings.runner).listen((message) => this.#onRenew(message)),
      channels.committed(holdings.runner).listen((message) => {
        this.#tell(() => this.#holdings.onCommitted(wire.committedFromWire(message)));
      }),
      channels.ownersMoved().listen((message) => this.#tell(() => this.#holdings.onOwnersMoved(message))),
      channels.drain(holdings.runner).serve((request) => this.#drainAsAsked(request)),
      channels.check(holdings.runner).serve((request) => checkSources(this.host, request)),
      channels.preparePackages(holdings.runner).serve((request) => this.#jobs.ask(request)),
    ];
    this.#tick();
  }

  /** What a SIGTERM does, asked for from elsewhere: the process ends once its runs are over or handed back. */
  #drainAsAsked({ incarnation }: control.DrainRunnerRequest): control.DrainRunnerResponse {
    if (incarnation !== this.#parts.holdings.incarnation) {
      throw new PlatformError("FailedPrecondition", "RUNNER_RESTARTED", "the runner was started anew since");
    }
    if (!this.#holdings.isDraining) this.#parts.onDrainAsked();
    return { runCount: this.#holdings.size, error: undefined };
  }

  /** Takes no further runs, waits until those it has are over or handed back, ends the workers and says what is gone. */
  async drain(timeoutMs: number, workerGraceMs: number): Promise<void> {
    const end = performance.now() + timeoutMs;
    this.#tell(() => this.#holdings.drain(this.#parts.handBackAfterMs));
    while (this.#holdings.size + this.#runs.size > 0 && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, DRAIN_LOOK_MS));
    }
    if (this.#runs.size > 0) this.#parts.log.warn("runner.drain_late", { runs: this.#runs.size, timeoutMs });
    this.#stopping = true;
    await this.host.stop(workerGraceMs);
    // Nobody has to wait for the silence of a runner that says goodbye.
    this.#holdings.onTick();
    this.#ended = true;
    clearTimeout(this.#timer);
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
    await this.#parts.packageSets.close();
    this.#parts.logs.flushAll();
  }

  /** Beats at once, for whoever may not know of this runner. */
  show(): void {
    if (this.#timer !== undefined) this.#tell(() => this.#holdings.show());
  }

  // From owners

  /** An answered heartbeat is not sent again: a runner without a run need not wake to see that. */
  #onRenew(message: control.Renew): void {
    if (this.#runs.size === 0) this.#disarm();
    this.#tell(() => this.#holdings.onRenew(message));
  }

  // From workers

  #workerEvents(): WorkerEvents {
    return {
      stepStarted: ({ assignment, path, warm }) => {
        this.#countStart(warm);
        const run = this.#find(assignment);
        if (run === undefined) return;
        run.release?.();
        this.#holdings.onStepStarted(run.handing, path);
      },
      stepFinished: ({ assignment, result, warm }) => {
        if (warm !== undefined) this.#countStart(warm);
        this.#onStepFinished(this.#find(assignment), result);
      },
      responded: ({ assignment, path, response }) => {
        const run = this.#find(assignment);
        if (run === undefined || response === undefined) return;
        if (response.body.length > INLINE_BYTES_MAX) void this.#respondLarge(run, path, response);
        else this.#holdings.onRespond(run.handing, path, response);
      },
      called: (call) => void this.#onCall(this.#find(call.assignment), call),
      logLines: ({ assignment, lines }) => this.#onLogLines(this.#find(assignment), lines),
      runGone: (gone) => this.#onRunGone(gone),
      // Owners hear of it now: runs that a worker's death has interrupted wait for the next one.
      readyChanged: () => {
        this.#description = undefined;
        this.show();
      },
      inventoryChanged: () => (this.#description = undefined),
      failed: (error) => this.#fail(error),
    };
  }

  #countStart(warm: boolean): void {
    this.steps[warm ? "warm" : "cold"]++;
    if (!warm) this.#holdings.onColdStart();
  }

  #onStepFinished(run: ActiveRun | undefined, result: step.StepResult | undefined): void {
    if (run?.source === undefined || result === undefined) return;
    run.silentUntilMs = Infinity;
    run.release?.();
    if (run.streaming !== undefined) this.#endStream(run);
    maskResult(result, run.source);
    this.#parts.logs.flush(run.source);
    if (this.#parts.payloads.concerns(run, result)) run.storing = this.#storeThenReport(run, result);
    else this.#tell(() => this.#holdings.onStepFinished(run.handing, wire.resultFromWire(result)));
  }

  /** What is large is durable before the checkpoint that names it. */
  async #storeThenReport(run: ActiveRun, result: step.StepResult): Promise<void> {
    const stored = await this.#parts.payloads.store(run, result, () => this.#holdings.holds(run.handing));
    run.storing = undefined;
    if (stored !== undefined) this.#tell(() => this.#holdings.onStepFinished(run.handing, wire.resultFromWire(stored)));
  }

  /** A copy that cannot be stored costs time: the answer comes with its step's end. */
  async #respondLarge(run: ActiveRun, path: string, response: step.Response): Promise<void> {
    try {
      const small = await this.#parts.payloads.storeAnswer(run, response, () => this.#holdings.holds(run.handing));
      this.#holdings.onRespond(run.handing, path, small);
    } catch (thrown) {
      this.#parts.log.warn("answer.not_sent", { run: run.handing.runId, error: coerceError(thrown) });
    }
  }

  /** Asks on behalf of user code. The answer finds its way as long as the run is here. */
  async #onCall(run: ActiveRun | undefined, call: session.HostCall): Promise<void> {
    if (run === undefined) return;
    const calling = (run.calling ??= {
      runToken: run.assign.runToken,
      held: () => this.#find(run.assignment) === run,
      answering: run.assign.gateway === "" ? undefined : this.#parts.channels.callOf(run.assign.gateway),
      onSecrets: (secrets) => this.#granted.add(run.assign.spec.versionId, secrets),
    });
    if (call.method === "respond.open") run.streaming = { path: call.path };
    this.host.callResult(await this.#parts.calls.ask(calling, call));
  }

  /** The step that was sending an answer is over: what is not complete by now never will be, and the client must see that. */
  #endStream({ streaming, calling, assignment }: ActiveRun): void {
    if (streaming === undefined || calling === undefined) return;
    const nothing = Buffer.alloc(0);
    const call = { number: 0, execution: 1, method: "respond.cut", requestJson: Buffer.from("null"), body: nothing };
    void this.#parts.calls.ask(calling, { ...call, assignment, path: streaming.path });
  }

  #onLogLines(run: ActiveRun | undefined, lines: step.LogLine[]): void {
    if (run?.source === undefined || lines.length === 0) return;
    this.#parts.logs.add(run.source, lines);
    this.#holdings.onLogSequence(run.handing, lines.at(-1)!.sequence);
  }

  #onRunGone(gone: session.RunGone): void {
    const { assignment, cause, message } = gone;
    const run = this.#find(assignment);
    if (run === undefined) return;
    // A step of it has ended, which is about to be known.
    if (run.storing !== undefined) return void run.storing.then(() => this.#onRunGone(gone));
    if (this.#holdings.holds(run.handing)) {
      const { runId, assignment: number } = run.handing;
      const masked = run.source?.secrets.mask(message) ?? message;
      this.#parts.log.info("run.gone", { run: runId, assignment: number, cause, message: masked });
    }
    const told = wire.goneCauseFromWire(cause);
    // A runner that ends is nobody's fault; a death of the worker would count against the run.
    const known = this.#stopping && told === "WORKER_DIED" ? "KILLED" : told;
    if (known === "REFUSED") return this.#refused(run);
    this.#forget(run);
    if (run.streaming !== undefined) this.#endStream(run);
    this.#tell(() => this.#holdings.onRunGone(run.handing, known));
  }

  /** No restart of a worker helps: the process ends and says why. */
  #fail(error: PlatformError): void {
    void this.host.stop(0).then(() => {
      throw error;
    });
  }

  // What the brain does

  #port(): HoldingsPort {
    const { channels } = this.#parts;
    return {
      nowMs: () => performance.now(),
      heartbeat: (beat) => void channels.heartbeat().send(wire.heartbeatToWire(beat)),
      checkpoint: (message) => this.#report(message),
      offer: (scheduler, message) => void channels.offer(scheduler).send(message),
      refuse: (message) => void channels.refused(message.handing.partition).send(message),
      answer: (gateway, message) => this.#answer(gateway, message),
      start: (assign, lifeMs, kill) => this.#start(assign as WiredAssign, lifeMs, kill),
      proceed: (handing, path) => this.#proceed(handing, path),
      end: (handing) => this.host.endRun(toAssignment(handing)),
      kill: (handing) => this.#kill(handing),
      renew: (lives) => this.#renew(lives),
      describe: () => (this.#description ??= this.#describe()),
    };
  }

  /** A result that no message can carry fails its step, in words that its author understands. */
  #report(message: messages.Checkpoint): void {
    const { handing, result } = message;
    try {
      this.#parts.channels.checkpoint(handing.partition).send(wire.checkpointToWire(message));
    } catch (thrown) {
      if (coerceError(thrown).reason !== "PAYLOAD_TOO_LARGE" || result.failure?.cause === "PAYLOAD_TOO_LARGE")
        throw thrown;
      this.#holdings.onStepFinished(handing, tooLargeResult(result));
    }
  }

  /** A copy that is lost, or too large, costs nothing but time: the gateway asks the owner. */
  #answer(gateway: string, message: messages.Answer): void {
    try {
      this.#parts.channels.answer(gateway).send(wire.answerToWire(message));
    } catch (thrown) {
      this.#parts.log.warn("answer.not_sent", { run: message.handing.runId, error: coerceError(thrown) });
    }
  }

  #start(assign: WiredAssign, lifeMs: number, killAtEndOfLife: boolean): void {
    const run = activeRun(assign, performance.now(), lifeMs, killAtEndOfLife);
    this.#runs.set(runKey(assign.runId, assign.assignment), run);
    const { projectId, versionId } = assign.spec;
    const known = this.#parts.versions.peek(versionId);
    const version = known && this.#parts.packages.ready(known);
    const environment = this.#parts.environments.peek(projectId, assign.runToken);
    const large = hasReferences(assign);
    if (version !== undefined && environment !== undefined && !large) this.#launch(run, version, environment);
    else void this.#prepare(run, large);
  }

  /** Gets what the run needs; without it the run goes back to its owner, for it never started. */
  async #prepare(run: ActiveRun, large: boolean): Promise<void> {
    const { spec, runToken } = run.assign;
    try {
      if (large) await this.#load(run);
      const { versions, environments, packages } = this.#parts;
      const [version] = await Promise.all([
        versions.get(spec.versionId, runToken).then((body) => packages.prepare(body)),
        environments.get(spec.projectId, runToken),
      ]);
      // Packages may have taken minutes: the variables are looked at again.
      const environment = await environments.get(spec.projectId, runToken);
      if (this.#holdings.holds(run.handing)) this.#launch(run, version, environment);
      else this.#forget(run);
    } catch (thrown) {
      this.#parts.log.warn("run.not_prepared", { run: run.handing.runId, error: coerceError(thrown) });
      this.#refused(run);
    }
  }

  async #load(run: ActiveRun): Promise<void> {
    const { loaded, release } = await this.#parts.payloads.load(run, () => this.#holdings.holds(run.handing));
    run.loaded = loaded;
    run.release = () => {
      release();
      run.loaded = undefined;
    };
  }

  #launch(run: ActiveRun, version: session.LoadVersion, environment: Environment): void {
    const nowMs = performance.now();
    run.source = logSource(run, environment, this.#granted);
    expectNews(run, nowMs, this.#parts.silenceMs);
    if (!this.host.startRun(startRun(run, environment, nowMs), version)) this.#refused(run);
  }

  #proceed({ runId, assignment }: messages.Handing, path: string): void {
    const run = this.#runs.get(runKey(runId, assignment));
    if (run === undefined) return;
    expectNews(run, performance.now(), this.#parts.silenceMs);
    this.host.proceed(run.assignment, path);
  }

  /**
   * The run could not be started here. Its owner will try again at once, so the news waits for a moment that grows with
   * the number of tries: a version that cannot be had must not keep the house busy.
   */
  #refused(run: ActiveRun): void {
    this.#forget(run);
    const pauseMs = Math.min(REFUSED_PAUSE_MAX_MS, REFUSED_PAUSE_MS * 2 ** (run.handing.assignment - 1));
    setTimeout(() => this.#tell(() => this.#holdings.onRunGone(run.handing, "REFUSED")), pauseMs);
  }

  #kill(handing: messages.Handing): void {
    const key = runKey(handing.runId, handing.assignment);
    const run = this.#runs.get(key);
    if (run?.source === undefined) return this.#tell(() => this.#holdings.onRunGone(handing, "KILLED"));
    run.killed = true;
    run.silentUntilMs = performance.now() + this.#parts.silenceMs;
    this.host.killRun(run.assignment);
    if (!run.killAtEndOfLife) return;
    // The owner gives its place away soon: a worker that does not end the run by then is ended itself.
    setTimeout(() => this.#runs.get(key) === run && this.host.killWorkerOf(run.assignment), KILL_PATIENCE_MS);
  }

  #renew(lives: readonly RenewedLife[]): void {
    const nowMs = performance.now();
    const started: session.Life[] = [];
    for (const { handing, lifeMs } of lives) {
      const run = this.#runs.get(runKey(handing.runId, handing.assignment));
      if (run === undefined) continue;
      run.untilMs = nowMs + lifeMs;
      if (run.source !== undefined)
        started.push({ assignment: run.assignment, life: toDuration(lifeMs), lifeEndUs: toMachineUs(run.untilMs) });
    }
    this.host.renew(started);
  }

  #describe(): RunnerDescription {
    const { host } = this;
    const { ready, pythonMinors } = host;
    return {
      ...{ ready, pythonMinors, slotsTotal: this.#parts.slots, shortRunsMax: this.#parts.shortRunsMax },
      warmVersions: host.warmVersions().slice(0, WARM_MAX),
      memoryBytes: process.memoryUsage.rss() + host.memoryBytes,
      coldStarts: this.steps.cold,
      crowded: host.crowded,
    };
  }

  // Inside

  #find(assignment: session.Assignment | undefined): ActiveRun | undefined {
    return assignment && this.#runs.get(runKey(assignment.runId, assignment.number));
  }

  #forget(run: ActiveRun): void {
    this.#runs.delete(runKey(run.handing.runId, run.handing.assignment));
    run.release?.();
    if (run.source !== undefined) this.#parts.logs.flush(run.source);
  }

  /** Tells the brain something, then looks when it wants to be woken; once for all that one turn of the loop brings. */
  #tell(news: () => void): void {
    news();
    if (this.#rearming || this.#ended) return;
    this.#rearming = true;
    setImmediate(() => {
      this.#rearming = false;
      this.#arm();
    });
  }

  /** A timer that fires too early is cheaper than one that is made anew for every run. */
  #arm(): void {
    const dueMs = this.#holdings.nextDueMs();
    if (dueMs >= this.#timerDueMs || this.#ended) return;
    this.#disarm();
    this.#timerDueMs = dueMs;
    this.#timer = setTimeout(() => this.#tick(), Math.max(0, Math.ceil(dueMs - performance.now())));
  }

  #disarm(): void {
    clearTimeout(this.#timer);
    this.#timerDueMs = Infinity;
  }

  #tick(): void {
    this.#timerDueMs = Infinity;
    this.#holdings.onTick();
    this.#distrustSilence();
    this.#arm();
  }

  /** Workers end steps in time. Should one not, no run may hang for ever: the run is killed, then the worker. */
  #distrustSilence(): void {
    const nowMs = performance.now();
    for (const run of this.#runs.values()) {
      if (nowMs < run.silentUntilMs) continue;
      const { runId, assignment } = run.handing;
      this.#parts.log.error("run.silent", { run: runId, assignment, killed: run.killed });
      if (run.killed) this.host.killWorkerOf(run.assignment);
      else this.host.killRun(run.assignment);
      run.killed = true;
      run.silentUntilMs = nowMs + this.#parts.silenceMs;
    }
  }
}

const PACKAGE_JOBS = { answerAfterMs: 700, keepMs: 60_000, jobsMax: 256 };
const DRAIN_LOOK_MS = 20;
/** Well below the second that lies between the end of a limited run's life and its next assignment. */
const KILL_PATIENCE_MS = 400;
const REFUSED_PAUSE_MS = 100;
const REFUSED_PAUSE_MAX_MS = 5000;
/** Most versions in a heartbeat, as its contract says. */
const WARM_MAX = 64;

function toAssignment({ runId, assignment }: messages.Handing): session.Assignment {
  return { runId, number: assignment };
}

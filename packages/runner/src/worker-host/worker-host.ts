import * as session from "@millrace/protocol/session";
import { PlatformError } from "@millrace/core";

import type { HostLog } from "./host-log.ts";
import { type OpenStream, SessionServer, type StreamHandlers } from "./session-server.ts";
import { SourceChecks } from "./source-checks.ts";
import type { WorkerCommand } from "./worker-process.ts";
import { WorkerSession } from "./worker-session.ts";
import { type RestartPolicy, WorkerSlot } from "./worker-slot.ts";

/** What happens in the workers. Called synchronously, in the order in which a worker said it. */
export interface WorkerEvents {
  stepStarted(started: session.StepStarted): void;
  stepFinished(finished: session.StepFinished): void;
  responded(respond: session.Respond): void;
  logLines(lines: session.LogLines): void;
  /** User code asks the platform for something; answered with `callResult`. */
  called(call: session.HostCall): void;
  /** Comes once for every run that was started here. */
  runGone(gone: session.RunGone): void;
  /** A session has opened or ended. */
  readyChanged(): void;
  /** The warm environments are others than before. */
  inventoryChanged(): void;
  /** No restart of a worker helps: the process should end and say why. */
  failed(error: PlatformError): void;
}

/** How many workers there are and how they are run. */
export interface WorkerHostOptions {
  readonly workers: number;
  /** Holds the socket. */
  readonly dataFolder: string;
  /** The command of a worker that dials this socket with this token and name. */
  readonly command: (socketPath: string, token: string, workerId: string) => WorkerCommand;
  readonly configure: session.Configure;
  readonly restart: RestartPolicy;
  readonly limits: {
    /** Versions that a worker knows at the same time. */
    readonly versionsMax: number;
    /** What may wait for a worker that reads too slowly; beyond it the worker is ended. */
    readonly framesMax: number;
    readonly bytesMax: number;
  };
  readonly keepaliveMs: number;
  readonly checkTimeoutMs: number;
  readonly log: HostLog;
}

/** A worker as its status shows it. */
export interface WorkerStatus {
  readonly id: string;
  readonly pid: number | undefined;
  readonly ready: boolean;
  readonly runs: number;
}

/** Sources of a version to be. */
export type Sources = Pick<session.CheckVersion, "steps" | "modules">;

interface HostedRun {
  readonly assignment: session.Assignment;
  readonly versionId: string;
  readonly session: WorkerSession;
  /** Nothing of it is in the worker any more; it is here until its end is committed. */
  left: boolean;
  /** What its worker was told of its end; it may have left meanwhile, and then says nothing. */
  told?: session.GoneCause;
}

type Frame = NonNullable<session.RunnerFrame["frame"]>;

const CHECKS_MAX = 64;

/** Keeps the workers alive and carries runs to them and news back. Knows nothing of owners and assignments' lives. */
export class WorkerHost {
  readonly #options: WorkerHostOptions;
  readonly #events: WorkerEvents;
  readonly #slots: WorkerSlot[] = [];
  readonly #runs = new Map<string, HostedRun>();
  readonly #checks: SourceChecks;
  #server: SessionServer | undefined;
  #stopping = false;

  constructor(options: WorkerHostOptions, events: WorkerEvents) {
    this.#options = options;
    this.#events = events;
    this.#checks = new SourceChecks(options.checkTimeoutMs, CHECKS_MAX);
  }

  /** Opens the socket and starts the workers; they become ready one by one. */
  async start(): Promise<void> {
    const { dataFolder, restart, keepaliveMs, log } = this.#options;
    const server = await SessionServer.open({
      dataFolder,
      helloTimeoutMs: restart.sessionTimeoutMs,
      keepaliveMs,
      admit: (matches) => this.#slots.find((slot) => slot.admit(matches))?.workerId,
      onOpen: (workerId, stream) => this.#open(workerId, stream),
    });
    this.#server = server;
    for (let number = 1; number <= this.#options.workers; number++) {
      const slot = new WorkerSlot({
        workerId: `w${number}`,
        command: (token, workerId) => this.#options.command(server.socketPath, token, workerId),
        restart,
        log,
        onSessionEnd: () => this.#events.readyChanged(),
        onDied: (died) => this.#workerDied(died),
        onFatal: (error) => this.#events.failed(error),
      });
      this.#slots.push(slot);
      slot.start();
    }
  }

  /** True while at least one worker can take a run. */
  get ready(): boolean {
    return this.#slots.some((slot) => slot.session !== undefined);
  }

  /** Python minors of the workers that are ready. */
  get pythonMinors(): string[] {
    return [...new Set(this.#sessions().map((one) => one.pythonMinor))];
  }

  get environments(): number {
    return this.#sessions().reduce((sum, one) => sum + one.inventory.environments, 0);
  }

  workers(): WorkerStatus[] {
    return this.#slots.map(({ workerId, pid, session: open }) => ({
      id: workerId,
      pid,
      ready: open !== undefined,
      runs: open?.runs ?? 0,
    }));
  }

  /** Memory of the workers and their environments, as told last. */
  get memoryBytes(): number {
    return this.#sessions().reduce((sum, { inventory }) => sum + inventory.memoryBytes, 0);
  }

  /** Whether environments of a worker have lately ended because other versions needed their places. */
  get crowded(): boolean {
    return this.#sessions().some(({ inventory }) => inventory.crowded);
  }

  /** Versions with idle environments, most recently used first. */
  warmVersions(): session.WarmVersion[] {
    const sessions = this.#sessions();
    if (sessions.length === 1) return sessions[0]!.inventory.warmVersions.filter((warm) => warm.idle > 0);
    const idle = new Map<string, number>();
    for (const one of sessions) {
      for (const warm of one.inventory.warmVersions)
        idle.set(warm.versionId, (idle.get(warm.versionId) ?? 0) + warm.idle);
    }
    return Array.from(idle, ([versionId, count]) => ({ versionId, idle: count })).filter((warm) => warm.idle > 0);
  }

  /** Starts a run in the best worker; false when no worker can take it. */
  startRun(start: session.StartRun, version: session.LoadVersion): boolean {
    const assignment = start.assignment!;
    const chosen = this.#stopping ? undefined : this.#choose(start.versionId);
    if (chosen === undefined) return false;
    this.#runs.set(runKey(assignment), { assignment, versionId: start.versionId, session: chosen, left: false });
    chosen.startRun(start, version);
    return true;
  }

  proceed(assignment: session.Assignment, path: string): void {
    this.#find(assignment)?.send({ $case: "proceed", value: { assignment, path } });
  }

  endRun(assignment: session.Assignment): void {
    this.#tellEnd(assignment, session.GoneCause.ENDED, { $case: "endRun", value: { assignment } });
  }

  killRun(assignment: session.Assignment): void {
    this.#tellEnd(assignment, session.GoneCause.KILLED, { $case: "killRun", value: { assignment } });
  }

  /** Brings what user code has asked for. */
  callResult(result: session.HostCallResult): void {
    this.#find(result.assignment!)?.send({ $case: "callResult", value: result });
  }

  /** Ends the worker that has this run, and with it every run of it: for one that does not do as it is told. */
  killWorkerOf(assignment: session.Assignment): void {
    const holder = this.#find(assignment);
    this.#slots.find((slot) => slot.session === holder && holder !== undefined)?.kill();
  }

  /** Passes renewed lives on, one frame for each worker. */
  renew(lives: readonly session.Life[]): void {
    const bySession = new Map<WorkerSession, session.Life[]>();
    for (const life of lives) {
      const holder = this.#find(life.assignment!);
      if (holder === undefined) continue;
      const own = bySession.get(holder);
      if (own === undefined) bySession.set(holder, [life]);
      else own.push(life);
    }
    for (const [holder, own] of bySession) holder.send({ $case: "renew", value: { lives: own } });
  }

  /** Asks a worker whether sources compile and what they import, in a sandbox. */
  async checkSources({ steps, modules }: Sources): Promise<session.VersionChecked> {
    const chosen = this.#choose("");
    if (chosen === undefined || this.#stopping) {
      throw new PlatformError("Unavailable", "NO_WORKER", "no worker is ready to check sources");
    }
    return await this.#checks.open(chosen.workerId, (requestId) => {
      chosen.send({ $case: "checkVersion", value: { requestId, steps, modules } });
    });
  }

  /** Ends the workers: those that have runs may finish them within the time. Leaves no process and no socket behind. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    for (const one of this.#sessions()) one.send({ $case: "drain", value: {} });
    await Promise.all(this.#slots.map((slot) => slot.stop(graceMs)));
    await this.#server?.close();
  }

  #sessions(): WorkerSession[] {
    return this.#slots.flatMap((slot) => slot.session ?? []);
  }

  #find(assignment: session.Assignment): WorkerSession | undefined {
    const run = this.#runs.get(runKey(assignment));
    return run?.left ? undefined : run?.session;
  }

  /** A worker with a warm environment first, then the one with the fewest runs. */
  #choose(versionId: string): WorkerSession | undefined {
    let best: WorkerSession | undefined;
    let bestIdle = false;
    for (const { session: one } of this.#slots) {
      if (one === undefined) continue;
      const idle = one.idle(versionId) > 0;
      if (best === undefined || (idle && !bestIdle) || (idle === bestIdle && one.runs < best.runs)) {
        best = one;
        bestIdle = idle;
      }
    }
    return best;
  }

  #open(workerId: string, stream: OpenStream): StreamHandlers {
    const { limits, configure, log } = this.#options;
    const slot = this.#slots.find((one) => one.workerId === workerId)!;
    const opened = new WorkerSession(stream.hello, stream, limits, () => {
      log.error("worker.overflow", { worker: workerId, framesMax: limits.framesMax, bytesMax: limits.bytesMax });
      slot.kill();
    });
    slot.opened(opened, stream);
    opened.send({ $case: "configure", value: configure });
    if (this.#stopping) opened.send({ $case: "drain", value: {} });
    log.info("worker.ready", { worker: workerId, pid: stream.hello.pid, python: stream.hello.pythonMinor });
    this.#events.readyChanged();
    return {
      onFrames: (frames) => {
        try {
          for (const { frame } of frames) if (frame !== undefined) this.#handle(opened, frame);
        } catch (thrown) {
          log.error("worker.frame_failed", { worker: workerId, error: thrown });
          slot.kill();
        }
      },
      onDrain: () => opened.drained(),
      onEnd: () => {
        if (slot.session === opened) slot.closed();
      },
    };
  }

  #handle(from: WorkerSession, frame: NonNullable<session.WorkerFrame["frame"]>): void {
    switch (frame.$case) {
      case "stepStarted":
        return this.#events.stepStarted(frame.value);
      case "stepFinished":
        return this.#stepFinished(frame.value);
      case "respond":
        return this.#events.responded(frame.value);
      case "logLines":
        return this.#events.logLines(frame.value);
      case "call":
        return this.#events.called(frame.value);
      case "runGone":
        return this.#gone(frame.value);
      case "inventory":
        from.inventory = frame.value;
        return this.#events.inventoryChanged();
      case "versionChecked":
        return this.#checks.answered(frame.value);
      case "hello":
        this.#options.log.warn("worker.hello_twice", { worker: from.workerId });
    }
  }

  #tellEnd(assignment: session.Assignment, cause: session.GoneCause, frame: Frame): void {
    const run = this.#runs.get(runKey(assignment));
    if (run === undefined) return;
    if (run.left) return this.#forget(run, cause);
    run.told = cause;
    run.session.send(frame);
  }

  /** A run that its worker has forgotten is here until its end is known: nothing that becomes of the worker concerns it any more. */
  #stepFinished(finished: session.StepFinished): void {
    const run = finished.left ? this.#runs.get(runKey(finished.assignment!)) : undefined;
    if (run !== undefined) {
      run.left = true;
      run.session.runLeft(run.versionId);
    }
    this.#events.stepFinished(finished);
    if (run?.told !== undefined) this.#forget(run, run.told);
  }

  /** Says of a run that has left what its worker would have said. */
  #forget({ assignment }: HostedRun, cause: session.GoneCause): void {
    if (this.#runs.delete(runKey(assignment))) this.#events.runGone({ assignment, cause, message: "" });
  }

  #gone(gone: session.RunGone): void {
    const key = runKey(gone.assignment!);
    const run = this.#runs.get(key);
    if (run === undefined || run.left) return;
    this.#runs.delete(key);
    run.session.runLeft(run.versionId);
    this.#events.runGone(gone);
  }

  #workerDied(died: WorkerSession): void {
    this.#checks.workerDied(died.workerId);
    for (const run of this.#runs.values()) {
      if (run.session !== died || run.left) continue;
      this.#gone({ assignment: run.assignment, cause: session.GoneCause.WORKER_DIED, message: "the worker died" });
    }
  }
}

function runKey(assignment: session.Assignment): string {
  return `${assignment.runId}/${assignment.number}`;
}

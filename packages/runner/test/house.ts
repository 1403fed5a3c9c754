/** For tests of the runner's process: plays the owner of every partition and a gateway, over a real NATS server. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createHmac, randomBytes } from "node:crypto";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { connectBus, openChannels, openLogStream, subjects, type Bus, type Channels } from "@millrace/bus";
import { createRunId, encodeRunToken, verifyRunToken } from "@millrace/core";
import { control, type session, type step } from "@millrace/protocol";
import { loadTools } from "@millrace/provision";
import { scratchFolder, startScratchNats } from "@millrace/testkit";

const MAIN = join(import.meta.dirname, "../src/main.ts");
const SCRIPTED = join(import.meta.dirname, "scripted-worker.ts");

/** The runner that the test's process is. */
const RUNNER = { runner: "r1", pool: "default" };
const PROJECT = { projectId: "p1", workflowId: "wf1" };
const mac = (data: Uint8Array) => createHmac("sha256", "key").update(data).digest();

function runTokenOf(versionId: string, runId: string, assignment: number): string {
  const { runner } = RUNNER;
  return encodeRunToken({ ...PROJECT, versionId, runId, assignment, runner, expiresAtMs: Date.now() + 600_000 }, mac);
}

/** Which version a run token is for. */
export function versionOf(runToken: string): string {
  return verifyRunToken(runToken, mac, Date.now()).versionId;
}

/** What a test may change about a run. */
export interface RunOptions {
  event?: unknown;
  versionId?: string;
  concurrencyLimit?: number;
  assignment?: number;
  doneSteps?: session.DoneStep[];
  runId?: string;
  stampMs?: number;
  incarnation?: string;
  runTimeLeftMs?: number;
}

/** A house without schedulers and gateways: the test is both. */
export class House {
  readonly channels: Channels;
  readonly beats: control.Heartbeat[] = [];
  readonly checkpoints: control.Checkpoint[] = [];
  readonly refusals: control.Refused[] = [];
  readonly lines: step.LogLine[] = [];
  /** What the gateway knows. */
  readonly versions = new Map<string, session.LoadVersion>();
  environment: control.GetEnvironmentResponse = {
    generation: 1,
    changed: true,
    variables: {},
    secretNames: [],
    error: undefined,
  };
  asked: string[] = [];
  /** Whether the owner answers heartbeats. */
  renews = true;
  logged: Record<string, unknown>[] = [];
  process: ChildProcess | undefined;
  readonly #bus: Bus;

  private constructor(bus: Bus) {
    this.#bus = bus;
    this.channels = openChannels(bus, RUNNER);
  }

  get bus(): Bus {
    return this.#bus;
  }

  static async open(): Promise<{ house: House; nats: Awaited<ReturnType<typeof startScratchNats>> }> {
    const nats = await startScratchNats();
    const bus = await connectBus({ name: "house", url: nats.url, user: nats.user, password: nats.password });
    const house = new House(bus);
    await house.#listen();
    return { house, nats };
  }

  async #listen(): Promise<void> {
    this.channels.heartbeat().listen((beat) => this.#onHeartbeat(beat));
    for (const partition of [0, 1]) {
      this.channels.checkpoint(partition).listen((message) => void this.checkpoints.push(message));
      this.channels.refused(partition).listen((message) => void this.refusals.push(message));
    }
    this.channels.version().serve(({ runToken }) => {
      this.asked.push(`version ${versionOf(runToken)}`);
      return { version: this.versions.get(versionOf(runToken)), error: undefined };
    });
    this.channels.environment().serve(({ knownGeneration }) => {
      this.asked.push(`environment ${knownGeneration}`);
      const changed = knownGeneration !== this.environment.generation;
      return { ...this.environment, changed, variables: changed ? this.environment.variables : {} };
    });
    const logs = openLogStream(this.#bus, mac);
    await logs.ensure();
    logs.consume(async (batches) => {
      for (const batch of batches) this.lines.push(...batch.lines);
    });
  }

  #onHeartbeat(beat: control.Heartbeat): void {
    this.beats.push(beat);
    if (!this.renews) return;
    const renew = beat.held.map(({ handing }) => handing!);
    this.renew(beat, renew, []);
  }

  renew(beat: control.Heartbeat, renew: control.Handing[], kill: control.Handing[]): void {
    const owners = [0, 1].map((partition) => ({ scheduler: "s1", partition, epoch: 1 }));
    const { incarnation, stampMs } = beat;
    const message = { scheduler: "s1", owners, runnerIncarnation: incarnation, stampMs, renew, kill, demand: [] };
    this.channels.renew(beat.runner).send(message);
  }

  /** Starts the runner's process against `nats`. */
  startRunner(
    nats: { url: string; user: string; password: string },
    env: Record<string, string> = {},
    scripted: boolean | "deaf" = true,
  ): ChildProcess {
    const folder = scratchFolder();
    const python = join(folder, "python");
    const deaf = scripted === "deaf" ? "SCRIPTED_DEAF=1 " : "";
    writeFileSync(python, `#!/bin/sh\n${deaf}exec "${process.execPath}" "${SCRIPTED}"\n`);
    chmodSync(python, 0o755);
    const child = spawn(process.execPath, [MAIN], {
      stdio: ["ignore", "inherit", "pipe"],
      env: {
        PATH: process.env["PATH"]!,
        HOME: folder,
        MILLRACE_NAME: "r1",
        MILLRACE_NATS_URL: nats.url,
        MILLRACE_NATS_USER: nats.user,
        MILLRACE_NATS_PASSWORD: nats.password,
        MILLRACE_DATA_DIR: folder,
        MILLRACE_PYTHON: scripted !== false ? python : loadTools().python,
        // A scripted worker has no sandbox that could be tried.
        ...(scripted !== false && { MILLRACE_SANDBOX: "none-and-user-code-can-do-anything" }),
        ...env,
      },
    });
    createInterface({ input: child.stderr }).on("line", (line) => this.logged.push(readRecord(line)));
    process.once("exit", () => child.kill("SIGKILL"));
    this.process = child;
    return child;
  }

  /** The newest heartbeat of a runner that can take runs. */
  async ready(): Promise<control.Heartbeat> {
    await until(() => this.beats.some((beat) => !beat.draining && beat.slotsFree > 0), "a ready runner", this);
    return this.beats.at(-1)!;
  }

  /** Hands a run to the runner. */
  assign(options: RunOptions = {}): control.Handing {
    const beat = this.beats.at(-1)!;
    const versionId = options.versionId ?? "v1";
    const runId = options.runId ?? createRunId(Date.now(), randomBytes(10));
    const assignment = options.assignment ?? 1;
    const empty = control.Assign.decode(new Uint8Array(0));
    const spec = { ...control.RunSpec.decode(new Uint8Array(0)), ...PROJECT, versionId };
    const input = { ...control.RunInput.decode(new Uint8Array(0)), createTime: new Date() };
    this.channels.assign("r1").send({
      ...empty,
      owner: { scheduler: "s1", partition: 1, epoch: 1 },
      runId,
      assignment,
      spec: { ...spec, concurrencyLimit: options.concurrencyLimit ?? 0, stepNames: ["s0", "s1"] },
      input: { ...input, eventJson: Buffer.from(JSON.stringify(options.event ?? {})), contextJson: Buffer.from("{}") },
      doneSteps: options.doneSteps ?? [],
      runnerIncarnation: options.incarnation ?? beat.incarnation,
      stampMs: options.stampMs ?? beat.stampMs,
      gateway: "g1",
      runToken: runTokenOf(versionId, runId, assignment),
      runTimeLeftMs: options.runTimeLeftMs ?? 300_000,
    });
    return { partition: 1, runId, assignment };
  }

  /** Says that a checkpoint is in the record. */
  commit({ handing, runnerIncarnation, result }: control.Checkpoint, then: control.AfterCommit): void {
    const owner = { scheduler: "s1", partition: handing!.partition, epoch: 1 };
    this.channels.committed("r1").send({ owner, handing, runnerIncarnation, path: result!.path, then });
  }

  /** The first checkpoint of a step of a run. */
  async checkpoint({ runId }: control.Handing, path: string): Promise<control.Checkpoint> {
    const find = () => this.checkpoints.find((one) => one.handing!.runId === runId && one.result!.path === path);
    await until(() => find() !== undefined, `a checkpoint of ${path}`, this);
    return find()!;
  }

  /** Tells everybody that definitions have changed. */
  announceChange(): void {
    this.#bus.publish(subjects.definitionsForRunners(), control.DefinitionsChanged.encode({ generation: 2 }).finish());
  }

  async close(): Promise<void> {
    if (this.process?.exitCode === null) {
      this.process.kill("SIGKILL");
      await new Promise((resolve) => this.process!.once("exit", resolve));
    }
    await this.#bus.drain();
  }
}

/** A version of plain steps. */
export function plainVersion(versionId: string, ...sources: string[]): session.LoadVersion {
  const steps = sources.map((source, index) => ({
    path: `steps/${index}`,
    name: `s${index}`,
    fileName: `s${index}.py`,
    inputs: [],
    timeout: undefined,
    source,
  }));
  return {
    versionId,
    memoryBytes: 0,
    stepTimeout: undefined,
    modules: [],
    packages: undefined,
    limits: undefined,
    steps,
  };
}

export async function until(holds: () => boolean, what: string, house?: House): Promise<void> {
  const end = performance.now() + 60_000;
  while (!holds()) {
    const said = () => house?.logged.map((record) => JSON.stringify(record)).join("\n") ?? "";
    assert.ok(performance.now() < end, `waited in vain for ${what}\n${performance.now() < end ? "" : said()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function readRecord(line: string): Record<string, unknown> {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return { text: line };
  }
}

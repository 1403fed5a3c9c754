import type { wire } from "@millrace/bus";
import type { messages } from "@millrace/core";
import type { session, step } from "@millrace/protocol";

import type { CallingRun } from "./calls/call-relay.ts";
import type { Environment } from "./definitions/environment-cache.ts";
import type { GrantedSecrets } from "./logs/granted-secrets.ts";
import type { LogSource } from "./logs/log-shipper.ts";
import { RunSecrets } from "./logs/run-secrets.ts";
import { inlineBytesOf, tmpOf, type LoadedPayloads } from "./payloads/run-payloads.ts";

/** An assignment as the brain sees it, with what it has no use for. */
export type WiredAssign = ReturnType<typeof wire.assignFromWire>;

/** A run that the brain has taken, from its assignment until nothing of it is left in a worker. */
export interface ActiveRun {
  readonly assign: WiredAssign;
  readonly handing: messages.Handing;
  readonly assignment: session.Assignment;
  readonly killAtEndOfLife: boolean;
  readonly takenMs: number;
  /** End of the assignment's life; counts here only until a worker has the run. */
  untilMs: number;
  /** Set once a worker has the run: whose log lines to expect, and what must not be read in them. */
  source: LogSource | undefined;
  /** When a worker that says nothing of the step under way is no longer believed; never while a commit is waited for. */
  silentUntilMs: number;
  /** Made when its user code asks for something. */
  calling?: CallingRun;
  /** Its step has begun to send an answer piece by piece: when the step is over, so is the answer. */
  streaming?: { readonly path: string };
  /** A worker was told to kill it. */
  killed: boolean;
  /** Bytes of its payloads that travel in messages and rows. */
  inlineBytes: number;
  /** What was said last of its /tmp, as checkpoints carry it. */
  tmp: step.TmpSnapshot | undefined;
  /** Objects with what it had in /tmp, the newest last. */
  tmpObjects: string[];
  /** What the references of its assignment stand for, until a worker has it. */
  loaded?: LoadedPayloads | undefined;
  /** Gives the room of `loaded` back. */
  release?: () => void;
  /** Settles when the end of a step that is large is stored, and the brain knows of it. */
  storing?: Promise<void> | undefined;
}

/** A step of the run begins: its worker ends it, or its run, when the time limit is over; some time later it is distrusted. */
export function expectNews(run: ActiveRun, nowMs: number, silenceMs: number): void {
  run.silentUntilMs = nowMs + run.assign.runTimeLeftMs + silenceMs;
}

/** Key of a handing among the runs of a runner. */
export function runKey(runId: string, assignment: number): string {
  return `${runId}/${assignment}`;
}

/** A run that was just taken. */
export function activeRun(assign: WiredAssign, nowMs: number, lifeMs: number, killAtEndOfLife: boolean): ActiveRun {
  const { runId, assignment, owner, seal } = assign;
  return {
    assign,
    handing: { partition: owner.partition, runId, assignment, seal },
    assignment: { runId, number: assignment },
    killAtEndOfLife,
    takenMs: nowMs,
    untilMs: nowMs + lifeMs,
    source: undefined,
    silentUntilMs: Infinity,
    killed: false,
    inlineBytes: inlineBytesOf(assign),
    ...tmpOf(assign),
  };
}

/** Whose lines a run's log lines are. */
export function logSource(
  { handing, assign }: ActiveRun,
  environment: Environment,
  granted: GrantedSecrets,
): LogSource {
  const { projectId, workflowId, versionId } = assign.spec;
  const secrets = new RunSecrets(environment.secrets, () => granted.matcherOf(versionId));
  return { handing, projectId, workflowId, runToken: assign.runToken, secrets };
}

/** What a worker is told to start a run. */
export function startRun(run: ActiveRun, environment: Environment, nowMs: number): session.StartRun {
  const { assign, loaded } = run;
  const { input } = assign;
  return {
    assignment: run.assignment,
    versionId: assign.spec.versionId,
    eventJson: loaded?.eventJson ?? asBuffer(input.eventJson),
    eventFallsBackToBody: input.eventFallsBackToBody,
    contextJson: asBuffer(input.contextJson),
    doneSteps: loaded?.doneSteps ?? assign.wireSteps,
    tmp: loaded?.tmp ?? (assign.tmp && { content: Buffer.alloc(0), unsaved: assign.tmp.unsaved }),
    environment: environment.variables,
    environmentGeneration: environment.generation,
    runTimeLeft: toDuration(assign.runTimeLeftMs - (nowMs - run.takenMs)),
    life: toDuration(run.untilMs - nowMs),
    lifeEndUs: toMachineUs(run.untilMs),
    killAtEndOfLife: run.killAtEndOfLife,
    nobodyWaits: assign.gateway === "",
    traceParent: assign.traceParent,
    turn: assign.wireTurn,
    resumed: assign.wireSteps.length > 0 || assign.assignment > 1,
  };
}

/** Never zero, which would leave the worker's default in place. */
export function toDuration(ms: number): { seconds: number; nanos: number } {
  const whole = Math.max(1, Math.round(ms));
  return { seconds: Math.floor(whole / 1000), nanos: (whole % 1000) * 1_000_000 };
}

/** What `process.hrtime` showed at the zero of `performance.now`. */
const ORIGIN_US = Number(process.hrtime.bigint()) / 1000 - performance.now() * 1000;

/** A time of `performance.now` on the machine's monotonic clock, which a worker shares. */
export function toMachineUs(ms: number): number {
  return Math.round(ORIGIN_US + ms * 1000);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

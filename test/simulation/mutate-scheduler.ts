import type {
  AcceptOutcome,
  CommitBatch,
  CommitOutcome,
  LoadedRun,
  LostAttempt,
  messages,
  OwnerBrain,
  RunState,
  StepResult,
} from "@millrace/core";
import type { Mutation } from "./mutations.ts";
import type { Random } from "./random.ts";

/** The insides of an owner that a planted mistake reaches into; never used outside of planted mistakes. */
interface Insides {
  state: {
    owned: Map<number, { runs: Map<string, InsideRun>; departures: { isFresh: () => boolean } }>;
    ownership: { isLeased: () => boolean; onLease: InsideOnLease };
    move(part: unknown, run: InsideRun, phase: string): void;
    giveUp(part: unknown, run: InsideRun): void;
  };
  dispatcher: { mayStart: (queue: { concurrencyLimit: number; hasPlace(): boolean }) => boolean };
  shares: {
    settle(part: { projectOf(id: string): { share: number } }, request: InsideRequest, share: number | undefined): void;
  };
  linger: () => void;
  onHeartbeat: (beat: messages.Heartbeat) => void;
  onRefused: (message: messages.Refused) => void;
  onCheckpoint: (message: messages.Checkpoint) => void;
  onCancel: (cancel: messages.Cancel) => void;
  cancelled: (part: unknown, cancel: messages.Cancel, state: RunState) => void;
  release: (part: unknown, run: InsideRun, result: StepResult) => void;
}

type Living = ReadonlyMap<string, ReadonlySet<number>>;
type InsideOnLease = (
  sentAtMs: number,
  nowMs: number,
  holds: ReadonlySet<number>,
  living: Living,
  isOwned: (partition: number) => boolean,
) => OwnershipSteps;

interface OwnershipSteps {
  readonly drop: number[];
}

interface InsideRequest {
  projectId: string;
  needed: number;
}

interface InsideRun {
  wantsAnswer: boolean;
  steps: StepResult[];
  phase: string;
  state: string;
  runner: string;
  runnerIncarnation: string;
  assignment: number;
  stampMs: number;
  fresh: boolean;
  started: boolean;
  lost?: LostAttempt | undefined;
}

const touched = new WeakSet<OwnerBrain>();

/** Plants mistakes into a brain; called again after each takeover for those that concern what was loaded. */
export function mutateBrain(brain: OwnerBrain, mutations: ReadonlySet<Mutation>): void {
  if (mutations.size === 0) return;
  const insides = brain as unknown as Insides;
  if (mutations.has("reuse_assignment")) reuseAssignments(insides);
  if (mutations.has("page_of_the_past")) {
    for (const { departures } of insides.state.owned.values()) departures.isFresh = () => true;
  }
  if (touched.has(brain)) return;
  touched.add(brain);
  if (mutations.has("renew_without_lease") || mutations.has("no_nats_grace"))
    insides.state.ownership.isLeased = () => true;
  if (mutations.has("share_kept")) keepShares(insides);
  if (mutations.has("cancel_frees_limit")) insides.linger = () => undefined;
  if (mutations.has("takeover_starts_limited")) {
    insides.dispatcher.mayStart = (queue) => queue.concurrencyLimit === 0 || queue.hasPlace();
  }
  if (mutations.has("restart_means_dead")) believeRestarts(insides);
  if (mutations.has("refusal_reuses_number")) believeRefusals(insides);
  if (mutations.has("checkpoint_not_fenced")) believeCheckpoints(insides);
  if (mutations.has("answer_before_commit")) releaseEarly(insides);
  if (mutations.has("take_from_living")) takeFromLiving(insides);
  if (mutations.has("loss_of_the_done")) keepLosses(insides);
  if (mutations.has("cancel_race")) acknowledgeInFlight(insides);
}

function reuseAssignments({ state }: Insides): void {
  for (const part of state.owned.values()) {
    for (const run of part.runs.values()) {
      if (run.phase !== "DOUBT" || run.state !== "PENDING") continue;
      run.fresh = true;
      state.move(part, run, "PENDING");
    }
  }
}

/** Nobody looks at what another's lease names, and nobody lets go. */
function takeFromLiving({ state: { ownership } }: Insides): void {
  const real = ownership.onLease.bind(ownership);
  ownership.onLease = (sentAtMs, nowMs, holds, living, isOwned) => {
    const names = new Map([...living.keys()].map((name) => [name, new Set<number>()]));
    const steps = real(sentAtMs, nowMs, holds, names, isOwned);
    return { ...steps, drop: [] };
  };
}

function keepShares({ shares }: Insides): void {
  const real = shares.settle.bind(shares);
  shares.settle = (part, request, share) => {
    const before = part.projectOf(request.projectId).share;
    real(part, request, share === undefined ? undefined : Math.max(before, share, request.needed));
  };
}

function believeRestarts(insides: Insides): void {
  const real = insides.onHeartbeat.bind(insides);
  insides.onHeartbeat = (beat) => {
    for (const part of insides.state.owned.values()) {
      for (const run of part.runs.values()) {
        const here = run.runner === beat.runner && run.runnerIncarnation < beat.incarnation;
        if (here && run.phase === "RUNNING") insides.state.giveUp(part, run);
      }
    }
    real(beat);
  };
}

function believeRefusals(insides: Insides): void {
  const real = insides.onRefused.bind(insides);
  insides.onRefused = (message) => {
    const run = insides.state.owned.get(message.handing.partition)?.runs.get(message.handing.runId);
    real({ ...message, neverStarted: true, stampMs: run?.stampMs ?? message.stampMs });
  };
}

function believeCheckpoints(insides: Insides): void {
  const real = insides.onCheckpoint.bind(insides);
  insides.onCheckpoint = (message) => {
    const run = insides.state.owned.get(message.handing.partition)?.runs.get(message.handing.runId);
    const assignment = run?.assignment ?? message.handing.assignment;
    real({ ...message, handing: { ...message.handing, assignment } });
  };
}

function keepLosses(insides: Insides): void {
  const real = insides.onCheckpoint.bind(insides);
  insides.onCheckpoint = (message) => {
    const run = insides.state.owned.get(message.handing.partition)?.runs.get(message.handing.runId);
    const lost = run?.lost;
    real(message);
    if (run && lost) run.lost = lost;
  };
}

function releaseEarly(insides: Insides): void {
  const real = insides.onCheckpoint.bind(insides);
  insides.onCheckpoint = (message) => {
    real(message);
    const part = insides.state.owned.get(message.handing.partition);
    const run = part?.runs.get(message.handing.runId);
    if (run?.steps.includes(message.result)) insides.release.call(insides, part, run, message.result);
  };
}

function acknowledgeInFlight(insides: Insides): void {
  const real = insides.onCancel.bind(insides);
  insides.onCancel = (cancel) => {
    const part = insides.state.owned.get(cancel.partition);
    const phase = part?.runs.get(cancel.runId)?.phase;
    if (phase === "CHECKPOINTING" || phase === "ENDING") insides.cancelled(part, cancel, "CANCELLED");
    real(cancel);
  };
}

/** What a commit would come to if nothing went wrong. */
export function optimisticOutcome({ changes }: CommitBatch): CommitOutcome {
  const accepts = changes
    .filter(({ kind }) => kind === "accept")
    .map(({ runId }): [string, AcceptOutcome] => [runId, { kind: "inserted" }]);
  return { refused: new Set(), accepts: new Map(accepts) };
}

/** Loaded runs with the places in their queue mixed up. */
export function shuffleSequences(rows: readonly LoadedRun[], random: Random): LoadedRun[] {
  return rows.map((row) => ({ ...row, sequence: random.integer(1, 1_000_000) }));
}

import type { ScenarioKind } from "./simulation.ts";

/**
 * Mistakes planted on purpose: the simulation is worth what it finds of them. Most are mistakes of the world around the
 * brains (a database that does not lock, a worker that does not kill); the others switch one guard of a brain off.
 */
export const MUTATIONS = {
  epoch_no_lock: "a commit reads the epoch without locking the partition row",
  no_fence: "a commit does not compare the epoch of its writer",
  load_old_snapshot: "takeover loads in the snapshot of the statement that raised the epoch",
  no_commit_number: "a commit repeated after a broken connection is applied again",
  effects_before_commit: "acknowledgements, assigns and releases leave before the commit",
  reuse_assignment: "takeover treats a pending run as never assigned and sends assignment 1 again",
  checkpoint_ignored: "a new owner starts a run from its first step, whatever is checkpointed",
  no_reconcile: "nothing is derived from what heartbeats list",
  assign_not_resent: "a lost Assign is never sent again",
  no_nats_grace: "an owner whose own NATS connection was down keeps its partitions and declares runners dead",
  answer_before_commit: "the owner sends an answer on before its checkpoint is committed",
  ds_no_fence: "a data-store write does not check its assignment",
  ds_no_operation_id: "a repeated data-store write is applied again",
  no_history_lookup: "a repeated Submit does not look into history",
  key_not_unique: "idempotency keys are only looked up in the owner's memory",
  no_wait: "the owner makes the next assignment 1 s after the last sign of life",
  runner_kills_alone: "only the runner expires assignments, the worker does not",
  no_expiry: "nobody kills an environment whose assignment was not renewed",
  checkpoint_not_fenced: "the owner accepts a checkpoint of another assignment",
  cancel_acked_early: "a cancel is acknowledged before its commit",
  cancel_race: "a cancel that meets a commit in flight is acknowledged at once, whatever that commit brings",
  step_before_commit: "the next step starts when the checkpoint is sent, not when it is committed",
  order_forgotten: "queued runs start in arbitrary order after a takeover",
  start_without_deadline: "a late 'go on' starts the next step although the assignment has expired",
  assign_any_age: "an Assign is accepted however long it was under way",
  renew_from_receipt: "a renewal counts from its arrival, not from the heartbeat that it answers",
  renew_without_lease: "an owner goes on renewing and assigning after its lease has lapsed",
  cancel_frees_limit: "the commit of a cancel frees the limit at once, while the environment still runs",
  takeover_starts_limited: "after a takeover, queued runs of a limited workflow start without the wait",
  restart_means_dead: "a heartbeat of a restarted runner counts as proof that its old environments are dead",
  refusal_reuses_number: "any refusal lets the same assignment number go to another runner",
  answer_only_in_flight: "the answer is not part of the checkpoint: when runner or message dies it is gone",
  wake_lost_at_takeover: "a new owner does not ask when paused runs wake",
  outbox_forgotten: "a new owner does not send what the old one had in its outbox",
  outbox_sent_once:
    "a message to another partition is taken out of the record when it is sent, not when it is acknowledged",
  suspend_keeps_assignment: "a suspend leaves its assignment open",
  resume_always_done: "who follows a link of a pause that is over is told to have ended it",
  resume_acked_early: "a resume is acknowledged before its commit",
  page_of_the_past: "a paused run is taken from a page although it has moved on while the page was read",
  executions_forgotten: "a new owner counts the executions of a step anew, so that a committed one runs again",
  refusal_without_look: "an owner whose queue is full does not ask the record for a submit's run before it refuses it",
  share_kept: "an owner takes the share of a project's limit that it needs, whatever the record has granted",
  queues_forgotten: "a new owner does not ask which workflows have parked runs",
  wake_early: "an owner wakes paused runs a second before their time",
  slots_counted_twice: "a runner takes what comes, as if each owner's offer were all of its slots",
  demand_ignored: "a runner leaves its slots with the schedulers that had them, whoever waits",
  handback_unfenced: "a runner that drains hands a run back and lets its environment go on",
  handback_untold: "a runner that drains forgets to say which runs it has given up",
  release_forgets: "an owner that lets a partition go says that none of its runs has a runner",
  take_from_living: "a partition is taken while the lease of its present owner still names it",
  taken_over_apart: "what a replay takes over is not committed with its acceptance",
  loss_of_the_done: "an attempt that was given up is recorded as lost although it has come to an end after all",
  leave_untold: "a scheduler that stops lets its lease run out",
} as const;

export type Mutation = keyof typeof MUTATIONS;

/** Mistakes that take an unlucky order of several faults, and the kind of scenario in which that comes about. */
export const RARE: ReadonlyMap<Mutation, ScenarioKind> = new Map<Mutation, ScenarioKind>([
  ["cancel_race", "chaos"],
  ["reuse_assignment", "chaos"],
  ["renew_from_receipt", "limit"],
  ["refusal_reuses_number", "limit"],
  ["takeover_starts_limited", "limit"],
  ["restart_means_dead", "limit"],
  ["loss_of_the_done", "chaos"],
]);

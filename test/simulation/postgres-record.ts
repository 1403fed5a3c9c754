import {
  isResumePath,
  nextStepPath,
  placeStep,
  takenSteps,
  resumePath,
  type AcceptChange,
  type AcceptOutcome,
  type Change,
  type DeathCause,
  type EndChange,
  type OutboxMessage,
  type RunState,
  type StepResult,
  type UpdateChange,
} from "@millrace/core";
import { LIMITED, type RunPlan } from "./run-plan.ts";
import { PARTITIONS, type Simulation } from "./simulation.ts";

/** A run's row. */
export interface Row {
  readonly runId: string;
  readonly accept: AcceptChange;
  state: RunState;
  assignment: number;
  steps: StepResult[];
  startTimeMs: number | null;
  wakeTimeMs: number | null;
  deaths: readonly DeathCause[];
  parked: boolean;
  wasParked: boolean;
  /** How often it has paused. */
  pauses: number;
  /** All executions of steps that are committed, those that were superseded too. */
  readonly executions: Set<string>;
}

/** What the database has, and what a change of it does at the moment in which it is applied: the rules are checked there. */
export class PostgresRecord {
  readonly hot = new Map<string, Row>();
  readonly history = new Map<string, Row>();
  readonly plans = new Map<string, RunPlan>();
  readonly outbox = new Map<string, OutboxMessage>();
  protected readonly simulation: Simulation;
  protected readonly partitions = Array.from({ length: PARTITIONS }, () => ({ epoch: 0, locks: 0 }));
  protected readonly keys = new Map<string, string>();
  private readonly resumptions = new Map<string, string>();
  private readonly operations = new Set<string>();

  constructor(simulation: Simulation) {
    this.simulation = simulation;
  }

  /** True when the owner of the run's partition has been the same since the run was accepted. */
  isOfCurrentOwner({ accept }: Row): boolean {
    return Math.floor(accept.sequence / 2 ** 32) === this.partitions[accept.partition]!.epoch;
  }

  /** True when its partition has had one owner all the time. */
  isOfFirstOwner({ accept }: Row): boolean {
    return this.partitions[accept.partition]!.epoch === 1;
  }

  /** The request that ended a pause. */
  resumedBy(runId: string, path: string): string | undefined {
    return this.resumptions.get(`${runId}/${resumePath(path)}`);
  }

  protected rowsOf(partition: number): Row[] {
    return [...this.hot.values()].filter((row) => row.accept.partition === partition);
  }

  protected applyOne(change: Change): boolean {
    if (change.kind === "accept") return this.insert(change);
    if (change.kind === "delivered") return this.outbox.delete(change.id);
    const row = this.hot.get(change.runId);
    if (!row) return this.simulation.fail("run", change.runId, "has ended and gets a checkpoint or a second end");
    if (change.lost) this.simulation.monitor.lost(row, change.lost);
    if (change.kind === "update") this.update(row, change);
    else this.end(row, change);
    for (const message of change.outbox ?? []) this.send(row, message);
    return true;
  }

  protected outcomeOf({ runId, spec, idempotencyKey, sequence }: AcceptChange): AcceptOutcome {
    const row = this.hot.get(runId);
    if (row) return row.accept.sequence === sequence ? { kind: "inserted" } : { kind: "exists", ended: false };
    if (this.history.has(runId)) return { kind: "exists", ended: true };
    return { kind: "key", runId: this.keys.get(`${spec.workflowId}/${idempotencyKey}`) ?? runId };
  }

  /** A start that is committed is a promise. */
  private send({ runId }: Row, message: OutboxMessage): void {
    if (this.outbox.has(message.id)) return;
    this.outbox.set(message.id, message);
    const { body } = message;
    if (body.kind !== "START") return;
    this.plans.set(body.childId, this.plans.get(runId)!.child!.plan);
    this.simulation.monitor.acknowledged.add(body.childId);
  }

  private insert(change: AcceptChange): boolean {
    const { simulation } = this;
    const { runId, spec, idempotencyKey } = change;
    if (this.hot.has(runId) || (this.history.has(runId) && !simulation.has("no_history_lookup"))) return false;
    if (idempotencyKey !== "" && !this.claimKey(`${spec.workflowId}/${idempotencyKey}`, runId)) return false;
    this.hot.set(runId, {
      ...{ runId, accept: change, state: "PENDING", assignment: 1 },
      steps: simulation.has("taken_over_apart") ? [] : takenSteps(change),
      ...{ startTimeMs: null, wakeTimeMs: null, deaths: [], pauses: 0, executions: new Set() },
      ...{ parked: change.parked, wasParked: change.parked },
    });
    this.checkProject(spec.projectId);
    if (spec.workflowId === `w${LIMITED}`) simulation.monitor.places.set(runId, change);
    return true;
  }

  /** Runs that wait since they were accepted; after a takeover their new owner may not know yet which of them do. */
  private checkProject(projectId: string): void {
    const { simulation } = this;
    const waiting = [...this.hot.values()].filter(
      (row) =>
        row.accept.spec.projectId === projectId &&
        row.state === "PENDING" &&
        row.pauses === 0 &&
        this.isOfCurrentOwner(row) &&
        !simulation.monitor.wasAssigned(row.runId),
    );
    if (waiting.length > simulation.projectLimit) {
      simulation.fail(
        "project",
        projectId,
        "has",
        waiting.length,
        "waiting runs, and may have",
        simulation.projectLimit,
      );
    }
  }

  private claimKey(key: string, runId: string): boolean {
    const holder = this.keys.get(key) ?? runId;
    this.keys.set(key, holder);
    if (holder !== runId && this.simulation.has("key_not_unique"))
      this.simulation.fail("two runs for one idempotency key");
    return holder === runId;
  }

  private update(row: Row, change: UpdateChange): void {
    const { simulation } = this;
    const { runId, step } = change;
    if (step) {
      this.addStep(row, step);
    } else if (change.assignment < row.assignment) {
      simulation.fail(
        "run",
        runId,
        "gets assignment",
        change.assignment,
        "although",
        row.assignment,
        "was given already",
      );
    }
    const woken = row.state === "SUSPENDED" && change.state === "RUNNING";
    if (woken && simulation.nowMs < row.wakeTimeMs!) simulation.fail("run", runId, "wakes before its time");
    row.state = change.state;
    row.assignment = change.assignment;
    row.startTimeMs = change.startTimeMs;
    row.wakeTimeMs = change.wakeTimeMs;
    row.deaths = change.deaths;
    row.parked = change.parked ?? row.parked;
    row.wasParked ||= row.parked;
  }

  /** The execution's name tells the assignment that it belongs to, also of a run given up. What ends a pause belongs to none. */
  private addStep(row: Row, step: StepResult): void {
    const { simulation } = this;
    if (isResumePath(step.path)) return this.addResumption(row, step);
    const [, given] = /^poison-(\d+)$/.exec(step.executionId) ?? step.executionId.split("/");
    const assignment = Number(given);
    if (assignment !== row.assignment) {
      simulation.fail(
        "stale checkpoint: run",
        row.runId,
        "assignment",
        assignment,
        "but",
        row.assignment,
        "is current",
      );
    }
    const expected = nextStepPath({ spec: row.accept.spec, steps: row.steps });
    if (step.path !== expected) simulation.fail("step", step.path, "of run", row.runId, "is checkpointed twice");
    placeStep(row.steps, step);
    row.executions.add(step.executionId);
    if (step.pause) row.pauses += 1;
  }

  private addResumption(row: Row, step: StepResult): void {
    const paused = row.steps.at(-1)!;
    if (row.state !== "SUSPENDED" || step.path !== resumePath(paused.path) || paused.resumption) {
      this.simulation.fail("the pause", step.path, "of run", row.runId, "is ended although it is over");
    }
    if (step.executionId.startsWith("result/") && !this.history.has(paused.pause?.child?.runId ?? "")) {
      this.simulation.fail("run", row.runId, "goes on with the result of a run that has not ended");
    }
    this.resumptions.set(`${row.runId}/${step.path}`, step.executionId);
    placeStep(row.steps, step);
  }

  private end(row: Row, change: EndChange): void {
    if (this.history.has(row.runId)) this.simulation.fail("run", row.runId, "reaches a second end");
    if (change.step) this.addStep(row, change.step);
    row.state = change.state;
    row.parked = false;
    this.hot.delete(row.runId);
    this.history.set(row.runId, row);
    this.simulation.log("pg: run", row.runId, change.state);
  }

  protected applyWrite(runId: string, assignment: number, operation: string): "ok" | "stale" {
    const { simulation } = this;
    const row = this.hot.get(runId);
    const current = row?.assignment === assignment;
    if (current && row?.state === "SUSPENDED") {
      simulation.fail(
        "data-store write of assignment",
        assignment,
        "of run",
        runId,
        "is applied although it is paused",
      );
    }
    if (!current && !simulation.has("ds_no_fence")) return "stale";
    if (this.operations.has(operation)) {
      if (simulation.has("ds_no_operation_id")) simulation.fail("data-store operation", operation, "is applied twice");
      return "ok";
    }
    if (!current) simulation.fail("data-store write of stale assignment", assignment, "of run", runId, "is applied");
    this.operations.add(operation);
    return "ok";
  }
}

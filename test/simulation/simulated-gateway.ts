import {
  Waiting,
  type GatewayMessages,
  type messages,
  type RunListener,
  type RunState,
  type StepResponse,
  type WaitingPort,
} from "@millrace/core";
import { Process } from "./process.ts";
import type { Simulation } from "./simulation.ts";
import type { SimulatedRunner } from "./simulated-runner.ts";

const TICK_MS = 100;
const CANCEL_ACK_MS = 8000;

/** The real gateway brain on a simulated process; it also writes data stores for runners. */
export class SimulatedGateway extends Process implements WaitingPort {
  private waiting: Waiting;

  constructor(simulation: Simulation, name: string) {
    super(simulation, name);
    this.waiting = new Waiting(this);
    this.tick();
  }

  override boot(): void {
    this.waiting = new Waiting(this);
    this.tick();
  }

  private tick(): void {
    if (this.waiting.size > 0) this.waiting.onTick();
    this.later(TICK_MS, () => this.tick());
  }

  accept(message: messages.Submit, ackMs: number, listener: RunListener): void {
    this.waiting.submit(message, ackMs, listener);
  }

  requestCancel(message: messages.Cancel, done: (state: RunState | undefined | "TIMEOUT") => void): void {
    this.waiting.cancel(message, CANCEL_ACK_MS, done);
  }

  requestResume(message: messages.Resume, done: (outcome: messages.Resumed | "TIMEOUT") => void): void {
    this.waiting.resume(message, CANCEL_ACK_MS, done);
  }

  // WaitingPort

  nowMs(): number {
    return this.simulation.nowMs;
  }

  submit(message: messages.Submit): void {
    for (const scheduler of this.simulation.schedulers) {
      this.simulation.send(this, scheduler, "submit", () => scheduler.onSubmit(message));
    }
  }

  cancel(message: messages.Cancel): void {
    for (const scheduler of this.simulation.schedulers) {
      this.simulation.send(this, scheduler, "cancel", () => scheduler.onCancel(message));
    }
  }

  resume(message: messages.Resume): void {
    for (const scheduler of this.simulation.schedulers) {
      this.simulation.send(this, scheduler, "resume", () => scheduler.onResume(message));
    }
  }

  read(runIds: readonly string[]): void {
    this.simulation.postgres.read(this, runIds, (found) => {
      for (const [runId, recorded] of found ?? []) this.waiting.onRead(runId, recorded);
    });
  }

  // Messages

  receive<K extends keyof GatewayMessages>(kind: K, message: GatewayMessages[K]): void {
    if (kind === "accepted") this.waiting.onAccepted(message as messages.Accepted);
    else if (kind === "release") this.waiting.onRelease(message as messages.Release);
    else if (kind === "reassigned") this.waiting.onReassigned(message as messages.Reassigned);
    else if (kind === "ended") this.waiting.onEnded(message as messages.Ended);
    else if (kind === "resumed") this.waiting.onResumed(message as messages.Resumed);
    else this.waiting.onCancelled(message as messages.Cancelled);
  }

  onOwnersMoved(message: messages.OwnersMoved): void {
    this.waiting.onOwnersMoved(message);
  }

  onAnswer(message: messages.Answer): void {
    this.waiting.onAnswer(message);
  }

  onWrite(runner: SimulatedRunner, handing: messages.Handing, operation: string): void {
    const { simulation } = this;
    simulation.postgres.write(this, handing.runId, handing.assignment, operation, (result) => {
      if (result) simulation.send(this, runner, "written", () => runner.onWritten(handing, operation, result));
    });
  }
}

/** An answer whose body names the execution that gave it. */
export function answerNaming(executionId: string): StepResponse {
  return { status: 200, headers: [], body: Buffer.from(executionId), immediate: false };
}

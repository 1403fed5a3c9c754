import type { Simulation } from "./simulation.ts";

/** A simulated process: kill -9 and restart change its incarnation, a pause defers everything that it would do. */
export abstract class Process {
  readonly simulation: Simulation;
  readonly name: string;
  incarnation = 0;
  up = true;
  pausedUntilMs = 0;
  cutUntilMs = 0;
  postgresCutUntilMs = 0;

  constructor(simulation: Simulation, name: string) {
    this.simulation = simulation;
    this.name = name;
  }

  /** Starts with empty memory. */
  abstract boot(): void;

  /** What happens to others at once (children, sockets). */
  die(): void {}

  later(delayMs: number, action: () => void): void {
    const { incarnation } = this;
    this.simulation.queue.at(delayMs, () => this.run(incarnation, action));
  }

  /** Runs an action of the given incarnation, when it lives and is not paused; whatever piled up runs in any order. */
  run(incarnation: number, action: () => void): void {
    if (!this.up || incarnation !== this.incarnation) return;
    const { queue, random } = this.simulation;
    if (queue.nowMs < this.pausedUntilMs) {
      queue.at(this.pausedUntilMs - queue.nowMs + random.uniform(0, 2), () => this.run(incarnation, action));
    } else {
      action();
    }
  }

  killFor(spanMs: number): void {
    if (!this.up) return;
    this.up = false;
    this.pausedUntilMs = 0;
    this.die();
    this.simulation.queue.at(spanMs, () => {
      this.up = true;
      this.incarnation += 1;
      this.boot();
    });
  }

  pause(untilMs: number): void {
    if (this.up) this.pausedUntilMs = Math.max(this.pausedUntilMs, untilMs);
  }
}

import type { Bus } from "@millrace/bus";
import { isSealedFor, sealHanding, type messages, type OwnerBrain, type RunTokenMac } from "@millrace/core";

/**
 * Keeps what runners say of runs to those that were given to them. NATS vouches for who speaks; whose a run is the owner
 * knows from its own memory, and after a takeover from the seal that its predecessor made.
 */
export class RunnerTrust {
  readonly #brain: Pick<OwnerBrain, "isAssignedTo">;
  readonly #bus: Pick<Bus, "countForged">;
  readonly #mac: RunTokenMac;

  constructor(brain: Pick<OwnerBrain, "isAssignedTo">, bus: Pick<Bus, "countForged">, mac: RunTokenMac) {
    this.#brain = brain;
    this.#bus = bus;
    this.#mac = mac;
  }

  /** What a runner gets with an assignment, and shows for it. */
  seal(assign: Pick<messages.Assign, "runId" | "assignment">, runner: string): Buffer {
    return sealHanding(assign, runner, this.#mac);
  }

  /** Whether the runner may speak of the handing; counted when not. */
  isOf(handing: messages.Handing, runner: string, subject: string): boolean {
    if (this.#brain.isAssignedTo(handing, runner) || isSealedFor(handing, runner, this.#mac)) return true;
    this.#bus.countForged("handing", subject);
    return false;
  }

  /** The heartbeat without runs that were never given to its sender. */
  ofHeartbeat(beat: messages.Heartbeat, subject: string): messages.Heartbeat {
    const mine = ({ handing }: { readonly handing: messages.Handing }) => this.isOf(handing, beat.runner, subject);
    const { held, gone } = beat;
    if (held.every(mine) && gone.every(mine)) return beat;
    return { ...beat, held: held.filter(mine), gone: gone.filter(mine) };
  }
}

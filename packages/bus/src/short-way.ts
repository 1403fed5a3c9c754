import type { BusHeaders } from "./bus.ts";

/** Who receives, in this process, what is sent to a subject. */
export interface ShortReceiver {
  /** Whether a message is for it now; one that is not goes over NATS, to whoever it is for. */
  readonly isMeant: () => boolean;
  /** Throws nothing. */
  readonly receive: (message: unknown, headers: BusHeaders | undefined) => void;
}

interface Delivery {
  readonly subject: string;
  readonly receiver: ShortReceiver;
  readonly message: unknown;
  readonly headers: BusHeaders | undefined;
}

/** Most messages that wait for their turn; further ones go over NATS. */
const WAITING_MAX = 16_384;
/** Most messages in one turn of the event loop, so that sockets and timers have theirs. */
const TURN_MAX = 128;

/**
 * Hands messages from one part of a process to another one without the broker, where that one alone is to have them. It promises
 * what core NATS promises, so that nobody needs to know which way a message went: at most once, in the order of sending, in a later
 * turn of the event loop, and to nobody when the receiver has stopped listening by then. Objects are handed on as they are: whoever
 * sends or receives a message never changes it.
 */
export class ShortWay {
  readonly #receivers = new Map<string, readonly ShortReceiver[]>();
  readonly #waiting: Delivery[] = [];

  /** Receives what is sent to a subject from now on; the result ends it. */
  listen(subject: string, receiver: ShortReceiver): () => void {
    this.#receivers.set(subject, [...(this.#receivers.get(subject) ?? []), receiver]);
    return () => {
      const others = (this.#receivers.get(subject) ?? []).filter((one) => one !== receiver);
      if (others.length === 0) this.#receivers.delete(subject);
      else this.#receivers.set(subject, others);
    };
  }

  /** False where a message has to go over NATS: nobody here is meant, or more than one, or too much is waiting. */
  send(subject: string, message: unknown, headers: BusHeaders | undefined): boolean {
    const [receiver, ...others] = this.#receivers.get(subject) ?? [];
    if (receiver === undefined || others.length > 0 || !receiver.isMeant()) return false;
    if (this.#waiting.length >= WAITING_MAX) return false;
    if (this.#waiting.length === 0) setImmediate(() => this.#deliver());
    this.#waiting.push({ subject, receiver, message, headers });
    return true;
  }

  #deliver(): void {
    const turn = this.#waiting.splice(0, TURN_MAX);
    if (this.#waiting.length > 0) setImmediate(() => this.#deliver());
    for (const { subject, receiver, message, headers } of turn)
      if (this.#receivers.get(subject)?.includes(receiver)) receiver.receive(message, headers);
  }
}

/** Told what became of a request: its outcome, or that nobody acknowledged it in time. */
export type Done<Outcome> = (outcome: Outcome | "TIMEOUT") => void;

interface Request<Message, Outcome> {
  readonly message: Message;
  readonly done: Done<Outcome>;
  readonly deadlineMs: number;
  resendAtMs: number;
}

/** Messages that are sent again until they are acknowledged or their time is over. */
export class Requests<Message, Outcome> {
  private readonly send: (message: Message) => void;
  private readonly resendMs: number;
  private readonly entries = new Map<string, Request<Message, Outcome>>();

  constructor(resendMs: number, send: (message: Message) => void) {
    this.resendMs = resendMs;
    this.send = send;
  }

  get size(): number {
    return this.entries.size;
  }

  /**
   * Sends a message; a second one under the same key takes the place of the first, whose caller is told the same. One that
   * cannot be sent at all, such as one larger than any message may be, is not kept: it would be sent again in vain.
   */
  add(key: string, message: Message, nowMs: number, ackMs: number, done: Done<Outcome>): void {
    const before = this.entries.get(key);
    const both: Done<Outcome> = (outcome) => {
      before?.done(outcome);
      done(outcome);
    };
    this.entries.set(key, { message, done: both, deadlineMs: nowMs + ackMs, resendAtMs: nowMs + this.resendMs });
    try {
      this.send(message);
    } catch (thrown) {
      if (before === undefined) this.entries.delete(key);
      else this.entries.set(key, before);
      throw thrown;
    }
  }

  /** The receiver has said what became of it. */
  settle(key: string, outcome: Outcome): void {
    const request = this.entries.get(key);
    this.entries.delete(key);
    request?.done(outcome);
  }

  /** Sends those again at once that are meant. */
  resend(nowMs: number, isMeant: (message: Message) => boolean): void {
    for (const request of [...this.entries.values()]) {
      if (!isMeant(request.message)) continue;
      request.resendAtMs = nowMs + this.resendMs;
      this.send(request.message);
    }
  }

  onTick(nowMs: number): void {
    for (const [key, request] of [...this.entries]) {
      if (nowMs >= request.deadlineMs) {
        this.entries.delete(key);
        request.done("TIMEOUT");
      } else if (nowMs >= request.resendAtMs) {
        request.resendAtMs = nowMs + this.resendMs;
        this.send(request.message);
      }
    }
  }
}

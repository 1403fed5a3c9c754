import { PlatformError } from "@millrace/core";
import { hashPassword, isPassword } from "@millrace/store";

const LENGTH_MIN = 10;
const LENGTH_MAX = 1_024;
/** Each takes 64 MiB for a moment. */
const HASHING_MAX = 2;
const WAITING_MAX = 32;

/** Hashes passwords, a few at a time, so that many attempts take neither the memory nor all the threads. */
export class Passwords {
  #hashing = 0;
  readonly #waiting: (() => void)[] = [];

  /** The hash of a password that somebody has chosen. Throws `WEAK_PASSWORD`. */
  hash(password: string): Promise<string> {
    if (password.length < LENGTH_MIN || password.length > LENGTH_MAX) {
      const message = `a password has ${LENGTH_MIN} to ${LENGTH_MAX} characters`;
      throw new PlatformError("InvalidArgument", "WEAK_PASSWORD", message);
    }
    return this.#inTurn(() => hashPassword(password));
  }

  /** Whether a password is the one; undefined stands for a user that there is not, and takes as long. */
  check(password: string, kept: string | undefined): Promise<boolean> {
    return this.#inTurn(() => isPassword(password.slice(0, LENGTH_MAX), kept));
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#hashing < HASHING_MAX) this.#hashing++;
    else if (this.#waiting.length < WAITING_MAX) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else throw new PlatformError("ResourceExhausted", "TOO_MANY_ATTEMPTS", "too many sign in at the moment; try again");
    try {
      return await work();
    } finally {
      // The place goes on to the next one, if anybody waits.
      const next = this.#waiting.shift();
      if (next === undefined) this.#hashing--;
      else next();
    }
  }
}

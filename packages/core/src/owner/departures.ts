/** Most runs that are remembered as gone; reads that began before the ones forgotten are not believed. */
const GONE_MAX = 10_000;

/**
 * Which runs have left the memory while the record was read. What a read found may be of the past: a run that has left since it
 * began has moved on, and is not taken from it.
 */
export class Departures {
  private readonly gone = new Map<string, number>();
  private readonly reads = new Map<object, number>();
  private count = 0;
  private forgottenTo = 0;

  /** A read begins. Its key is whatever comes back with what it found. */
  beginRead(key: object): void {
    this.reads.set(key, this.count);
  }

  /** Forgets a read; ask for what it found before. */
  endRead(key: object): void {
    this.reads.delete(key);
    if (this.reads.size === 0) this.gone.clear();
  }

  /** Some run has left the memory. */
  left(runId: string): void {
    if (this.reads.size === 0) return;
    this.count += 1;
    this.gone.delete(runId);
    this.gone.set(runId, this.count);
    if (this.gone.size <= GONE_MAX) return;
    const [oldest, number] = this.gone.entries().next().value!;
    this.gone.delete(oldest);
    this.forgottenTo = number;
  }

  /** False when so much has left the memory since the read began that nothing of it can be believed. */
  isBelievable(key: object): boolean {
    return this.forgottenTo <= (this.reads.get(key) ?? -1);
  }

  /** False when what a read says of a run may be of the past. */
  isFresh(key: object, runId: string): boolean {
    return this.isBelievable(key) && (this.gone.get(runId) ?? 0) <= this.reads.get(key)!;
  }
}

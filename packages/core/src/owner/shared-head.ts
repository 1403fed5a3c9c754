/**
 * Room for waiting runs in an owner's memory that all its queues share: a burst that fits in here starts as it came, although it is
 * longer than a queue's own head, and costs the record nothing on top.
 */
export class SharedHead {
  /** Waiting runs of all queues, and the bytes of those that can start. */
  runs = 0;
  bytes = 0;
  private readonly runsMax: number;
  private readonly bytesMax: number;

  constructor(runsMax: number, bytesMax: number) {
    this.runsMax = runsMax;
    this.bytesMax = bytesMax;
  }

  hasRoomFor(bytes: number): boolean {
    return this.runs < this.runsMax && this.bytes + bytes <= this.bytesMax;
  }

  isOverfull(): boolean {
    return this.runs > this.runsMax || this.bytes > this.bytesMax;
  }
}

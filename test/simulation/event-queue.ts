interface Scheduled {
  readonly atMs: number;
  readonly order: number;
  readonly action: () => void;
}

/** Simulated time: actions in the order of their time, equal times in the order in which they were added. */
export class EventQueue {
  nowMs = 0;
  handled = 0;
  private order = 0;
  private readonly heap: Scheduled[] = [];

  at(delayMs: number, action: () => void): void {
    this.heap.push({ atMs: this.nowMs + Math.max(0, delayMs), order: this.order++, action });
    this.up(this.heap.length - 1);
  }

  /** Runs the next action. */
  step(): void {
    const next = this.heap[0]!;
    const last = this.heap.pop()!;
    if (this.heap.length > 0) {
      this.heap[0] = last;
      this.down(0);
    }
    this.nowMs = next.atMs;
    this.handled += 1;
    next.action();
  }

  private up(index: number): void {
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!this.before(index, parent)) return;
      this.swap(index, parent);
      index = parent;
    }
  }

  private down(index: number): void {
    for (;;) {
      let least = index;
      for (const child of [2 * index + 1, 2 * index + 2]) {
        if (child < this.heap.length && this.before(child, least)) least = child;
      }
      if (least === index) return;
      this.swap(index, least);
      index = least;
    }
  }

  private before(a: number, b: number): boolean {
    const [x, y] = [this.heap[a]!, this.heap[b]!];
    return x.atMs < y.atMs || (x.atMs === y.atMs && x.order < y.order);
  }

  private swap(a: number, b: number): void {
    [this.heap[a], this.heap[b]] = [this.heap[b]!, this.heap[a]!];
  }
}

/** A seeded generator (xoshiro128**): the same seed gives the same scenario on every machine. */
export class Random {
  private readonly state: Uint32Array;

  constructor(seed: string) {
    let hash = 0x9e3779b9;
    this.state = new Uint32Array(4);
    for (let i = 0; i < 4; i++) {
      for (let k = 0; k < seed.length; k++) hash = Math.imul(hash ^ seed.charCodeAt(k), 0x85ebca6b) ^ (hash >>> 13);
      hash = Math.imul(hash ^ (hash >>> 16), 0xc2b2ae35) + i;
      this.state[i] = hash | 1;
    }
    for (let i = 0; i < 8; i++) this.next();
  }

  /** 0 (included) to 1 (excluded). */
  next(): number {
    const s = this.state;
    const result = Math.imul(rotate(Math.imul(s[1]!, 5), 7), 9) >>> 0;
    const t = s[1]! << 9;
    s[2]! ^= s[0]!;
    s[3]! ^= s[1]!;
    s[1]! ^= s[2]!;
    s[0]! ^= s[3]!;
    s[2]! ^= t;
    s[3] = rotate(s[3]!, 11);
    return result / 2 ** 32;
  }

  uniform(from: number, to: number): number {
    return from + (to - from) * this.next();
  }

  /** A whole number, both ends included. */
  integer(from: number, to: number): number {
    return from + Math.floor(this.next() * (to - from + 1));
  }

  choice<T>(items: readonly T[]): T {
    return items[Math.floor(this.next() * items.length)]!;
  }

  weighted<T>(items: readonly (readonly [T, number])[]): T {
    let rest = this.next() * items.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [item, weight] of items) {
      rest -= weight;
      if (rest < 0) return item;
    }
    return items[items.length - 1]![0];
  }
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

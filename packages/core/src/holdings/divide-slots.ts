/** Somebody who claims slots. */
export interface Claimant {
  /** Slots in use and wanted. */
  readonly claim: number;
  /** What is left when all have the same goes first to those with the highest rank. */
  readonly rank: number;
  /** The same when there are fewer slots than claimants: they take turns. */
  readonly turn: number;
}

/** What a division came to. */
export interface Division {
  /** Slots in the order of the claimants. */
  readonly shares: number[];
  /** True when somebody got nothing although he claimed something. */
  readonly leftOut: boolean;
}

/** Divides slots so that nobody gets more than he claims, and more than another only if that one has all that he claims. */
export function divideSlots(slots: number, claimants: readonly Claimant[]): Division {
  const shares = claimants.map(() => 0);
  let rest = slots;
  let open = [...claimants.keys()].filter((i) => claimants[i]!.claim > 0);
  for (;;) {
    const even = Math.floor(rest / Math.max(1, open.length));
    const modest = open.filter((i) => claimants[i]!.claim <= even);
    if (modest.length === 0) {
      giveRest(even, rest - even * open.length, open, claimants, shares);
      return { shares, leftOut: even === 0 && open.length > rest };
    }
    for (const i of modest) {
      shares[i] = claimants[i]!.claim;
      rest -= shares[i]!;
    }
    open = open.filter((i) => claimants[i]!.claim > even);
  }
}

/** All that are left get the same, and the first of them one more. */
function giveRest(
  even: number,
  more: number,
  open: readonly number[],
  claimants: readonly Claimant[],
  shares: number[],
): void {
  const by = (i: number) => (even === 0 ? -claimants[i]!.turn : claimants[i]!.rank);
  const order = [...open].sort((a, b) => by(b) - by(a));
  for (const [place, i] of order.entries()) shares[i] = even + (place < more ? 1 : 0);
}

import { Random } from "../../simulation/random.ts";

/** What can be done to a house. `primary` and `standby` are whichever Postgres server is that when the fault begins. */
export type PlannedFault = What & {
  /** Time in its round before it begins. */
  readonly afterMs?: number;
};

type What =
  | { readonly kind: "kill"; readonly victim: string; readonly holdMs: number }
  | { readonly kind: "kill-worker"; readonly victim: string; readonly holdMs: number }
  | { readonly kind: "blackout"; readonly holdMs: number }
  | { readonly kind: "stop"; readonly victim: string; readonly holdMs: number }
  | { readonly kind: "freeze"; readonly victim: string; readonly holdMs: number }
  | { readonly kind: "partition"; readonly cuts: readonly Cut[]; readonly holdMs: number }
  | { readonly kind: "slow"; readonly victim: string; readonly link: SlowLink; readonly holdMs: number }
  | { readonly kind: "disk"; readonly victim: string; readonly holdMs: number }
  | { readonly kind: "clock"; readonly victim: string; readonly jumpMs: number; readonly holdMs: number }
  | { readonly kind: "restart"; readonly victims: readonly string[]; readonly holdMs: number }
  | { readonly kind: "failover"; readonly old: OldPrimary; readonly holdMs: number };

export type FaultKind = PlannedFault["kind"];

/** What has become of the primary when its standby is promoted. */
export type OldPrimary = "alive" | "frozen" | "cut" | "killed";

/** `deaf` does not hear `mute`. */
export interface Cut {
  readonly deaf: string;
  readonly mute: string;
}

export interface SlowLink {
  readonly delayMs: number;
  readonly jitterMs: number;
  readonly loss: number;
}

/** One fault, or two at a time, and the time of peace that follows. */
export interface Round {
  readonly faults: readonly PlannedFault[];
  readonly peaceMs: number;
}

/** What there is to break. */
export interface Targets {
  readonly gateways: readonly string[];
  readonly schedulers: readonly string[];
  readonly runners: readonly string[];
  readonly nats: readonly string[];
  /** As many as there are; with one there is no failover. */
  readonly postgres: readonly string[];
  readonly hasNetwork: boolean;
  readonly hasClocks: boolean;
  /** Whether each host has a disk of its own; nobody else's is to be filled. */
  readonly hasDisks: boolean;
}

const PEACE_MS = [4_000, 8_000] as const;
const PAIR_SHARE = 0.2;

const WEIGHTS: readonly (readonly [FaultKind, number])[] = [
  ...([
    ["kill", 6],
    ["kill-worker", 1],
    ["blackout", 1],
    ["stop", 4],
    ["freeze", 2],
  ] as const),
  ...([
    ["partition", 6],
    ["slow", 2],
    ["disk", 2],
    ["clock", 2],
    ["restart", 3],
    ["failover", 3],
  ] as const),
];

/** The faults of a whole test, from its seed alone. */
export function planRounds(seed: string, targets: Targets, totalMs: number): Round[] {
  const random = new Random(`nemesis ${seed}`);
  const kinds = WEIGHTS.filter(([kind]) => isPossible(kind, targets));
  const rounds: Round[] = [];
  for (let at = 0; at < totalMs;) {
    const faults = [planFault(random, random.weighted(kinds), targets)];
    const second = planFault(random, random.weighted(kinds), targets);
    if (random.next() < PAIR_SHARE && goTogether(faults[0] as PlannedFault, second)) faults.push(second);
    const round = { faults, peaceMs: random.integer(...PEACE_MS) };
    rounds.push(round);
    at += Math.max(...faults.map(({ holdMs }) => holdMs)) + round.peaceMs;
  }
  return rounds;
}

function isPossible(kind: FaultKind, targets: Targets): boolean {
  if (kind === "partition" || kind === "slow") return targets.hasNetwork;
  if (kind === "clock") return targets.hasClocks;
  if (kind === "disk") return targets.hasDisks;
  return kind !== "failover" || targets.postgres.length > 1;
}

/** Two faults at a time must not take the same thing twice, nor all that the record rests on. */
function goTogether(one: PlannedFault, other: PlannedFault): boolean {
  const alone: readonly FaultKind[] = ["blackout", "restart", "failover"];
  if (one.kind === other.kind || alone.includes(one.kind) || alone.includes(other.kind)) return false;
  const touched = [one, other].map((fault) => new Set(victimsOf(fault)));
  const shared = [...(touched[0] ?? [])].some((name) => touched[1]?.has(name));
  const records = touched.filter((names) => names.has("primary") || names.has("standby")).length;
  return !shared && records < 2;
}

/** Whom a fault is about. */
export function victimsOf(fault: PlannedFault): string[] {
  switch (fault.kind) {
    case "blackout":
      return [];
    case "failover":
      return ["primary", "standby"];
    case "partition":
      return [...new Set(fault.cuts.flatMap(({ deaf, mute }) => [deaf, mute]))];
    case "restart":
      return [...fault.victims];
    default:
      return [fault.victim];
  }
}

function planFault(random: Random, kind: FaultKind, targets: Targets): PlannedFault {
  const { runners } = targets;
  const own = [...targets.gateways, ...targets.schedulers, ...runners];
  const holdMs = random.integer(500, 6_000);
  switch (kind) {
    case "kill":
      return { kind, victim: anyOf(random, targets), holdMs };
    case "kill-worker":
      return { kind, victim: random.choice(runners), holdMs };
    case "blackout":
      return { kind, holdMs };
    case "stop":
    case "freeze":
      return { kind, victim: anyOf(random, targets), holdMs: pauseOf(random) };
    case "partition":
      return { kind, cuts: planCuts(random, targets), holdMs: random.integer(2_000, 15_000) };
    case "slow": {
      const link = { delayMs: random.integer(5, 80), jitterMs: random.integer(0, 40), loss: random.uniform(0, 0.04) };
      return { kind, victim: anyOf(random, targets), link, holdMs: random.integer(4_000, 15_000) };
    }
    case "disk": {
      const victims = [...runners, ...targets.nats, ...recordOf(targets)];
      return { kind, victim: random.choice(victims), holdMs: random.integer(2_000, 8_000) };
    }
    case "clock": {
      const jumpMs = random.choice([-1, 1]) * random.choice([2_000, 30_000, 600_000]);
      return { kind, victim: random.choice(own), jumpMs, holdMs: random.integer(4_000, 15_000) };
    }
    case "restart":
      return { kind, victims: planRestart(random, targets), holdMs };
    case "failover":
      return { kind, old: random.choice(["alive", "frozen", "cut", "killed"] as const), holdMs };
  }
}

/** Mostly some seconds, sometimes a minute. */
function pauseOf(random: Random): number {
  return random.next() < 0.15 ? random.integer(20_000, 60_000) : random.integer(1_000, 12_000);
}

function recordOf({ postgres }: Targets): string[] {
  return postgres.length > 1 ? ["primary", "standby"] : ["primary"];
}

/** One process, each role as likely as the other. */
function anyOf(random: Random, targets: Targets): string {
  const { gateways, schedulers, runners, nats } = targets;
  return random.choice(random.choice([gateways, schedulers, schedulers, runners, runners, nats, recordOf(targets)]));
}

/** All processes of one role, one after another, as an upgrade does; or a single one. */
function planRestart(random: Random, targets: Targets): string[] {
  const group = random.choice([targets.gateways, targets.schedulers, targets.runners, targets.nats]);
  return random.next() < 0.4 ? [...group] : [random.choice(group)];
}

function planCuts(random: Random, targets: Targets): Cut[] {
  const { gateways, schedulers, runners, nats } = targets;
  const record = recordOf(targets);
  const all = [...gateways, ...schedulers, ...runners, ...nats, ...record];
  const lone = anyOf(random, targets);
  const others = all.filter((name) => name !== lone);
  const needs: readonly (readonly [readonly string[], readonly string[]])[] = [
    [gateways, nats],
    [gateways, record],
    [schedulers, nats],
    [schedulers, record],
    [runners, nats],
    ...(nats.length > 1 ? ([[nats.slice(0, 1), nats.slice(1)]] as const) : []),
    ...(record.length > 1 ? ([[["primary"], ["standby"]]] as const) : []),
  ];
  const [froms, tos] = random.choice(needs);
  const from = random.choice(froms);
  const hear = (deaf: readonly string[], mute: readonly string[]): Cut[] =>
    deaf.flatMap((one) => mute.map((other) => ({ deaf: one, mute: other })));
  return random.choice([
    // A host alone, with nobody; or one that hears nobody, or that nobody hears.
    () => [...hear([lone], others), ...hear(others, [lone])],
    () => hear([lone], others),
    () => hear(others, [lone]),
    // One that lacks just one thing that it needs, both ways or one.
    () => [...hear([from], tos), ...hear(tos, [from])],
    () => [...hear([from], tos), ...hear(tos, [from])],
    () => hear([from], tos),
    () => hear(tos, [from]),
  ])();
}

/** A fault in a few words. */
export function describe(fault: PlannedFault): string {
  const seconds = `${(fault.holdMs / 1_000).toFixed(1)} s`;
  switch (fault.kind) {
    case "blackout":
      return `everything killed for ${seconds}`;
    case "failover":
      return `failover, the old primary ${fault.old}`;
    case "partition":
      return `partition for ${seconds}: ${describeCuts(fault.cuts)}`;
    case "restart":
      return `restart of ${fault.victims.join(", ")}`;
    case "slow": {
      const { delayMs, jitterMs, loss } = fault.link;
      return `slow ${fault.victim} for ${seconds}: ${delayMs}±${jitterMs} ms, ${(loss * 100).toFixed(0)} % lost`;
    }
    case "clock":
      return `clock of ${fault.victim} ${fault.jumpMs / 1_000} s off for ${seconds}`;
    default:
      return `${fault.kind} ${fault.victim} for ${seconds}`;
  }
}

function describeCuts(cuts: readonly Cut[]): string {
  const deaf = Map.groupBy(cuts, (cut) => cut.deaf);
  const mute = Map.groupBy(cuts, (cut) => cut.mute);
  const lone = [...deaf].find(([, all]) => all.length > 3)?.[0];
  if (lone !== undefined) return `${lone} ${(mute.get(lone)?.length ?? 0) > 3 ? "is alone" : "hears nobody"}`;
  const unheard = [...mute].find(([, all]) => all.length > 3)?.[0];
  if (unheard !== undefined) return `nobody hears ${unheard}`;
  return [...deaf].map(([name, all]) => `${name} does not hear ${all.map((cut) => cut.mute).join(", ")}`).join("; ");
}

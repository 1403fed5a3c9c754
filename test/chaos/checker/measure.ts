import { SUBMITS, type FaultRecord, type Operation } from "../client/history.ts";

/** How long one probe stood still beside one fault. */
export interface Stall {
  readonly fault: FaultRecord;
  readonly workflow: string;
  readonly ms: number;
  /** Whether no other fault was about. */
  readonly isSingle: boolean;
}

export interface Latencies {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export interface Measures {
  readonly submits: number;
  readonly acknowledged: number;
  readonly refused: number;
  readonly unknown: number;
  /** The longest stall of each fault. */
  readonly stalls: readonly Stall[];
  readonly during: Latencies;
  readonly outside: Latencies;
}

/** A gap between two answers that one probe got, from the first try that was not answered. */
interface Gap {
  readonly workflow: string;
  readonly fromMs: number;
  readonly toMs: number;
}

/** How long after a fault was healed a stall still counts as its own. */
const AFTERMATH_MS = 3_000;

/** How quick the house was, and how long it stood still. */
export function measure(operations: readonly Operation[], faults: readonly FaultRecord[]): Measures {
  const submits = operations.filter(({ kind }) => SUBMITS.has(kind));
  const probes = submits.filter(({ kind }) => kind === "sync");
  const answered = probes.filter(({ outcome, answer }) => outcome === "ok" && answer !== undefined);
  const isDuring = ({ startMs, endMs = Infinity }: Operation): boolean =>
    faults.some((fault) => startMs < fault.endMs + AFTERMATH_MS && endMs > fault.startMs);
  const gaps = [...Map.groupBy(probes, ({ workflow }) => workflow).values()].flatMap(gapsOf);
  return {
    submits: submits.length,
    acknowledged: submits.filter(({ outcome }) => outcome === "ok").length,
    refused: submits.filter(({ outcome }) => outcome === "fail").length,
    unknown: submits.filter(({ outcome }) => outcome === "unknown" || outcome === "pending").length,
    stalls: faults.flatMap((fault) => longestStall(fault, faults, gaps)),
    during: latenciesOf(answered.filter(isDuring)),
    outside: latenciesOf(answered.filter((probe) => !isDuring(probe))),
  };
}

function gapsOf(probes: readonly Operation[]): Gap[] {
  const gaps: Gap[] = [];
  let fromMs: number | undefined;
  for (const { workflow, startMs, endMs = Infinity, answer } of probes) {
    fromMs ??= startMs;
    if (answer === undefined) continue;
    gaps.push({ workflow, fromMs, toMs: endMs });
    fromMs = undefined;
  }
  const last = probes.at(-1);
  if (fromMs !== undefined && last !== undefined) {
    gaps.push({ workflow: last.workflow, fromMs, toMs: last.endMs ?? Infinity });
  }
  return gaps;
}

function longestStall(fault: FaultRecord, faults: readonly FaultRecord[], gaps: readonly Gap[]): Stall[] {
  // Everything at once is many faults: how long that takes is told beside it.
  const isLone = fault.kind !== "blackout";
  const isOverlapped = faults.some(
    (other) =>
      other !== fault && other.startMs < fault.endMs + AFTERMATH_MS && other.endMs + AFTERMATH_MS > fault.startMs,
  );
  const isSingle = isLone && !isOverlapped;
  const stalls = gaps
    .filter(({ fromMs, toMs }) => toMs > fault.workableMs && fromMs < fault.endMs + AFTERMATH_MS)
    .map(({ workflow, fromMs, toMs }) => ({
      fault,
      workflow,
      ms: toMs - Math.max(fromMs, fault.workableMs),
      isSingle,
    }));
  const longest = stalls.sort((one, other) => other.ms - one.ms)[0];
  return longest === undefined ? [] : [longest];
}

function latenciesOf(probes: readonly Operation[]): Latencies {
  const sorted = probes.map(({ startMs, endMs = Infinity }) => endMs - startMs).sort((one, other) => one - other);
  const quantile = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  return { count: sorted.length, p50: quantile(0.5), p99: quantile(0.99), max: sorted.at(-1) ?? 0 };
}

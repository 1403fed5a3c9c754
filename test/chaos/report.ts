import { RULES, type Rule, type Violation } from "./checker/check.ts";
import type { Latencies, Measures, Stall } from "./checker/measure.ts";
import type { FaultRecord } from "./client/history.ts";

/** What a test came to. */
export interface ChaosReport {
  readonly seed: string;
  readonly minutes: number;
  readonly rate: number;
  readonly broken: string | undefined;
  readonly runs: number;
  readonly measures: Measures;
  readonly faults: readonly FaultRecord[];
  readonly violations: readonly Violation[];
  /** Processes that ended without being asked to, with how often. */
  readonly deaths: ReadonlyMap<string, number>;
  readonly notes: readonly string[];
}

/** What is too long for a stall after a single fault. */
export const STALL_MAX_MS = 10_000;

const SHOWN_MAX = 5;

/** The longest stall beside a fault that came alone. */
export function longestSingleStall({ measures }: ChaosReport): Stall | undefined {
  return longest(measures.stalls.filter(({ isSingle }) => isSingle));
}

function longest(stalls: readonly Stall[]): Stall | undefined {
  return [...stalls].sort((one, other) => other.ms - one.ms)[0];
}

/** The table, for people. */
export function reportText(report: ChaosReport): string {
  const { measures, violations, faults } = report;
  const lines = [
    "",
    `seed ${report.seed}, ${report.minutes} min, ${report.rate} operations/s beside the probes${report.broken === undefined ? "" : `, broken: ${report.broken}`}`,
    "",
    ...faultTable(faults, measures.stalls),
    "",
    row("submits", measures.submits),
    row("  acknowledged", measures.acknowledged),
    row("  refused", measures.refused),
    row("  unknown", measures.unknown),
    row("runs in the record", report.runs),
    ...Object.entries(RULES).map(([rule, name]) => row(name, countOf(violations, rule as Rule))),
    row("longest stall, one fault", stallText(longestSingleStall(report))),
    row("longest stall, several at once", stallText(longest(measures.stalls.filter(({ isSingle }) => !isSingle)))),
    row("answers during faults", latencyText(measures.during)),
    row("answers outside faults", latencyText(measures.outside)),
    row(
      "processes that ended by themselves",
      [...report.deaths].map(([name, n]) => `${name} ${n}`).join(", ") || "none",
    ),
    ...report.notes.map((note) => `note: ${note}`),
    ...Object.keys(RULES).flatMap((rule) => violationLines(violations, rule as Rule)),
    ...faults.filter(({ error }) => error !== undefined).map(({ what, error }) => `not healed: ${what}: ${error}`),
  ];
  return lines.join("\n");
}

/** The same for programs. */
export function reportJson(report: ChaosReport): object {
  const { measures, violations, faults, deaths, ...head } = report;
  const single = longestSingleStall(report);
  return {
    ...head,
    submits: measures.submits,
    acknowledged: measures.acknowledged,
    refused: measures.refused,
    unknown: measures.unknown,
    violations: Object.fromEntries(Object.keys(RULES).map((rule) => [rule, countOf(violations, rule as Rule)])),
    violationTexts: violations.map(({ rule, text }) => `${rule}: ${text}`),
    longestStallMs: Math.round(single?.ms ?? 0),
    longestStallFault: single?.fault.what,
    during: measures.during,
    outside: measures.outside,
    deaths: Object.fromEntries(deaths),
    faults: faults.map(({ kind, what, startMs, endMs, error }) => ({ kind, what, startMs, endMs, error })),
  };
}

function row(name: string, value: number | string): string {
  return `${name.padEnd(38)} ${value}`;
}

function countOf(violations: readonly Violation[], rule: Rule): number {
  return violations.filter((violation) => violation.rule === rule).length;
}

function faultTable(faults: readonly FaultRecord[], stalls: readonly Stall[]): string[] {
  const kinds = [...Map.groupBy(faults, ({ kind }) => kind)].sort(([one], [other]) => (one < other ? -1 : 1));
  return [
    `${"fault".padEnd(14)} ${"times".padStart(5)}  longest stall`,
    ...kinds.map(([kind, all]) => {
      const worst = longest(
        stalls.filter(({ fault, isSingle }) => fault.kind === kind && (isSingle || kind === "blackout")),
      );
      return `${kind.padEnd(14)} ${String(all.length).padStart(5)}  ${stallText(worst)}`;
    }),
  ];
}

function stallText(stall: Stall | undefined): string {
  return stall === undefined ? "-" : `${(stall.ms / 1_000).toFixed(1)} s (${stall.workflow}: ${stall.fault.what})`;
}

function latencyText({ count, p50, p99, max }: Latencies): string {
  return `${count}: p50 ${p50.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms, most ${max.toFixed(0)} ms`;
}

function violationLines(violations: readonly Violation[], rule: Rule): string[] {
  const own = violations.filter((violation) => violation.rule === rule);
  const rest = own.length > SHOWN_MAX ? [`  … and ${own.length - SHOWN_MAX} more`] : [];
  return own.length === 0
    ? []
    : [`${RULES[rule]}:`, ...own.slice(0, SHOWN_MAX).map(({ text }) => `  ${text}`), ...rest];
}

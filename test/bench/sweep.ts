import type { TestHouse, TestHouseOptions } from "../harness/test-house.ts";
import { fillHistory } from "./fill-history.ts";
import { deployMany, measureThroughput, type Throughput } from "./throughput.ts";

/** What one point of a sweep cost. */
export interface SweepPoint {
  readonly x: number;
  readonly runs_per_s: number;
  readonly cpu_ms_per_run: number;
  readonly cpu_ms_per_run_by_process: Readonly<Record<string, number>>;
}

/** One thing that grows, and what a run costs meanwhile. */
export interface SweepFigures {
  readonly title: string;
  readonly unit: string;
  readonly points: readonly SweepPoint[];
}

type Measure = (house: TestHouse, x: number, runs: number) => Promise<Throughput>;

interface Sweep {
  readonly title: string;
  readonly unit: string;
  readonly xs: readonly number[];
  /** Runs of a point. */
  readonly runs: (x: number) => number;
  readonly measure: Measure;
  /** With it, each point has a house of its own. */
  readonly house?: (x: number) => TestHouseOptions;
  /** Points that `--quick` leaves out. */
  readonly slowFrom?: number;
}

const KIB = 1024;
const HISTORY_DAYS = 30;

const SWEEPS: Readonly<Record<string, Sweep>> = {
  steps: {
    ...{ title: "steps of a run", unit: "steps", xs: [1, 2, 5, 10, 20, 50] },
    runs: (x) => Math.ceil(4000 / (1 + x / 2)),
    measure: async (house, x, runs) => throughput(house, await deployMany(house, 1, x), runs),
  },
  payload: {
    ...{ title: "bytes of the event, which the step returns", unit: "KiB", xs: [1, 4, 16, 64, 256, 1024] },
    runs: (x) => Math.ceil(4000 / (1 + x / 16)),
    measure: async (house, x, runs) => {
      const event = JSON.stringify({ name: "payload", text: "x".repeat(x * KIB) });
      return throughput(house, await deployOne(house, `bench-payload-${x}`, ECHO), runs, event);
    },
  },
  workflows: {
    ...{ title: "workflows in turns", unit: "workflows", xs: [1, 10, 100, 500, 2000], slowFrom: 2000 },
    runs: (x) => 4000 + 10 * x,
    measure: async (house, x, runs) => throughput(house, await deployMany(house, x, 1), runs),
  },
  environments: {
    ...{ title: "runs that a runner executes at a time", unit: "slots", xs: [1, 2, 4, 8, 16, 32] },
    runs: () => 4000,
    measure: async (house, _x, runs) => throughput(house, await deployMany(house, 1, 1), runs),
    house: (x) => ({ environment: { MILLRACE_SLOTS: String(x) } }),
  },
  logs: {
    ...{ title: "log lines of a run", unit: "lines", xs: [0, 1, 10, 100, 1000] },
    runs: (x) => Math.ceil(4000 / (1 + x / 50)),
    measure: async (house, x, runs) => throughput(house, await deployOne(house, `bench-lines-${x}`, PRINT(x)), runs),
  },
  history: {
    ...{ title: "finished runs in the record", unit: "runs", xs: [0, 100_000, 1_000_000, 10_000_000] },
    ...{ runs: () => 4000, house: () => ({}), slowFrom: 10_000_000 },
    measure: async (house, x, runs) => {
      if (x > 0) await fill(house, x);
      return throughput(house, await deployMany(house, 1, 1), runs);
    },
  },
};

const ECHO = `def handler(pd):\n    return pd.steps["trigger"]["event"]\n`;
const PRINT = (lines: number): string =>
  `def handler(pd):\n    for n in range(${lines}):\n        print(f"{n:08} {'x' * 90}")\n`;

/** What can be swept. */
export const SWEEP_NAMES: readonly string[] = Object.keys(SWEEPS);

/** Measures one sweep, point by point. */
export async function measureSweep(
  name: string,
  start: (options?: TestHouseOptions) => Promise<TestHouse>,
  quick: boolean,
  say: (text: string) => void,
): Promise<SweepFigures> {
  const { title, unit, xs, runs, measure, house: optionsOf, slowFrom = Infinity } = SWEEPS[name]!;
  const points: SweepPoint[] = [];
  let shared: TestHouse | undefined;
  for (const x of quick ? xs.filter((at) => at < slowFrom) : xs) {
    shared ??= await start(optionsOf?.(x));
    try {
      const found = await measure(shared, x, Math.ceil(runs(x) * (quick ? 0.1 : 1)));
      points.push(pointOf(x, found));
      say(`${name}: ${x} ${unit}: ${found.runsPerSecond} runs/s, ${found.cpuSecondsPer1000Runs} ms of CPU a run`);
    } finally {
      if (optionsOf !== undefined) {
        await shared.stop();
        shared = undefined;
      }
    }
  }
  await shared?.stop();
  return { title, unit, points };
}

function pointOf(x: number, { runsPerSecond, cpuSecondsPer1000Runs, cpuMsPerRunByRole }: Throughput): SweepPoint {
  return {
    ...{ x, runs_per_s: runsPerSecond, cpu_ms_per_run: cpuSecondsPer1000Runs },
    cpu_ms_per_run_by_process: cpuMsPerRunByRole,
  };
}

async function throughput(house: TestHouse, workflows: string[], runs: number, event?: string): Promise<Throughput> {
  const db = await house.connectDatabase();
  // The house may be told to stop first; what was asked for then fails by itself.
  db.on("error", () => undefined);
  try {
    return await measureThroughput(house, db, workflows, runs, { eventJson: event });
  } finally {
    await db.end();
  }
}

async function deployOne(house: TestHouse, name: string, source: string): Promise<string[]> {
  await house.deploy({ name, triggers: [{ http: {} }], steps: { only: source } });
  return [`workflows/${name}`];
}

async function fill(house: TestHouse, runs: number): Promise<void> {
  const { id } = await house.deploy({ name: "like", steps: { step1: "", step2: "" } });
  await fillHistory(
    () => house.connectDatabase(),
    id,
    { runs, days: HISTORY_DAYS },
    () => undefined,
  );
}

/**
 * By which power of what grows the cost of a run grows over the sweep's upper half, where it no longer hides behind what a run costs anyway: 1 is
 * linear.
 */
export function growthOf({ points }: SweepFigures): number {
  const [from, to] = [points[Math.floor((points.length - 1) / 2)], points.at(-1)];
  if (from === undefined || to === undefined || from.x === 0 || from === to) return 0;
  return Math.log(to.cpu_ms_per_run / from.cpu_ms_per_run) / Math.log(to.x / from.x);
}

/** The figures for people. */
export function renderSweep(name: string, figures: SweepFigures): string {
  const growth = growthOf(figures);
  return [
    `${name}: ${figures.title}\truns/s\tCPU ms a run`,
    ...figures.points.map(({ x, runs_per_s, cpu_ms_per_run }) => [x, runs_per_s, cpu_ms_per_run].join("\t")),
    `grows with the power ${growth.toFixed(2)} of it${growth > 1.1 ? ": WORSE THAN LINEAR" : ""}`,
    "",
  ].join("\n");
}

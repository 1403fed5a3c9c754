import type { SweepFigures } from "./sweep.ts";

const WIDTH = 760;
const HEIGHT = 300;
const PANEL = { width: 290, height: 200, top: 56 };
const LEFTS = [64, 436];

const STYLE = `
  text { font: 12px system-ui, sans-serif; fill: #57606a }
  .title { font-size: 14px; font-weight: 600; fill: #1f2328 }
  .grid { stroke: #d0d7de; stroke-width: 1 }
  .line { fill: none; stroke: #0969da; stroke-width: 2 }
  .dot { fill: #0969da }
  .linear { fill: none; stroke: #8c959f; stroke-width: 1; stroke-dasharray: 4 4 }
  @media (prefers-color-scheme: dark) {
    text { fill: #9198a1 }
    .title { fill: #f0f6fc }
    .grid { stroke: #3d444d }
    .line { stroke: #4493f8 }
    .dot { fill: #4493f8 }
    .linear { stroke: #656c76 }
  }
`;

interface Place {
  readonly x: number;
  readonly y: number;
}

/**
 * Two panels of one sweep, both in times of its first point and logarithmic: what a run costs, beside a line that grows in
 * proportion, and how many runs there are a second.
 */
export function sweepChart({ title, unit, points }: SweepFigures): string {
  const first = points[0];
  if (first === undefined) return "";
  const xs = points.map(({ x }) => x);
  const cost = points.map(({ cpu_ms_per_run: cost }) => cost / first.cpu_ms_per_run);
  const rate = points.map(({ runs_per_s: rate }) => rate / first.runs_per_s);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img">`,
    `<title>${title}: CPU a run and runs a second, in times of the first point</title>`,
    `<style>${STYLE}</style>`,
    `<text class="title" x="${LEFTS[0]! - 40}" y="20">${title}</text>`,
    ...panel(LEFTS[0]!, "CPU a run, times the first", unit, xs, cost, true),
    ...panel(LEFTS[1]!, "runs a second, times the first", unit, xs, rate, false),
    "</svg>",
    "",
  ].join("\n");
}

function panel(left: number, name: string, unit: string, xs: number[], ys: number[], withLinear: boolean): string[] {
  const { width, height, top } = PANEL;
  // None stands at the left edge, a decade before the first: a logarithm has no other place for it.
  const shown = xs.map((x) => (x === 0 ? xs[1]! / 10 : x));
  const xAt = scale(shown, left, left + width);
  // What is a little above a decade may stand above its line.
  const high = Math.max(withLinear ? 1 : 0, Math.ceil(Math.log10(Math.max(...ys) / 1.05)));
  const decades = [Math.min(high - 1, Math.floor(Math.log10(Math.min(...ys)))), high];
  const yAt = scale(
    decades.map((power) => 10 ** power),
    top + height,
    top,
  );
  const ticks = Array.from({ length: decades[1]! - decades[0]! + 1 }, (_, index) => 10 ** (decades[0]! + index));
  const places = shown.map((x, index): Place => ({ x: xAt(x), y: yAt(ys[index]!) }));
  return [
    `<text x="${left - 40}" y="${top - 14}">${name}</text>`,
    ...ticks.flatMap((tick) => grid(left, yAt(tick), tick)),
    ...xs.map(
      (x, index) =>
        `<text x="${round(places[index]!.x)}" y="${top + height + 18}" text-anchor="middle">${short(x)}</text>`,
    ),
    `<text x="${left + width / 2}" y="${top + height + 36}" text-anchor="middle">${unit}</text>`,
    ...(withLinear && xs[0] !== 0 ? [linear(xs, xAt, yAt, 10 ** decades[1]!)] : []),
    `<polyline class="line" points="${places.map(({ x, y }) => `${round(x)},${round(y)}`).join(" ")}"/>`,
    ...places.map(({ x, y }) => `<circle class="dot" cx="${round(x)}" cy="${round(y)}" r="3"/>`),
  ];
}

function grid(left: number, y: number, tick: number): string[] {
  return [
    `<line class="grid" x1="${left}" x2="${left + PANEL.width}" y1="${round(y)}" y2="${round(y)}"/>`,
    `<text x="${left - 8}" y="${round(y + 4)}" text-anchor="end">${short(tick)}</text>`,
  ];
}

/** What grows in proportion, as far as the panel goes. */
function linear(xs: number[], xAt: (x: number) => number, yAt: (y: number) => number, top: number): string {
  const times = Math.min(xs.at(-1)! / xs[0]!, top);
  const [from, to] = [1, times].map((by) => `${round(xAt(xs[0]! * by))},${round(yAt(by))}`);
  return `<polyline class="linear" points="${from} ${to}"/>`;
}

/** Logarithmic, from the least to the greatest value. */
function scale(values: number[], from: number, to: number): (value: number) => number {
  const [low, high] = [Math.log(Math.min(...values)), Math.log(Math.max(...values))];
  return (value) => from + ((Math.log(value) - low) / (high - low || 1)) * (to - from);
}

function short(value: number): string {
  if (value >= 1_000_000) return `${value / 1_000_000}M`;
  return value >= 1_000 && value % 1_000 === 0 ? `${value / 1_000}k` : String(value);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

import { useEffect, useMemo, useState } from "react";
import type uPlot from "uplot";
import { useTheme } from "../../app/theme.ts";
import { formatValue, type Line, type Unit } from "./series-data.ts";

/** Colours of a chart, from the theme that holds. */
export interface ChartStyle {
  readonly colour: (name: Line["colour"]) => string;
  readonly text: string;
  readonly grid: string;
  readonly font: string;
}

const COLOURS = ["good", "bad", "text-faint", "line", ...[1, 2, 3, 4, 5, 6].map((n) => `chart-${n}`)] as const;

/** Canvases know no tokens: what each of them is in the theme that holds, as a text. */
function readTokens(): string {
  const probe = document.createElement("span");
  // A colour that is on its way to another one is neither.
  probe.style.transitionProperty = "none";
  document.body.append(probe);
  const computed = getComputedStyle(probe);
  const colours = COLOURS.map((name) => {
    probe.style.color = `var(--${name})`;
    return [name, computed.color];
  });
  probe.remove();
  return JSON.stringify([...colours, ["font", getComputedStyle(document.body).fontFamily]]);
}

function styleOf(tokens: string): ChartStyle {
  const values = new Map(JSON.parse(tokens) as [string, string][]);
  const token = (name: string): string => values.get(name) ?? "";
  const named = { good: token("good"), bad: token("bad"), faint: token("text-faint") };
  return {
    colour: (name) => (typeof name === "number" ? token(`chart-${name}`) : named[name]),
    text: token("text-faint"),
    grid: token("line"),
    font: `11px ${token("font")}`,
  };
}

/** The colours of charts, anew when the theme changes, also that of the computer. */
export function useChartStyle(): ChartStyle {
  const theme = useTheme();
  const [tokens, setTokens] = useState(readTokens);
  useEffect(() => {
    const change = (): void => setTokens(readTokens());
    change();
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", change);
    return () => dark.removeEventListener("change", change);
  }, [theme]);
  return useMemo(() => styleOf(tokens), [tokens]);
}

export function lineStyles(lines: readonly Line[], style: ChartStyle): uPlot.Series[] {
  return lines.map(({ name, colour, dash = [] }) => ({
    ...{ label: name, stroke: style.colour(colour), width: 1.6, dash: [...dash], spanGaps: false },
    // Only full lines stand on a ground of their colour: more would hide each other.
    fill: dash.length === 0 ? style.colour(colour).replace(")", ", 0.11)") : "transparent",
    // A value between two gaps has no line: it is a point.
    points: { show: true, filter: alone, size: 4, fill: style.colour(colour) },
  }));
}

/** The values of a line that stand between two gaps. */
const alone: uPlot.Series.Points.Filter = (self, seriesIndex) => {
  const values = self.data[seriesIndex]!;
  const found: number[] = [];
  for (let index = 0; index < values.length; index += 1) {
    if (values[index] != null && values[index - 1] == null && values[index + 1] == null) found.push(index);
  }
  return found;
};

const DAY_S = 86_400;
const TIME = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const SECOND = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DATE = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const MOMENT = new Intl.DateTimeFormat("en-GB", {
  ...{ day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit" },
});

const TENS = [-3, -2, -1, 0, 1, 2, 3, 4, 5, 6].flatMap((power) => [1, 2, 5].map((n) => n * 10 ** power));
const MIB = 1_048_576;
/** Between two marks of an axis are round amounts of its unit. */
const STEPS: Readonly<Record<Unit, number[]>> = {
  "per second": TENS,
  count: TENS.filter((step) => step >= 1),
  seconds: [
    ...TENS.filter((step) => step <= 20),
    30,
    60,
    120,
    300,
    600,
    1_200,
    1_800,
    3_600,
    7_200,
    14_400,
    43_200,
    86_400,
  ],
  bytes: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 2_048, 4_096, 8_192, 16_384, 32_768].map((n) => n * MIB),
};

export function axesOf(unit: Unit, { text, grid, font }: ChartStyle): uPlot.Axis[] {
  const base = { stroke: text, font, ticks: { show: false }, grid: { stroke: grid, width: 1 } };
  return [
    {
      ...base,
      grid: { show: false },
      size: 26,
      space: 78,
      values: (_self, splits, _axis, _space, step) => splits.map((at) => timeLabel(at, step)),
    },
    {
      ...{ ...base, size: 62, space: 34, incrs: STEPS[unit] },
      values: (_self, splits) => splits.map((value) => formatValue(value, unit)),
    },
  ];
}

function timeLabel(at: number, step: number): string {
  const date = new Date(at * 1000);
  if (step >= DAY_S) return DATE.format(date);
  const isMidnight = date.getHours() === 0 && date.getMinutes() === 0 && date.getSeconds() === 0;
  if (isMidnight) return DATE.format(date);
  return (step < 60 ? SECOND : TIME).format(date);
}

/** Shows the values of the moment that is pointed at, in this chart and in all others. */
export function tooltip(lines: readonly Line[], unit: Unit, style: ChartStyle): uPlot.Plugin {
  const box = document.createElement("div");
  box.className = "chart-tip";
  const time = document.createElement("div");
  time.className = "chart-tip-time";
  const rows = lines.map((line) => {
    const [row, mark, name, value] = ["div", "i", "span", "b"].map((tag) => document.createElement(tag));
    mark!.style.background = style.colour(line.colour);
    name!.textContent = line.name;
    row!.append(mark!, name!, value!);
    return { row: row!, value: value! };
  });
  box.append(time, ...rows.map(({ row }) => row));
  return {
    hooks: {
      init: (self) => self.over.append(box),
      setCursor: (self) => {
        const { idx, left = -1 } = self.cursor;
        const hidden = idx == null || left < 0;
        box.style.display = hidden ? "none" : "block";
        if (hidden) return;
        time.textContent = MOMENT.format(self.data[0][idx]! * 1000);
        for (const [index, { row, value }] of rows.entries()) {
          const number = self.data[index + 1]?.[idx];
          // A chart of many lines tells of those that have something to say.
          row.style.display = rows.length > 8 && !number ? "none" : "";
          value.textContent = number == null ? "–" : formatValue(number, unit);
        }
        const width = self.over.clientWidth;
        const room = box.offsetWidth + 16;
        box.style.left = `${left + room > width ? Math.max(0, left - room) : left + 14}px`;
      },
    },
  };
}

import { useEffect, useRef, useState } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { Button } from "../../ui/button.tsx";
import { axesOf, lineStyles, tooltip, type ChartStyle } from "./chart-parts.ts";
import { formatValue, summaryOf, type ChartData, type Unit } from "./series-data.ts";
import "./chart.css";

/** All charts of the page show the same moment. */
const SYNC = uPlot.sync("dashboard");
const HEIGHT_PX = 168;
/** A shorter stretch was a click. */
const LEAST_ZOOM_S = 20;
const TABLE_ROWS = 400;

export interface ChartProps {
  readonly title: string;
  /** What the numbers mean, in a few words. */
  readonly about: string;
  readonly unit: Unit;
  readonly data: ChartData;
  readonly style: ChartStyle;
  readonly onZoom: (fromS: number, toS: number) => void;
}

/** Lines over time, drawn on a canvas; the same as a table for who cannot see it. */
export function Chart({ title, about, unit, data, style, onZoom }: ChartProps) {
  const [asTable, setAsTable] = useState(false);
  const isEmpty = data.lines.every(({ values }) => values.every((value) => value === null));
  return (
    <section className="card chart" aria-label={title}>
      <header>
        <div>
          <h2>{title}</h2>
          <p className="faint">{about}</p>
        </div>
        <Button
          kind="plain"
          aria-pressed={asTable}
          onClick={() => setAsTable(!asTable)}
          aria-label={`${title} as a table`}
        >
          {asTable ? "Chart" : "Table"}
        </Button>
      </header>
      {isEmpty ? (
        <p className="chart-empty muted">Nothing was counted in this time.</p>
      ) : asTable ? (
        <ChartTable title={title} unit={unit} data={data} />
      ) : (
        <>
          <Canvas {...{ data, unit, style, onZoom }} />
          <Legend data={data} unit={unit} style={style} />
        </>
      )}
    </section>
  );
}

function Canvas({ data, unit, style, onZoom }: Pick<ChartProps, "data" | "unit" | "style" | "onZoom">) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(null);
  const zoom = useRef(onZoom);
  zoom.current = onZoom;
  const names = data.lines.map(({ name }) => name).join("\n");
  const values = [data.times, ...data.lines.map((line) => line.values)] as unknown as uPlot.AlignedData;
  const latest = useRef(values);
  latest.current = values;

  useEffect(() => {
    const chart = new uPlot(
      {
        width: place.current!.clientWidth,
        height: HEIGHT_PX,
        cursor: {
          // What is dragged in one chart is a zoom of all, by the address of the page: only the pointer is shared.
          sync: { key: SYNC.key, filters: { pub: (type) => type === "mousemove" || type === "mouseleave" } },
          drag: { x: true, y: false, setScale: false },
          points: { size: 6 },
        },
        legend: { show: false },
        scales: { x: { time: true }, y: { range: (_chart, _min, max) => [0, topOf(max, unit)] } },
        axes: axesOf(unit, style),
        series: [{}, ...lineStyles(data.lines, style)],
        plugins: [tooltip(data.lines, unit, style)],
        hooks: {
          setSelect: [
            (self) => {
              const { left, width } = self.select;
              const [from, to] = [self.posToVal(left, "x"), self.posToVal(left + width, "x")];
              if (width > 4 && to - from >= LEAST_ZOOM_S) zoom.current(from, to);
              if (width > 0) self.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
            },
          ],
        },
      },
      latest.current,
      place.current!,
    );
    plot.current = chart;
    const observer = new ResizeObserver(([entry]) =>
      chart.setSize({ width: Math.floor(entry!.contentRect.width), height: HEIGHT_PX }),
    );
    observer.observe(place.current!);
    return () => {
      observer.disconnect();
      chart.destroy();
      plot.current = null;
    };
    // Lines that come or go make another chart; new values of the same are set below.
    // oxlint-disable-next-line react-hooks/exhaustive-deps
  }, [names, unit, style]);

  useEffect(() => plot.current?.setData(latest.current), [data]);
  return <div ref={place} className="chart-canvas" aria-hidden />;
}

/** The end of an axis that begins at 0: a little above the highest value. */
function topOf(max: number | null, unit: Unit): number {
  if (max === null || max <= 0) return unit === "bytes" ? 1_048_576 : 1;
  return max * 1.12;
}

function Legend({ data, unit, style }: Pick<ChartProps, "data" | "unit" | "style">) {
  return (
    <ul className="chart-legend" aria-label="The newest values">
      {data.lines.map((line) => {
        const last = summaryOf(line)?.last;
        return (
          <li key={line.name}>
            <svg width="18" height="8" aria-hidden>
              <line
                x1="0"
                y1="4"
                x2="18"
                y2="4"
                stroke={style.colour(line.colour)}
                strokeWidth="2"
                strokeDasharray={line.dash?.join(" ")}
              />
            </svg>
            <span className="truncate">{line.name}</span>
            <span className="mono muted">{last === undefined ? "–" : formatValue(last, unit)}</span>
          </li>
        );
      })}
    </ul>
  );
}

const clock = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

function ChartTable({
  title,
  unit,
  data: { times, lines },
}: { readonly title: string } & Pick<ChartProps, "unit" | "data">) {
  const rows = times
    .map((time, index) => ({ time, index }))
    .filter(({ index }) => lines.some(({ values }) => values[index] !== null));
  const cell = (value: number | null | undefined) => (value == null ? "–" : formatValue(value, unit));
  return (
    <div className="chart-table" tabIndex={0} role="region" aria-label={`${title}: table`}>
      <table className="table">
        <thead>
          <tr>
            <th scope="col">Time</th>
            {lines.map(({ name }) => (
              <th key={name} scope="col" className="number">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          <tr>
            <th scope="row">Most</th>
            {lines.map((line) => (
              <td key={line.name} className="number mono">
                {cell(summaryOf(line)?.most)}
              </td>
            ))}
          </tr>
          {rows
            .slice(-TABLE_ROWS)
            .reverse()
            .map(({ time, index }) => (
              <tr key={time}>
                <th scope="row">{clock.format(time * 1000)}</th>
                {lines.map(({ name, values }) => (
                  <td key={name} className="number mono">
                    {cell(values[index])}
                  </td>
                ))}
              </tr>
            ))}
        </tbody>
      </table>
    </div>
  );
}

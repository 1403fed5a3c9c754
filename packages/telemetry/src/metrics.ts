/** Dimensions of a series: few values each, never ids of runs or users. */
export type Labels = Readonly<Record<string, string>>;

export interface Counter {
  add(value?: number, labels?: Labels): void;
}

export interface Gauge {
  set(value: number, labels?: Labels): void;
}

export interface Histogram {
  observe(value: number, labels?: Labels): void;
}

/** What a computed metric is to who reads it. */
export type ObservedType = "gauge" | "counter";

/** Counters, gauges and histograms of one process, kept in memory and read as Prometheus text. */
export interface Metrics {
  counter(name: string, help: string): Counter;
  gauge(name: string, help: string): Gauge;
  /** What is computed when it is read; a counter when it only grows. */
  observe(name: string, help: string, read: () => number, type?: ObservedType): void;
  /** The same with a series for each of a few labels. */
  observeEach(name: string, help: string, read: () => Iterable<readonly [Labels, number]>, type?: ObservedType): void;
  /** Bounds ascend; default: 1 ms to 10 s, in seconds. */
  histogram(name: string, help: string, bounds?: readonly number[]): Histogram;
  /** Everything in Prometheus' text format. */
  render(): string;
}

const SECONDS_BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;
/** Series of one metric; a label that takes ever new values must not eat the memory. */
const SERIES_MAX = 1_000;

interface Metric {
  render(): string[];
}

/** Makes an empty collection. */
export function createMetrics(): Metrics {
  return new MemoryMetrics();
}

class MemoryMetrics implements Metrics {
  #metrics = new Map<string, Metric>();

  counter(name: string, help: string): Counter {
    const series = new Series<number>(name, help, "counter", () => 0, renderNumber);
    this.#metrics.set(name, series);
    return { add: (value = 1, labels) => series.update(labels, (old) => old + value) };
  }

  gauge(name: string, help: string): Gauge {
    const series = new Series<number>(name, help, "gauge", () => 0, renderNumber);
    this.#metrics.set(name, series);
    return { set: (value, labels) => series.update(labels, () => value) };
  }

  observe(name: string, help: string, read: () => number, type: ObservedType = "gauge"): void {
    this.#metrics.set(name, { render: () => [...head(name, help, type), `${name} ${read()}`] });
  }

  observeEach(
    name: string,
    help: string,
    read: () => Iterable<readonly [Labels, number]>,
    type: ObservedType = "gauge",
  ): void {
    const render = (): string[] => {
      const series = [...read()].slice(0, SERIES_MAX);
      return [
        ...head(name, help, type),
        ...series.flatMap(([labels, value]) => renderNumber(name, labelText(labels), value)),
      ];
    };
    this.#metrics.set(name, { render });
  }

  histogram(name: string, help: string, bounds: readonly number[] = SECONDS_BOUNDS): Histogram {
    const empty = (): Buckets => ({ counts: Array.from({ length: bounds.length + 1 }, () => 0), sum: 0 });
    const series = new Series<Buckets>(name, help, "histogram", empty, (metric, labels, value) =>
      renderBuckets(metric, labels, value, bounds),
    );
    this.#metrics.set(name, series);
    return { observe: (value, labels) => series.update(labels, (buckets) => count(buckets, bounds, value)) };
  }

  render(): string {
    const lines = [...this.#metrics.values()].flatMap((metric) => metric.render());
    return `${lines.join("\n")}\n`;
  }
}

interface Buckets {
  counts: number[];
  sum: number;
}

function count(buckets: Buckets, bounds: readonly number[], value: number): Buckets {
  let index = 0;
  while (index < bounds.length && value > bounds[index]!) index++;
  buckets.counts[index]!++;
  buckets.sum += value;
  return buckets;
}

class Series<Value> implements Metric {
  #values = new Map<string, Value>();
  #name: string;
  #help: string;
  #type: string;
  #empty: () => Value;
  #render: (name: string, labels: string, value: Value) => string[];

  constructor(
    name: string,
    help: string,
    type: string,
    empty: () => Value,
    render: (name: string, labels: string, value: Value) => string[],
  ) {
    this.#name = name;
    this.#help = help;
    this.#type = type;
    this.#empty = empty;
    this.#render = render;
  }

  update(labels: Labels | undefined, change: (old: Value) => Value): void {
    let key = labelText(labels);
    if (!this.#values.has(key) && this.#values.size >= SERIES_MAX) key = `overflow="true"`;
    this.#values.set(key, change(this.#values.get(key) ?? this.#empty()));
  }

  render(): string[] {
    const lines = head(this.#name, this.#help, this.#type);
    for (const [labels, value] of this.#values) lines.push(...this.#render(this.#name, labels, value));
    return lines;
  }
}

function head(name: string, help: string, type: string): string[] {
  return [`# HELP ${name} ${help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}`, `# TYPE ${name} ${type}`];
}

function labelText(labels: Labels | undefined): string {
  if (labels === undefined) return "";
  const escape = (value: string): string =>
    value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${escape(value)}"`)
    .join(",");
}

function renderNumber(name: string, labels: string, value: number): string[] {
  return [`${name}${labels === "" ? "" : `{${labels}}`} ${value}`];
}

function renderBuckets(name: string, labels: string, value: Buckets, bounds: readonly number[]): string[] {
  const prefix = labels === "" ? "" : `${labels},`;
  const suffix = labels === "" ? "" : `{${labels}}`;
  let total = 0;
  const lines = value.counts.map((bucket, index) => {
    total += bucket;
    return `${name}_bucket{${prefix}le="${bounds[index] ?? "+Inf"}"} ${total}`;
  });
  return [...lines, `${name}_sum${suffix} ${value.sum}`, `${name}_count${suffix} ${total}`];
}

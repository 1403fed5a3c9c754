import { setTimeout as sleep } from "node:timers/promises";
import { startOtlpReceiver, type OtlpReceiver, type ReceivedSpan } from "../harness/otlp-receiver.ts";
import { TestHouse } from "../harness/test-house.ts";
import { HttpConnection } from "./http-connection.ts";
import { BODY, deployAnswering } from "./http-latency.ts";
import { round, timeCalls } from "./quantiles.ts";

/** What the bare parts take, in ms, measured in the same run. */
export interface WallFloors {
  readonly http_echo_ms: number;
  readonly nats_request_ms: number;
  readonly grpc_exchange_ms: number;
  readonly pipe_exchange_ms: number;
  readonly commit_one_ms: number;
}

/** One hop of a warm synchronous request, in its order. */
export interface WallHop {
  readonly hop: string;
  /** So that the sum meets the mark of 2.5 ms. */
  readonly mayMs: number;
  readonly ms: number;
  /** The same in the slowest requests, which the 99th percentile is made of. */
  readonly slowestMs: number;
  readonly floorMs: number;
}

const SPANS = ["gateway.request", "run.submit", "run.queue", "run.assign", "step.run"] as const;
const SETTLE_MS = 10_000;
/** Node's spans begin on a whole millisecond, Python's do not. */
const NODE_ROUNDS_MS = 0.5;
/** The slowest tenth says what else the machine did. */
const KEPT = 0.9;
const SLOWEST = 0.01;

/** Where the wall time of one request after the other goes, taken from the spans of their runs. */
export async function measureWallHops(count: number, floors: WallFloors): Promise<readonly WallHop[]> {
  const receiver = await startOtlpReceiver();
  const house = await TestHouse.start({ environment: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint } });
  try {
    const connection = await HttpConnection.open(await deployAnswering(house, "bench-wall"), BODY);
    await timeCalls(count, () => connection.post());
    const sinceMs = Date.now();
    const times = await timeCalls(count, () => connection.post());
    connection.close();
    const traces = await wholeTraces(receiver, sinceMs, count);
    return hopsOf(traces, times, floors);
  } finally {
    await house.stop();
    await receiver.close();
  }
}

type Trace = Readonly<Record<(typeof SPANS)[number], ReceivedSpan>>;

/** Traces of which every span has come. */
async function wholeTraces(receiver: OtlpReceiver, sinceMs: number, count: number): Promise<Trace[]> {
  const endMs = Date.now() + SETTLE_MS;
  for (;;) {
    const traces = new Map<string, Record<string, ReceivedSpan>>();
    for (const span of receiver.spans) {
      if (span.startMs >= sinceMs) traces.set(span.traceId, { ...traces.get(span.traceId), [span.name]: span });
    }
    const whole = [...traces.values()].filter((trace) => SPANS.every((name) => trace[name] !== undefined));
    if (whole.length >= count || Date.now() > endMs) return whole as Trace[];
    await sleep(100);
  }
}

interface HopOf {
  readonly hop: string;
  readonly mayMs: number;
  readonly floorMs: number;
  readonly measure: (trace: Trace) => number;
}

/** Gateway and scheduler are one process: what they say to each other costs no message. */
function hopsBetween(floors: WallFloors): readonly HopOf[] {
  const [nats, grpc] = [floors.nats_request_ms / 2, floors.grpc_exchange_ms / 2];
  return [
    {
      ...{ hop: "submit: gateway", mayMs: 0.15, floorMs: 0 },
      measure: (trace) => trace["run.submit"].startMs - trace["gateway.request"].startMs,
    },
    {
      ...{ hop: "accept: commit", mayMs: 0.5, floorMs: floors.commit_one_ms },
      measure: (trace) => trace["run.submit"].endMs - trace["run.submit"].startMs,
    },
    {
      ...{ hop: "place: scheduler", mayMs: 0.05, floorMs: 0 },
      measure: (trace) => trace["run.queue"].endMs - trace["run.submit"].endMs,
    },
    {
      ...{ hop: "assign: NATS, runner, gRPC, worker", mayMs: 0.45, floorMs: nats + grpc },
      measure: (trace) => trace["step.run"].startMs - NODE_ROUNDS_MS - trace["run.assign"].startMs,
    },
    {
      ...{ hop: "step: pipe, environment, pipe", mayMs: 0.25, floorMs: floors.pipe_exchange_ms },
      measure: (trace) => trace["step.run"].endMs - trace["step.run"].startMs,
    },
    {
      ...{ hop: "checkpoint: gRPC, runner, NATS, commit", mayMs: 0.75, floorMs: grpc + nats + floors.commit_one_ms },
      measure: (trace) => trace["run.assign"].endMs - trace["step.run"].endMs + NODE_ROUNDS_MS,
    },
    {
      ...{ hop: "answer: gateway", mayMs: 0.1, floorMs: 0 },
      measure: (trace) => trace["gateway.request"].endMs - trace["run.assign"].endMs,
    },
  ];
}

function hopsOf(traces: readonly Trace[], timesMs: readonly number[], floors: WallFloors): WallHop[] {
  const requestOf = (trace: Trace): number => trace["gateway.request"].endMs - trace["gateway.request"].startMs;
  const [sorted, times] = [traces.toSorted((a, b) => requestOf(a) - requestOf(b)), timesMs.toSorted((a, b) => a - b)];
  const [wholeMs, slowestWholeMs] = [mean(quickest(times)), mean(slowest(times))];
  const inside = hopsBetween(floors).map(({ measure, hop, mayMs, floorMs }): WallHop => {
    const [ms, slowestMs] = [mean(quickest(sorted).map(measure)), mean(slowest(sorted).map(measure))];
    return { hop, mayMs, ms, slowestMs, floorMs };
  });
  const outside: WallHop = {
    ...{ hop: "HTTP: client and gateway", mayMs: 0.25, floorMs: floors.http_echo_ms },
    ms: wholeMs - mean(quickest(sorted).map(requestOf)),
    slowestMs: slowestWholeMs - mean(slowest(sorted).map(requestOf)),
  };
  const hops = [outside, ...inside];
  const sumOf = (part: "mayMs" | "floorMs"): number => hops.reduce((sum, hop) => sum + hop[part], 0);
  const all = { hop: "all", mayMs: sumOf("mayMs"), floorMs: sumOf("floorMs"), ms: wholeMs, slowestMs: slowestWholeMs };
  return [...hops, all];
}

function quickest<Item>(sorted: readonly Item[]): readonly Item[] {
  return sorted.slice(0, Math.ceil(sorted.length * KEPT));
}

function slowest<Item>(sorted: readonly Item[]): readonly Item[] {
  return sorted.slice(-Math.ceil(sorted.length * SLOWEST));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}

/** The hops for people. */
export function renderWallHops(hops: readonly WallHop[]): string {
  const line = ({ hop, mayMs, ms, slowestMs, floorMs }: WallHop): string =>
    [hop, ...[floorMs, mayMs, ms, slowestMs].map(round)].join("\t");
  return [
    "wall ms of a warm request, one after the other\tfloor of its parts\tmay cost\tmean of nine tenths\tslowest hundredth",
    ...hops.map(line),
    "",
  ].join("\n");
}

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
  readonly ms: number;
  readonly floorMs: number;
}

const SPANS = ["gateway.request", "run.submit", "run.queue", "run.assign", "step.run"] as const;
const SETTLE_MS = 10_000;
/** Node's spans begin on a whole millisecond, Python's do not. */
const NODE_ROUNDS_MS = 0.5;
/** The slowest tenth says what else the machine did. */
const KEPT = 0.9;

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
    return hopsOf(traces, mean(quickest(times, (ms) => ms)), floors);
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

function hopsOf(traces: readonly Trace[], wholeMs: number, floors: WallFloors): WallHop[] {
  const kept = quickest(traces, (trace) => trace["gateway.request"].endMs - trace["gateway.request"].startMs);
  const between = (measure: (trace: Trace) => number): number => round(mean(kept.map(measure)));
  const [nats, grpc] = [floors.nats_request_ms / 2, floors.grpc_exchange_ms / 2];
  const request = between(({ "gateway.request": { startMs, endMs } }) => endMs - startMs);
  const row = (hop: string, ms: number, floorMs: number): WallHop => ({ hop, ms, floorMs: round(floorMs) });
  return [
    row("HTTP: client and gateway", round(wholeMs - request), floors.http_echo_ms),
    row(
      "submit: gateway, NATS",
      between((trace) => trace["run.submit"].startMs - trace["gateway.request"].startMs),
      nats,
    ),
    row(
      "accept: commit",
      between((trace) => trace["run.submit"].endMs - trace["run.submit"].startMs),
      floors.commit_one_ms,
    ),
    row(
      "place: scheduler",
      between((trace) => trace["run.queue"].endMs - trace["run.submit"].endMs),
      0,
    ),
    row(
      "assign: NATS, runner, gRPC, worker",
      between((trace) => trace["step.run"].startMs - NODE_ROUNDS_MS - trace["run.assign"].startMs),
      nats + grpc,
    ),
    row(
      "step: pipe, environment, pipe",
      between((trace) => trace["step.run"].endMs - trace["step.run"].startMs),
      floors.pipe_exchange_ms,
    ),
    row(
      "checkpoint: gRPC, runner, NATS, commit",
      between((trace) => trace["run.assign"].endMs - trace["step.run"].endMs + NODE_ROUNDS_MS),
      grpc + nats + floors.commit_one_ms,
    ),
    row(
      "answer: NATS, gateway",
      between((trace) => trace["gateway.request"].endMs - trace["run.assign"].endMs),
      nats,
    ),
    row(
      "all",
      round(wholeMs),
      floors.http_echo_ms + 4 * nats + 2 * grpc + floors.pipe_exchange_ms + 2 * floors.commit_one_ms,
    ),
  ];
}

function quickest<Item>(items: readonly Item[], ms: (item: Item) => number): Item[] {
  return items.toSorted((a, b) => ms(a) - ms(b)).slice(0, Math.ceil(items.length * KEPT));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}

/** The hops for people. */
export function renderWallHops(hops: readonly WallHop[]): string {
  return [
    "wall ms of a warm request, one after the other\tmean of nine tenths\tfloor of its parts\ttimes",
    ...hops.map(({ hop, ms, floorMs }) => [hop, ms, floorMs, floorMs === 0 ? "" : round(ms / floorMs)].join("\t")),
    "",
  ].join("\n");
}

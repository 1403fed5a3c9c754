import { parseArgs } from "node:util";
import { connectBus, openLeases } from "../src/index.ts";

/**
 * What the broker costs: a request and its answer one after the other (the floor of every exchange in the house), many at
 * the same time, one-way messages, and a renewal of a lease.
 *
 *     node packages/bus/bench/request.ts --url nats://127.0.0.1:4222 [--user U --password P] [--json]
 */
interface Figures {
  request_ms: { p50: number; p95: number; p99: number };
  requests_64_per_s: number;
  publish_per_s: number;
  lease_put_ms: { p50: number; p99: number };
}

const REQUESTS = 5_000;
const PAYLOAD = new Uint8Array(512);

function quantile(sorted: readonly number[], share: number): number {
  return Number((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(3));
}

/** Times of calls made one after the other, ascending, in ms. */
async function timed(count: number, call: () => Promise<unknown>): Promise<number[]> {
  for (let i = 0; i < count / 10; i++) await call();
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const startMs = performance.now();
    await call();
    times.push(performance.now() - startMs);
  }
  return times.sort((a, b) => a - b);
}

async function perSecond(count: number, run: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await run();
  return Math.round(count / ((performance.now() - startMs) / 1_000));
}

async function measure(url: string, user?: string, password?: string): Promise<Figures> {
  const [asker, answerer] = await Promise.all(
    ["asker", "answerer"].map((name) => connectBus({ url, user, password, name })),
  );
  if (asker === undefined || answerer === undefined) return process.exit(1);
  answerer.subscribe("bench.echo", (data, meta) => answerer.respond(meta.reply, data));
  let received = 0;
  let finish = (): void => {};
  answerer.subscribe("bench.sink", () => {
    if (++received === REQUESTS * 10) finish();
  });
  await answerer.flush();
  const ask = (): Promise<unknown> => asker.request("bench.echo", PAYLOAD, { timeoutMs: 5_000 });
  const single = await timed(REQUESTS, ask);
  const many = await perSecond(REQUESTS * 4, () =>
    Promise.all(
      Array.from({ length: 64 }, async () => {
        for (let i = 0; i < (REQUESTS * 4) / 64; i++) await ask();
      }),
    ),
  );
  const oneWay = await perSecond(REQUESTS * 10, () => {
    const done = new Promise<void>((resolve) => (finish = resolve));
    for (let i = 0; i < REQUESTS * 10; i++) asker.publish("bench.sink", PAYLOAD);
    return done;
  });
  const leases = openLeases(asker, { scheduler: "bench" });
  const puts = await timed(200, () => leases.put([1, 2, 3]));
  await leases.remove();
  await Promise.all([asker.drain(), answerer.drain()]);
  return {
    request_ms: { p50: quantile(single, 0.5), p95: quantile(single, 0.95), p99: quantile(single, 0.99) },
    requests_64_per_s: many,
    publish_per_s: oneWay,
    lease_put_ms: { p50: quantile(puts, 0.5), p99: quantile(puts, 0.99) },
  };
}

const { values } = parseArgs({
  options: {
    url: { type: "string", default: "nats://127.0.0.1:4222" },
    user: { type: "string" },
    password: { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const figures = await measure(values.url, values.user, values.password);
process.stdout.write(`${JSON.stringify(figures, undefined, values.json ? 0 : 2)}\n`);

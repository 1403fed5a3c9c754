import { HttpConnection } from "./http-connection.ts";
import { quantiles, timeConcurrently } from "./quantiles.ts";

/** What offers load in a process of its own: opens its connections, and says so; then each number it is sent is a load of so many requests. */
const [url = "", callers = "", body = ""] = process.argv.slice(2);
const connections = await Promise.all(Array.from({ length: Number(callers) }, () => HttpConnection.open(url, body)));

process.on("message", (count: number) => void offer(count));
process.on("disconnect", () => process.exit());
process.send!("open");

async function offer(count: number): Promise<void> {
  const idle = [...connections];
  const before = process.cpuUsage();
  try {
    const { times, seconds } = await timeConcurrently(count, connections.length, async () => {
      const connection = idle.pop()!;
      await connection.post();
      idle.push(connection);
    });
    const { user, system } = process.cpuUsage(before);
    process.send!({ seconds, cpuSeconds: (user + system) / 1e6, ms: quantiles(times) });
  } catch (thrown) {
    process.send!({ failure: String(thrown) });
  }
}

import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { findByEnvironment, isAlive, pickFreePort, waitUntil } from "@millrace/provision";
import { runCli, type HouseProcess } from "../harness/test-house.ts";

const command = join(import.meta.dirname, "../../packages/cli/bin/millrace.mjs");
const startMs = 90_000;

/** A house whose supervisor the test handles itself. The folder's name is what a person's may be. */
class SupervisedHouse {
  readonly data = join(
    mkdtempSync(join(tmpdir(), "millrace-supervisor-")),
    "data with a long name, spaces ".repeat(3).trim(),
  );
  port = 0;
  #child: ChildProcess | undefined;

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Starts it and returns the line that says that it is ready. */
  async start(): Promise<string> {
    this.port = this.port || (await pickFreePort());
    const args = [command, "dev", "--data", this.data, "--port", String(this.port)];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    let errors = "";
    child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
    const lines = createInterface({ input: child.stdout });
    const line = await Promise.race([
      once(lines, "line", { signal: AbortSignal.timeout(startMs) }).then(([text]) => String(text)),
      once(child, "exit").then(() => Promise.reject(new Error(`the house ended:\n${errors}`))),
    ]);
    return line;
  }

  async signal(name: NodeJS.Signals): Promise<number | null> {
    const exited = once(this.#child!, "exit");
    this.#child!.kill(name);
    return ((await exited) as [number | null])[0];
  }

  send(name: NodeJS.Signals): void {
    this.#child!.kill(name);
  }

  async ended(): Promise<void> {
    if (this.#child!.exitCode === null && this.#child!.signalCode === null) {
      await once(this.#child!, "exit");
    }
  }

  async processes(): Promise<readonly HouseProcess[]> {
    const { json } = await runCli(["--data", this.data, "status", "--json"]);
    return (json as { processes?: readonly HouseProcess[] }).processes ?? [];
  }

  /** The processes that carry this house's mark, found without asking anybody. */
  remains(): number[] {
    const { id } = JSON.parse(readFileSync(join(this.data, "house.json"), "utf8")) as { id: string };
    return findByEnvironment("MILLRACE_HOUSE", id);
  }

  /** Everything below the supervisor: its processes, the worker, the sandboxes and what runs in them. */
  descendants(): number[] {
    const parents = new Map(pids().map((pid) => [pid, parentOf(pid)]));
    const isBelow = (pid: number): boolean => {
      const parent = parents.get(pid);
      return parent !== undefined && (parent === this.pid || isBelow(parent));
    };
    return [...parents.keys()].filter(isBelow);
  }

  async remove(): Promise<void> {
    if (this.#child?.exitCode === null && this.#child.signalCode === null) {
      await this.signal("SIGTERM");
    }
    rmSync(join(this.data, ".."), { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

function pids(): number[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number);
}

function parentOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  } catch {
    return undefined;
  }
}

describe("the supervisor of a house on one machine", () => {
  const house = new SupervisedHouse();
  after(() => house.remove());

  test("says in one line where the house answers, and keeps its secrets to its owner", async () => {
    const line = await house.start();
    assert.match(line, new RegExp(`^ready http://127\\.0\\.0\\.1:${house.port} grpc 127\\.0\\.0\\.1:\\d+$`));
    for (const file of ["api-key", "house.json", "nats/nats.json"]) {
      assert.equal(statSync(join(house.data, file)).mode & 0o077, 0, file);
    }
  });

  test("a second start in the same folder names the house that is running", async () => {
    const { code, json } = await runCli([
      "--data",
      house.data,
      "dev",
      "--json",
      "--port",
      String(await pickFreePort()),
    ]);
    const { error } = json as { error: { reason: string; message: string } };
    assert.equal(error.reason, "ALREADY_RUNNING");
    assert.match(error.message, new RegExp(`process ${house.pid}, http://127\\.0\\.0\\.1:${house.port}`));
    assert.notEqual(code, 0);
  });

  test("a port that is taken is named, with the way to change it", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as { port: number };
    const folder = mkdtempSync(join(tmpdir(), "millrace-port-"));
    const { json } = await runCli(["--data", folder, "dev", "--json", "--port", String(port)]);
    taken.close();
    rmSync(folder, { recursive: true });
    const { error } = json as { error: { reason: string; message: string } };
    assert.equal(error.reason, "PORT_TAKEN");
    assert.match(error.message, new RegExp(`${port}.*--port`));
  });

  for (const role of ["hub", "runner", "worker", "nats", "postgres"] as const) {
    test(`a ${role} that is killed is started again, and the house is ready again`, async () => {
      const pidOf = async (): Promise<number | null> =>
        (await house.processes()).find((process) => process.role === role)?.pid ?? null;
      const before = await pidOf();
      assert.ok(before !== null, `there is no ${role}`);
      process.kill(before, "SIGKILL");
      const isBack = async (): Promise<boolean> => {
        const processes = await house.processes();
        const [now] = processes.filter((process) => process.role === role);
        return now !== undefined && now.pid !== before && processes.every(({ ready }) => ready);
      };
      await waitUntil(isBack, { what: `return of the ${role}`, timeoutMs: 30_000, intervalMs: 100 });
    });
  }

  test("a kill -9 of the supervisor ends everything, and the next start goes on with the data", async () => {
    const key = readFileSync(join(house.data, "api-key"), "utf8");
    const everything = house.descendants();
    assert.ok(everything.length > 6, `there are processes of all roles and sandboxes: ${everything.length}`);
    await house.signal("SIGKILL");
    await waitUntil(() => !everything.some(isAlive), { what: "end of all processes", timeoutMs: 20_000 });
    await house.start();
    assert.equal(readFileSync(join(house.data, "api-key"), "utf8"), key);
    assert.equal((await runCli(["--data", house.data, "workflows", "--json"])).code, 0);
  });

  test("SIGTERM drains the house and leaves no process, no socket, and code 0", async () => {
    const everything = house.descendants();
    assert.equal(await house.signal("SIGTERM"), 0);
    assert.deepEqual([...everything.filter(isAlive), ...house.remains()], []);
    assert.equal(existsSync(join(house.data, "supervisor.sock")), false);
  });

  test("a second Ctrl-C ends everything at once", async () => {
    await house.start();
    house.send("SIGINT");
    // Sooner, it would count as the same Ctrl-C, sent by the terminal and by npm.
    await sleep(1_100);
    house.send("SIGINT");
    await house.ended();
    await waitUntil(() => house.remains().length === 0, { what: "end of all processes", timeoutMs: 20_000 });
  });

  test("Ctrl-C during the start ends what has started", async () => {
    const starting = house.start().catch(() => undefined);
    await waitUntil(() => house.remains().length > 0, { what: "a first process", timeoutMs: 30_000 });
    house.send("SIGINT");
    await house.ended();
    await starting;
    assert.deepEqual(house.remains(), []);
  });
});

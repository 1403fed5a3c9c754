import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { describe, test } from "node:test";

const MODULE = new URL("./index.ts", import.meta.url).href;

interface Ended {
  code: number | null;
  events: string[];
}

/** Starts a process whose `start` and `drain` have these bodies. */
function launch(start: string, drain: string, options = "drainTimeoutMs: 5000, exitWithParent: false"): ChildProcess {
  const source = `
    import { createLogger, runProcess } from ${JSON.stringify(MODULE)};
    const log = createLogger({ level: "info" });
    const keep = setInterval(() => {}, 1000);
    runProcess({ role: "test", log, quietAfterMs: 0, ${options}, start: async () => { ${start}; return { drain: async () => { ${drain} } }; } });`;
  return spawn(process.execPath, ["--input-type=module-typescript", "-e", source], {
    stdio: ["pipe", "inherit", "pipe"],
  });
}

/** Does something once an event was logged, and waits for the end. */
async function drive(child: ChildProcess, on: Record<string, () => void>): Promise<Ended> {
  const events: string[] = [];
  let rest = "";
  child.stderr!.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const { event } = JSON.parse(line) as { event: string };
      events.push(event);
      on[event]?.();
    }
  });
  const [code] = (await once(child, "close")) as [number | null];
  return { code, events };
}

describe("a process", () => {
  test("drains when it is told to end", async () => {
    const child = launch("", `log.info("work.finished")`);
    const { code, events } = await drive(child, { "process.ready": () => child.kill("SIGTERM") });
    assert.equal(code, 0);
    assert.deepEqual(events.slice(1), ["process.ready", "process.draining", "work.finished", "process.drained"]);
  });

  test("ends at once at a second signal", async () => {
    const child = launch("", `log.info("drain.begun"); await new Promise(() => {})`);
    const { code } = await drive(child, {
      "process.ready": () => child.kill("SIGINT"),
      "drain.begun": () => child.kill("SIGINT"),
    });
    assert.equal(code, 1);
  });

  test("ends at the deadline when draining takes too long", async () => {
    const child = launch("", "await new Promise(() => {})", "drainTimeoutMs: 50, exitWithParent: false");
    const { code, events } = await drive(child, { "process.ready": () => child.kill("SIGTERM") });
    assert.equal(code, 1);
    assert.equal(events.at(-1), "process.drain_late");
  });

  test("waits for its start before it drains", async () => {
    const child = launch(
      `log.info("start.begun"); await new Promise((r) => setTimeout(r, 100))`,
      `log.info("work.finished")`,
    );
    const { code, events } = await drive(child, { "start.begun": () => child.kill("SIGTERM") });
    assert.equal(code, 0);
    assert.ok(events.includes("work.finished"));
  });

  test("ends when it cannot start, and when a mistake was caught by nobody", async () => {
    const starts = [
      "throw new TypeError('no')",
      "setTimeout(() => { throw new TypeError('late') })",
      "void Promise.reject(new TypeError('lost'))",
    ];
    for (const start of starts) {
      const { code, events } = await drive(launch(start, ""), {});
      assert.equal(code, 1, start);
      assert.ok(events.includes("process.failed"), start);
    }
  });

  test("drains when the process that holds its stdin is gone, if it was told to", async () => {
    const child = launch("", "", "drainTimeoutMs: 5000, exitWithParent: true");
    const { code, events } = await drive(child, { "process.ready": () => child.stdin!.end() });
    assert.equal(code, 0);
    assert.ok(events.includes("parent.lost") && events.includes("process.drained"));
  });

  test("drains when it is handed to another parent, if it was told to", async () => {
    const source = `
      import { createLogger, runProcess } from ${JSON.stringify(MODULE)};
      setInterval(() => {}, 1000);
      runProcess({ role: "test", log: createLogger({ level: "info" }), drainTimeoutMs: 5000, exitWithParent: true, quietAfterMs: 0,
        start: async () => ({ drain: async () => {} }) });`;
    // The shell's own end orphans the process, which keeps the pipe of stderr open until it ends itself.
    const args = [process.execPath, "--input-type=module-typescript", "-e", source];
    const shell = spawn("sh", ["-c", '"$@" </dev/null & read -r line', "sh", ...args], {
      stdio: ["pipe", "inherit", "pipe"],
    });
    const { events } = await drive(shell, { "process.ready": () => shell.stdin.end() });
    assert.deepEqual(events.slice(1), ["process.ready", "parent.lost", "process.draining", "process.drained"]);
  });
});

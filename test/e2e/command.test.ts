import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { ALL_RUNS } from "@millrace/cli";
import { until } from "../harness/until.ts";
import { runCli, TestHouse, writeFolder, type CommandOutcome } from "../harness/test-house.ts";

interface ErrorDocument {
  readonly error: { readonly reason: string; readonly message: string; readonly details: Record<string, unknown> };
}

function errorOf(outcome: CommandOutcome): ErrorDocument["error"] {
  const { error } = (outcome.json ?? {}) as Partial<ErrorDocument>;
  assert.ok(error, `no error document: ${outcome.stdout}${outcome.stderr}`);
  return error;
}

describe("the command line", () => {
  let house: TestHouse;
  let scratch: string;

  before(async () => {
    house = await TestHouse.start();
    scratch = await mkdtemp(join(tmpdir(), "millrace-command-"));
  });
  after(async () => {
    await house?.stop();
    await rm(scratch, { recursive: true, force: true });
  });

  test("a folder that init made deploys and runs as it is, also with blanks in its name", async () => {
    const folder = join(scratch, "my first workflow");
    await house.cliJson(["init", folder]);
    assert.match(await readFile(join(folder, "workflow.yaml"), "utf8"), /yaml-language-server: \$schema=/);
    const deployed = await house.cliJson<{ triggers: { url: string }[] }>(["deploy", folder]);
    const response = await fetch(deployed.triggers[0]?.url ?? "", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: '{"name":"Ada"}',
    });
    assert.deepEqual(await response.json(), { message: "Hello, Ada!" });
  });

  test("each line of a file, or of what is piped in, starts a run; a line that is refused is named", async () => {
    const step = 'def handler(pd):\n    return pd.steps["trigger"]["event"]\n';
    await house.deploy({ name: "lines", trigger: { http: {} }, steps: { echo: step } });
    const count = 300;
    const text = Array.from({ length: count }, (_, index) => `{"index": ${index}}`).join("\n");
    const folder = await writeFolder(join(scratch, "lines"), { "events.ndjson": `${text}\n\n` });
    const all = await house.cliJson(["submit", "lines", join(folder, "events.ndjson")]);
    assert.deepEqual(all, { accepted: count, refused: 0, refusals: [] });
    const some = await house.cli(["submit", "lines", "--priority", "5", "--json"], { stdin: "{}\nno JSON\n[]" });
    assert.equal(some.code, 2);
    const { accepted, refusals } = some.json as { accepted: number; refusals: { line: number; reason: string }[] };
    assert.deepEqual([accepted, refusals.map(({ line, reason }) => [line, reason])], [2, [[2, "INVALID_EVENT"]]]);
    const parent = "workflows/lines";
    const { runs } = await house.client.runs.listRuns({ ...ALL_RUNS, parent, pageSize: 1_000 });
    assert.equal(runs.length, count + 2);
    const missing = await house.cli(["submit", "lines", join(folder, "nothing.ndjson"), "--json"]);
    assert.equal(errorOf(missing).reason, "FILE_NOT_FOUND");
    const binary = join(folder, "binary.ndjson");
    await writeFile(binary, Buffer.concat([Buffer.from("{}\n{}\n"), Buffer.from([0xff, 10]), Buffer.from("{}\n")]));
    const stopped = errorOf(await house.cli(["submit", "lines", binary, "--json"]));
    assert.equal(stopped.reason, "NOT_UTF8");
    assert.match(stopped.message, /^Line 3 .* 2 are accepted as runs and 0 refused; nothing behind it was read\.$/);
  });

  test("code that does not compile is refused with file and line, and the version before stays live", async () => {
    const files = {
      "workflow.yaml": "name: broken\nsteps: [{name: one, python: one.py}]\n",
      "one.py": "print('fine')\n",
    };
    const folder = await writeFolder(join(scratch, "broken"), files);
    await house.cliJson(["deploy", folder]);
    await writeFolder(folder, { "one.py": "def handler(pd):\n    x = 1\n    return (x\n" });
    const refused = await house.cli(["deploy", folder, "--json"]);
    assert.equal(refused.code, 2);
    const { reason, details } = errorOf(refused);
    assert.equal(reason, "SOURCE_INVALID");
    const [problem] = details["problems"] as { file: string; line: number }[];
    assert.deepEqual([problem?.file, problem?.line], ["one.py", 3]);
    const shown = await house.cli(["deploy", folder]);
    assert.match(shown.stderr, /one\.py:3/);
    const run = await house.cliJson<{ state: string; version: number }>(["run", "broken"]);
    assert.deepEqual([run.state, run.version], ["SUCCEEDED", 1]);
  });

  test("a mistake in workflow.yaml is named with its line", async () => {
    const folder = await writeFolder(join(scratch, "mistaken"), {
      "workflow.yaml": "name: mistaken\nsteps:\n  - name: one\n    python: one.py\nsettings:\n  stepTimeout: soon\n",
      "one.py": "",
    });
    const refused = await house.cli(["deploy", folder, "--json"]);
    assert.equal(refused.code, 2);
    assert.deepEqual(errorOf(refused).details["problems"], [
      { ...(errorOf(refused).details["problems"] as object[])[0], file: "workflow.yaml", line: 6 },
    ]);
  });

  test("YAML that is none, a missing file and a link out of the folder are refused", async () => {
    const yaml = await writeFolder(join(scratch, "yaml"), { "workflow.yaml": "name: [\n" });
    assert.equal(errorOf(await house.cli(["deploy", yaml, "--json"])).reason, "INVALID_YAML");
    const missing = await writeFolder(join(scratch, "missing"), {
      "workflow.yaml": "name: missing\nsteps: [{name: one, python: one.py}]\n",
    });
    assert.equal(errorOf(await house.cli(["deploy", missing, "--json"])).reason, "SOURCE_MISSING");
    const linked = await writeFolder(join(scratch, "linked"), {
      "workflow.yaml": "name: linked\nsteps: [{name: one, python: one.py}]\n",
    });
    await symlink("/etc/passwd", join(linked, "one.py"));
    assert.equal(errorOf(await house.cli(["deploy", linked, "--json"])).reason, "FILE_OUTSIDE_FOLDER");
    assert.equal(errorOf(await house.cli(["deploy", join(scratch, "nowhere"), "--json"])).reason, "FOLDER_NOT_FOUND");
  });

  test("failures are one document with a reason, and the exit code says what kind they are", async () => {
    const cases: [string[], number, string][] = [
      [["run", "nobody", "--json"], 3, "WORKFLOW_NOT_FOUND"],
      [["runs", "01890a5d-ac96-774b-bcce-b302099a8057", "--json"], 3, "RUN_NOT_FOUND"],
      [["run", "nobody", "--event", "{broken", "--json"], 2, "INVALID_EVENT"],
      [["runs", "--limit", "none", "--json"], 2, "USAGE"],
      [["frobnicate", "--json"], 2, "USAGE"],
      [["env", "set", "1-bad", "x", "--json"], 2, "INVALID_VARIABLE"],
      [["env", "unset", "ABSENT", "--json"], 3, "VARIABLE_NOT_FOUND"],
    ];
    for (const [args, code, reason] of cases) {
      const outcome = await house.cli(args);
      assert.equal(errorOf(outcome).reason, reason, args.join(" "));
      assert.equal(outcome.code, code, args.join(" "));
      assert.equal(outcome.stderr, "", args.join(" "));
    }
  });

  test("without a house, the error says how to start one", async () => {
    const outcome = await runCli(["workflows", "--data", join(scratch, "empty"), "--json"]);
    assert.equal(outcome.code, 5);
    assert.equal(errorOf(outcome).reason, "HOUSE_NOT_RUNNING");
    assert.match(errorOf(outcome).message, /millrace dev/);
  });

  test("--url and --key, and their variables, find the house as well", async () => {
    const environment = { MILLRACE_URL: house.url, MILLRACE_API_KEY: house.apiKey };
    const byVariables = await runCli(["workflows", "--json"], { environment });
    assert.equal(byVariables.code, 0, byVariables.stdout);
    const wrong = await runCli(["workflows", "--url", house.url, "--key", "wrong", "--json"]);
    assert.equal(wrong.code, 4);
    assert.equal((await runCli(["status", "--json"], { environment })).code, 0);
  });

  test("terminal escapes of user code never reach the terminal", async () => {
    await house.deploy({
      name: "escapes",
      trigger: { http: {} },
      steps: { work: "print('\\x1b[31mred\\x1b[0m \\x07 \\u202e')\n" },
    });
    const run = await house.run("escapes");
    for (const args of [
      ["logs", run.id],
      ["runs", run.id],
      ["run", "escapes"],
    ]) {
      const { stdout } = await house.cli(args);
      assert.ok(stdout.includes("\\x1b[31mred"), stdout);
      // oxlint-disable-next-line no-control-regex -- control characters are what must not be there
      assert.doesNotMatch(stdout, /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202e]/);
    }
  });

  test("logs -f shows lines while the run goes on, and ends with it", async () => {
    await house.deploy({
      name: "slow-lines",
      trigger: { http: {} },
      steps: { work: "import time\nfor n in range(5):\n    print('line', n, flush=True)\n    time.sleep(0.2)\n" },
    });
    const started = await house.cliJson<{ id: string }>(["run", "slow-lines", "--no-wait"]);
    const lines = await house.cliJson<{ text: string; step: string }[]>(["logs", "-f", started.id]);
    assert.deepEqual(
      lines.map(({ text }) => text),
      ["line 0", "line 1", "line 2", "line 3", "line 4"],
    );
    assert.equal(lines[0]?.step, "work");
  });

  test("a command right after the gateway has died waits for the next gateway", async () => {
    const hub = (await house.processes()).find(({ role }) => role === "hub");
    process.kill(Number(hub?.pid), "SIGKILL");
    const outcome = await house.cli(["workflows", "--json"]);
    assert.equal(outcome.code, 0, outcome.stdout);
  });

  test("a command that waits for a run outlives the gateway, the broker and the database", async () => {
    await house.deploy({
      name: "patient",
      trigger: { http: {} },
      steps: { work: "import time\ndef handler(pd):\n    print('begun')\n    time.sleep(6)\n    return 'done'\n" },
    });
    const waiting = house.cliJson<{ state: string; steps: { returnValue: unknown; logs: { text: string }[] }[] }>([
      "run",
      "patient",
    ]);
    await until(async () => (await house.client.runs.listRuns(newestOf("patient"))).runs.length === 1);
    for (const victim of ["hub", "nats", "postgres"]) {
      const found = (await house.processes()).find(({ role }) => role === victim);
      process.kill(Number(found?.pid), "SIGKILL");
    }
    const run = await waiting;
    assert.equal(run.state, "SUCCEEDED");
    assert.equal(run.steps[0]?.returnValue, "done");
    assert.deepEqual(
      run.steps[0]?.logs.map(({ text }) => text),
      ["begun"],
    );
  });
});

function newestOf(workflow: string) {
  return { ...ALL_RUNS, parent: `workflows/${workflow}`, pageSize: 1 };
}

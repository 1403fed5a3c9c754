import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";

import { runApi } from "@millrace/protocol";
import { WHOLE_REPLAY } from "../../harness/requests.ts";
import { deploySteps, house, runSteps, useHouse, valueOf } from "../../harness/shared-house.ts";

const MIB = 1024 ** 2;
const settings = { memory: "768MiB", stepTimeout: "60s" };
const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/** Text that is not all one character. */
const textOf = (bytes: number): string => "0123456789abcdef".repeat(bytes / 16);

async function readValue(run: string, kind: runApi.RunValueKind, path: string): Promise<Buffer> {
  const pieces: Buffer[] = [];
  const request = { name: `workflows/-/runs/${run}`, kind, path };
  for await (const { content } of house.client.runs.readRunValue(request)) pieces.push(content);
  return Buffer.concat(pieces);
}

const DIGEST = `
import hashlib
def digest(text):
    return {"length": len(text), "sha256": hashlib.sha256(text.encode()).hexdigest()}
`;

describe("large values", () => {
  useHouse();

  test("a 30 MB event by POST, a 30 MB export read downstream, and a large answer", async () => {
    const text = textOf(30 * MIB);
    const { url } = await deploySteps(
      {
        take: `${DIGEST}
def handler(pd):
    text = pd.steps["trigger"]["event"]["body"]["text"]
    pd.export("text", text[::-1])
    return digest(text)
`,
        use: `${DIGEST}
def handler(pd):
    taken = digest(pd.steps["take"]["text"][::-1])
    pd.respond({"status": 200, "headers": {"x-length": str(taken["length"])}, "body": pd.steps["take"]["text"][:8 << 20]})
    return [pd.steps["take"]["$return_value"], taken]
`,
      },
      { settings },
    );
    const body = JSON.stringify({ text });
    const response = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body });
    const answer = await response.text();
    assert.equal(response.status, 200, answer.slice(0, 1000));
    assert.equal(response.headers.get("x-length"), String(text.length));
    const reversed = [...text.slice(0, 16)]
      .reverse()
      .join("")
      .repeat((8 * MIB) / 16);
    assert.equal(sha256(answer), sha256(reversed));
    const run = await house.waitRun(response.headers.get("millrace-run") ?? "");
    const digest = { length: text.length, sha256: sha256(text) };
    assert.deepEqual(valueOf(run), [digest, digest]);
    const { largeValues, eventJson } = await house.client.runs.getRun({ name: `workflows/-/runs/${run.id}` });
    const { EVENT, EXPORTS, ANSWER } = runApi.RunValueKind;
    assert.deepEqual(
      largeValues.map(({ kind, path }) => [kind, path]),
      [
        [EVENT, ""],
        [EXPORTS, "steps/0"],
        [ANSWER, "steps/1"],
      ],
    );
    assert.equal(eventJson, "");
    const event = JSON.parse((await readValue(run.id, EVENT, "")).toString()) as { body: { text: string } };
    assert.equal(sha256(event.body.text), sha256(text));
    assert.equal(sha256((await readValue(run.id, ANSWER, "steps/1")).toString()), sha256(reversed));
  });

  test("the command line says how large a value is that it leaves out, and writes it out whole", async () => {
    const run = await runSteps("def handler(pd):\n    pd.export('n', 1)\n    return 'x' * 3_000_000\n");
    assert.deepEqual(run.largeValues, [{ kind: "return_value", step: "code", bytes: 3_000_002 }]);
    assert.match((await house.cli(["runs", run.id])).stdout, /\{"n":1\} \(2\.9 MiB, see "millrace value"\)/);
    const whole = await house.cli(["value", run.id, "--step", "code", "--returned"]);
    assert.deepEqual([whole.code, whole.stdout], [0, JSON.stringify("x".repeat(3_000_000))]);
    assert.equal((await house.cli(["value", run.id, "--step", "code"])).stdout, '{"n":1}');
    const unknown = await house.cli(["value", run.id, "--step", "nobody", "--to", "nowhere", "--json"]);
    assert.match(unknown.stdout, /STEP_NOT_FOUND.*it has: code/);
    const none = await house.cli(["value", run.id, "--step", "code", "--answer", "--to", "nowhere", "--json"]);
    assert.match(none.stdout, /VALUE_NOT_FOUND/);
    assert.notEqual((await house.cli(["value", run.id])).code, 0);
  });

  test("values of some size are shown with the run", async () => {
    const run = await runSteps({
      give: "def handler(pd):\n    pd.export('list', list(range(60_000)))\n    return 'x' * 400_000\n",
      look: "def handler(pd):\n    return len(pd.steps['give']['list']) + len(pd.steps['give']['$return_value'])\n",
    });
    assert.equal(valueOf(run), 460_000);
    const [given] = run.steps;
    assert.ok(given !== undefined);
    assert.equal(given.returnValue, "x".repeat(400_000));
    assert.equal((given.exports as { list: number[] }).list.length, 60_000);
  });

  test("many steps that each give a little come to no end at the size of a message", async () => {
    const steps = Object.fromEntries(
      Array.from({ length: 40 }, (_, step) => [`step_${step}`, "def handler(pd):\n    return 'x' * 240_000\n"]),
    );
    const count = "def handler(pd):\n    return sum(len(pd.steps[f'step_{n}']['$return_value']) for n in range(40))\n";
    const { displayName } = await deploySteps({ ...steps, count }, { settings });
    const run = await house.run(displayName);
    assert.equal(valueOf(run), 40 * 240_000);
  });

  test("an event beyond the limit is refused with the reason", async () => {
    const { url } = await deploySteps("def handler(pd):\n    pd.respond({'status': 200, 'body': 'never'})\n");
    const post = async (body: string, type: string): Promise<[number, string, string]> => {
      const response = await fetch(url, { method: "POST", headers: { "content-type": type }, body });
      const { error } = (await response.json()) as { error: { reason: string; message: string } };
      return [response.status, error.reason, error.message];
    };
    const [status, reason, message] = await post(textOf(51 * MIB), "text/plain");
    assert.deepEqual([status, reason], [413, "BODY_TOO_LARGE"]);
    assert.match(message, /52428800 bytes/);
    const quoted = await post('"'.repeat(30 * MIB), "text/plain");
    assert.deepEqual(quoted.slice(0, 2), [413, "EVENT_TOO_LARGE"]);
    assert.match(quoted[2], /the event takes 60\.0 MiB as JSON; the limit is 50\.0 MiB/);
  });

  test("an export beyond the limit fails at its line, with limit and usage", async () => {
    const { displayName } = await deploySteps(
      "def handler(pd):\n    pd.export('fine', 1)\n    pd.export('text', 'x' * (51 << 20))\n",
      { settings },
    );
    const run = await house.run(displayName);
    assert.equal(run.state, "FAILED");
    assert.equal(run.failure?.type, "PayloadTooLarge");
    assert.equal(run.failure.line, 3);
    assert.match(run.failure.message, /may have 50 MiB together; with 'text' they have 51\.00 MiB/);
  });

  test("a large event can be replayed, and its copies do not outlive their runs", async () => {
    const text = textOf(2 * MIB);
    const { displayName } = await deploySteps(
      "def handler(pd):\n    return len(pd.steps['trigger']['event']['text'])\n",
    );
    const run = await house.run(displayName, { text });
    assert.equal(valueOf(run), text.length);
    const name = `workflows/-/runs/${run.id}`;
    const again = await house.client.runs.replayRun(
      { ...WHOLE_REPLAY, name, waitTimeout: { seconds: 60, nanos: 0 } },
      { deadlineMs: 90_000 },
    );
    assert.equal(valueOf(await house.getRun(again.id)), text.length);
  });
});

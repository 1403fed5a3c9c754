import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { draftApi } from "@millrace/protocol";
import { eventsOf } from "../harness/server-events.ts";
import { house, useHouse } from "../harness/shared-house.ts";

useHouse();

interface Answer<T> {
  readonly status: number;
  readonly json: T & { readonly error?: { readonly details: readonly { reason: string }[] } };
}

async function api<T = Record<string, unknown>>(method: string, path: string, body?: object): Promise<Answer<T>> {
  const response = await house.ask(path, { method, ...(body && { body: JSON.stringify(body) }) });
  return { status: response.status, json: JSON.parse(await response.text()) as Answer<T>["json"] };
}

interface Draft {
  name: string;
  etag: string;
  changed: boolean;
  baseVersion: number;
  liveVersion: number;
  steps: { name: string; etag: string; displayName: string; code: string }[];
}

interface TestEvent {
  readonly run: string;
  readonly entries: readonly { readonly text: string; readonly stream: string }[];
  readonly tests: readonly TestResult[];
}

interface TestResult {
  readonly step: string;
  readonly stale: boolean;
  readonly run: string;
  readonly failure?: { type: string; message: string; line: number; file: string };
  readonly result: { state: string; exportsJson: string; returnValueJson?: string };
}

/** The events of a stream, and how it ended. */
async function stream(path: string, body: object): Promise<{ events: TestEvent[]; end: string }> {
  const response = await house.ask(path, { method: "POST", body: JSON.stringify(body) });
  const text = await response.text();
  assert.equal(response.headers.get("content-type"), "text/event-stream", text);
  const blocks = text.split("\n\n").filter((block) => block.startsWith("data:") || block.startsWith("event:"));
  const events = blocks
    .filter((block) => block.startsWith("data:"))
    .map((block) => JSON.parse(block.slice(6)) as TestEvent);
  return { events, end: blocks.at(-1) ?? "" };
}

async function testStep(
  draft: Draft,
  step: string,
  event: object | string = {},
): Promise<{ result: TestResult; log: string }> {
  const { events, end } = await stream(`${draft.name}:test`, {
    step,
    eventJson: typeof event === "string" ? event : JSON.stringify(event),
  });
  assert.match(end, /^event: end/);
  const log = events.flatMap(({ entries }) => entries.map(({ text }) => text)).join("\n");
  const result = events.at(-1)?.tests.find((test) => test.step === step);
  assert.ok(result, JSON.stringify(events));
  return { result, log };
}

async function newDraft(displayName: string, codes: Record<string, string>): Promise<Draft> {
  const { json: workflow } = await api<{ name: string }>("POST", "workflows", { displayName });
  let draft: Draft | undefined;
  for (const [name, code] of Object.entries(codes)) {
    draft = (await api<Draft>("POST", `${workflow.name}/draft/steps`, { step: { displayName: name, code } })).json;
  }
  return draft!;
}

describe("a draft", () => {
  it("is edited by several people without loss, and can be undone", async () => {
    const draft = await newDraft("edited together", { one: "x = 1\n", two: "y = 1\n" });
    const [one, two] = draft.steps;
    const mine = await api<{ etag: string }>("PATCH", one!.name, { step: { code: "x = 2\n" }, etag: one!.etag });
    assert.equal(mine.status, 200);
    const theirs = await api("PATCH", one!.name, { step: { code: "x = 3\n" }, etag: one!.etag });
    assert.equal(theirs.status, 412);
    assert.equal(theirs.json.error?.details[0]?.reason, "ETAG_MISMATCH");
    const other = await api("PATCH", two!.name, { step: { code: "y = 2\n" }, etag: two!.etag });
    assert.equal(other.status, 200, "other steps are nobody's business");
    const again = await api("PATCH", one!.name, { step: { code: "x = 3\n" }, etag: mine.json.etag });
    assert.equal(again.status, 200);

    const moved = await api<Draft>("POST", `${two!.name}:move`, { place: 1 });
    assert.deepEqual(
      moved.json.steps.map(({ displayName }) => displayName),
      ["two", "one"],
    );
    const { json } = await api<{ revisions: { revision: string }[] }>("GET", `${draft.name}/revisions`);
    const oldest = json.revisions.at(-1)!;
    const restored = await api<Draft>("POST", `${draft.name}:restore`, { revision: oldest.revision });
    assert.ok(restored.json.steps.length < 2, "it is what it was first");
  });

  it("says what has changed since a revision, and who went back can go back again", async () => {
    const draft = await newDraft("revised", { one: "x = 1\n" });
    // What is no typing keeps what was before it.
    await api("POST", `${draft.steps[0]!.name}:move`, { place: 1 });
    await api("PATCH", draft.steps[0]!.name, { step: { code: "x = 2\n" } });
    type Revisions = { revisions: { revision: string; author: string; createTime: string }[] };
    const before = (await api<Revisions>("GET", `${draft.name}/revisions`)).json.revisions;
    const [newest] = before;
    assert.match(newest!.author, /^(users|apiKeys)\//);
    type Files = { files: { file: string; oldText?: string; newText?: string }[] };
    const since = `${draft.name}/revisions:compare?from=${newest!.revision}`;
    const { files } = (await api<Files>("GET", since)).json;
    assert.deepEqual(files, [{ file: "one.py", oldText: "x = 1\n", newText: "x = 2\n" }]);
    const restored = await api<Draft>("POST", `${draft.name}:restore`, { revision: newest!.revision });
    assert.equal(restored.json.steps[0]!.code, "x = 1\n");
    const { revisions } = (await api<Revisions>("GET", `${draft.name}/revisions`)).json;
    assert.equal(revisions.length, before.length + 1, "what it was a moment ago is kept, however short that was");
    assert.equal((await api("GET", `${draft.name}/revisions:compare?from=999`)).status, 404);
  });

  it("gives a step the time that it says itself, and shows what a test would answer", async () => {
    const slow = "import time\ndef handler(pd):\n    pd.respond({'status': 202, 'body': 'soon'})\n    time.sleep(60)\n";
    const draft = await newDraft("timed", { slow });
    const optionsJson = JSON.stringify({ timeout: 0.5 });
    await api("PATCH", draft.steps[0]!.name, { step: { optionsJson } });
    const { result, log } = await testStep(draft, draft.steps[0]!.name);
    assert.equal(result.failure?.type, "StepTimeout");
    assert.match(result.failure?.message ?? "", /timed out after 0\.5 s/);
    assert.doesNotMatch(log, /nobody waits/);
    const tooLong = JSON.stringify({ timeout: "2h" });
    await api("PATCH", draft.steps[0]!.name, { step: { optionsJson: tooLong } });
    const { json } = await api<{ problems: { path: string; message: string }[] }>("POST", `${draft.name}:check`, {});
    assert.deepEqual(
      json.problems.map(({ path }) => path),
      ["steps[0].timeout"],
    );
  });

  it("is known by what it uses, as it was checked, and its version as it was deployed", async () => {
    const code = "import os\ndef handler(pd):\n    return os.environ['USED_KEY']\n";
    const draft = await newDraft("uses things", { one: code });
    const optionsJson = JSON.stringify({ inputs: { crm: { store: "used-store" } } });
    await api("PATCH", draft.steps[0]!.name, { step: { optionsJson } });
    type Uses = { uses: { displayName: string; live?: object[]; draft?: object[] }[]; unknownCount: number };
    const usesOf = async (target: string) => (await api<Uses>("GET", `uses?target=${target}`)).json;
    assert.deepEqual((await usesOf("dataStores/used-store")).uses[0]?.draft, [
      { step: "one", file: "one.py", line: 0 },
    ]);
    assert.deepEqual((await usesOf("variables/USED_KEY")).uses, [], "nobody has looked yet");
    await api("POST", `${draft.name}:check`, {});
    const place = { step: "one", file: "one.py", line: 3 };
    assert.deepEqual((await usesOf("variables/USED_KEY")).uses[0]?.draft, [place]);
    const { end } = await stream(`${draft.name}:deploy`, {});
    assert.match(end, /^event: end/);
    const [use] = (await usesOf("variables/USED_KEY")).uses;
    assert.deepEqual([use?.displayName, use?.live, use?.draft], ["uses things", [place], []]);
    assert.equal((await api("GET", "uses?target=nonsense")).status, 400);
  });

  it("says before a deploy what is wrong, and where", async () => {
    const draft = await newDraft("to be checked", { one: "import requests\n", two: "def handler(pd):\n  return (\n" });
    const { json } = await api<draftApi.CheckDraftResponse>("POST", `${draft.name}:check`, {});
    const [problem] = json.problems;
    assert.deepEqual([problem?.reason, problem?.file], ["SOURCE_INVALID", "two.py"]);
    assert.ok((problem?.line ?? 0) > 0);
    assert.ok(json.packages.some((found) => found.package === "requests"));
  });

  it("tests a step with what the steps above it gave, their files, and real data stores, without pausing", async () => {
    const draft = await newDraft("tested", {
      first: `
import pathlib
def handler(pd):
    print("hello from the test", pd.steps["trigger"]["event"]["who"])
    pathlib.Path("/tmp/kept.txt").write_text("kept")
    pd.export("big", "x" * 400_000)
    return {"n": 41}
`,
      second: `
import pathlib
def handler(pd):
    assert len(pd.steps["first"]["big"]) == 400_000
    print(pathlib.Path("/tmp/kept.txt").read_text(), pd.steps["trigger"]["context"]["workflow_name"])
    links = pd.flow.suspend()
    assert links["resume_url"]
    return pd.steps["first"]["$return_value"]["n"] + 1
`,
      third: `
def handler(pd):
    raise ValueError("as it should")
`,
    });
    const [first, second, third] = draft.steps.map(({ name }) => name);
    const one = await testStep(draft, first!, { who: "you" });
    assert.equal(one.result.result.returnValueJson, '{"n":41}');
    assert.match(one.log, /hello from the test you/);
    const two = await testStep(draft, second!);
    assert.equal(two.result.result.state, "RUN_STATE_SUCCEEDED", two.log);
    assert.equal(two.result.result.returnValueJson, "42");
    assert.match(two.log, /kept tested/);
    assert.match(two.log, /in a test this returns at once; deployed, the run pauses here until it is resumed/);
    const three = await testStep(draft, third!);
    assert.deepEqual([three.result.failure?.type, three.result.failure?.line], ["ValueError", 3]);
    assert.match(three.log, /as it should/);

    const listed = await api<{ tests: TestResult[] }>("GET", `${draft.name}/tests`);
    assert.deepEqual(
      listed.json.tests.map(({ stale }) => stale),
      [false, false, false],
    );
    await api("PATCH", second!, { step: { code: "pass\n" } });
    const stale = await api<{ tests: TestResult[] }>("GET", `${draft.name}/tests`);
    assert.deepEqual(
      stale.json.tests.map((test) => test.stale),
      [false, true, true],
    );

    const tail = (headers: Record<string, string>): Promise<string> =>
      house.ask(`${one.result.run}/logs:tail`, { headers }).then((response) => response.text());
    const log = await tail({});
    const ids = [...log.matchAll(/^id: (.*)$/gm)].map(([, id]) => id!);
    assert.match(log, /hello from the test/);
    const rest = await tail({ "last-event-id": ids.at(-1)! });
    assert.match(rest, /^event: end/);
    assert.doesNotMatch(rest, /hello from the test/, "a client goes on behind what it has");

    const runs = await api<{ runs: { triggerKind: string }[] }>("GET", "workflows/-/runs");
    assert.ok(
      runs.json.runs.every(({ triggerKind }) => triggerKind !== "test"),
      "tests are not among the runs",
    );
    const replayed = await api("POST", `${one.result.run}:replay`, {});
    assert.equal(replayed.json.error?.details[0]?.reason, "RUN_IS_TEST");
  });

  it("takes requests to test with at an address of its own, and runs nothing for them", async () => {
    const draft = await newDraft("to be sent to", {
      code: "def handler(pd):\n    return pd.steps['trigger']['event']['body']\n",
    });
    const { testUrl } = (await api<{ testUrl: string }>("GET", draft.name)).json;
    const forged = testUrl.replace(/.$/, (last) => (last === "0" ? "1" : "0"));
    assert.equal((await fetch(forged, { method: "POST" })).status, 404);
    const sent = await fetch(testUrl, {
      method: "POST",
      body: '{"n":9007199254740993}',
      headers: { "content-type": "application/json" },
    });
    assert.equal(sent.status, 200);
    const watching = eventsOf<{ eventJson: string }>(await house.ask(`${draft.name}/events:watch`));
    const event = (await watching.next()).value as { eventJson: string };
    await watching.return(undefined);
    assert.match(event.eventJson, /9007199254740993/, "as it was sent");
    const { result } = await testStep(draft, draft.steps[0]!.name, event.eventJson);
    assert.equal(result.result.returnValueJson, '{"n": 9007199254740993}'.replace(": ", ":"));
  });

  it("is deployed, compared, rolled back, and follows what is deployed from elsewhere", async () => {
    const draft = await newDraft("deployed", { code: "def handler(pd):\n    return 1\n" });
    const deployed = await stream(`${draft.name}:deploy`, { etag: draft.etag });
    assert.match(deployed.end, /^event: end/, JSON.stringify(deployed));
    assert.equal((await house.run("deployed")).steps[0]?.returnValue, 1);
    const clean = await api<Draft>("GET", draft.name);
    assert.deepEqual([clean.json.changed, clean.json.baseVersion], [false, 1]);

    await house.deploy({
      name: "deployed",
      trigger: { http: {} },
      steps: { code: "def handler(pd):\n    return 2\n" },
    });
    const followed = await api<Draft>("GET", draft.name);
    assert.deepEqual([followed.json.changed, followed.json.baseVersion], [false, 2]);
    assert.match(followed.json.steps[0]!.code, /return 2/);

    await api("PATCH", followed.json.steps[0]!.name, { step: { code: "def handler(pd):\n    return 3\n" } });
    await house.deploy({
      name: "deployed",
      trigger: { http: {} },
      steps: { code: "def handler(pd):\n    return 4\n" },
    });
    const behind = await api<Draft>("GET", draft.name);
    assert.deepEqual([behind.json.changed, behind.json.baseVersion, behind.json.liveVersion], [true, 2, 3]);
    const refused = await api("POST", `${draft.name}:deploy`, {});
    assert.deepEqual([refused.status, refused.json.error?.details[0]?.reason], [409, "DRAFT_BEHIND"]);
    const compared = await api<{ files: { file: string; newText: string }[] }>(
      "GET",
      `${draft.name.replace(/\/draft$/, "")}/versions:compare`,
    );
    assert.ok(compared.json.files.some(({ newText }) => newText?.includes("return 3")));

    const back = await api<{ version: number }>("POST", `${draft.name.replace(/draft$/, "versions/1")}:rollBack`, {});
    assert.equal(back.json.version, 4);
    assert.equal((await house.run("deployed")).steps[0]?.returnValue, 1);
    const activity = await api<{ activities: { sampleCount: number; recentRuns: { state: string }[] }[] }>(
      "GET",
      `workflows:activity?names=${encodeURIComponent(draft.name.replace(/\/draft$/, ""))}`,
    );
    assert.deepEqual(
      activity.json.activities.map(({ sampleCount, recentRuns }) => [sampleCount, recentRuns.length]),
      [[2, 2]],
      "its runs, and none of its tests",
    );
    const versions = await api<{ versions: { number: number; live: boolean }[] }>(
      "GET",
      draft.name.replace(/draft$/, "versions"),
    );
    assert.deepEqual(
      versions.json.versions.map(({ number }) => number),
      [4, 3, 2, 1],
    );
  });
});

describe("a new house", () => {
  it("has an administrator whose password only its owner can read", async () => {
    const file = join(house.data, "admin-password");
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    const password = (await readFile(file, "utf8")).trim();
    assert.ok(house.log.includes(password), "it is said once");
    const response = await fetch(`${house.url}/api/v1/sessions:signIn`, {
      method: "POST",
      headers: { "x-millrace-csrf": "1", "content-type": "application/json" },
      body: JSON.stringify({ user: "admin", password }),
    });
    assert.equal(response.status, 200);
  });
});

describe("the page about the HTTP/JSON API", () => {
  it("has examples that run as they stand", async () => {
    const page = await readFile(join(import.meta.dirname, "../../docs/reference/http-api.md"), "utf8");
    const examples = [...page.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, text]) => text!);
    assert.ok(examples.length >= 7);
    const own = `export HOUSE=${house.url}\nexport KEY=${house.apiKey}\n`;
    const script = `set -euo pipefail\n${own}${examples.slice(1).join("\n")}`;
    const folder = await mkdtemp(join(tmpdir(), "millrace-examples-"));
    try {
      const printed = await new Promise<string>((resolve, reject) => {
        execFile("bash", ["-c", script], { cwd: folder, timeout: 60_000 }, (error, stdout, stderr) => {
          if (error === null) resolve(stdout);
          else reject(new Error(`${stdout}\n${stderr}`, { cause: error }));
        });
      });
      assert.match(printed, /"text":"hello"/);
      assert.match(printed, /RUN_STATE_SUCCEEDED/);
      assert.match(printed, /^a,b$/m);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

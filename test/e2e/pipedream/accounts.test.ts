import assert from "node:assert/strict";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { allowAccount } from "../../harness/browser.ts";
import { OauthServer } from "../../harness/oauth-server.ts";
import { deploySteps, house, linesOf, useHouse, valueOf } from "../../harness/shared-house.ts";
import { until } from "../../harness/until.ts";

describe("connected accounts, from the code of steps", () => {
  useHouse({ environment: { MILLRACE_TOKEN_FRESH_MS: "3000" } });
  let server: OauthServer;

  before(async () => {
    server = await OauthServer.start(`${house.url}/oauth/callback`);
    const file = join(await mkdtemp(join(tmpdir(), "millrace-app-")), "app.json");
    await writeFile(file, JSON.stringify(server.app("own")));
    await house.cliJson(["account", "app", file]);
    await house.cliJson(["account", "client", "own", "--id", server.client.id], { stdin: `${server.client.secret}\n` });
    await add("my-team");
    const fields = { api_key: "sk-of-the-account-0123456789", organization_id: "org-in-the-open" };
    await house.cliJson(["account", "add", "openai", "ai"], { stdin: JSON.stringify(fields) });
  });
  after(() => server?.[Symbol.asyncDispose]());

  /** Connects an account as a person does, with the command and a browser. */
  async function add(name: string): Promise<void> {
    const begun = await house.cliJson<{ authorizationUrl: string; state: string }>([
      "account",
      "add",
      "own",
      name,
      "--no-wait",
    ]);
    assert.equal(begun.state, "PENDING");
    assert.match((await allowAccount(begun.authorizationUrl)).text, /is connected/);
  }

  /** Runs one step that has accounts. */
  async function run(source: string, inputs: Record<string, { account: string }>) {
    const { displayName } = await deploySteps({ code: source }, { inputs: { code: inputs } });
    return house.run(displayName);
  }

  const slack = { slack: { account: "my-team" } };
  /** What code written for the original does with a token. */
  const useToken = () => `
import json, urllib.request

def handler(pd):
    token = pd.inputs["slack"]["$auth"]["oauth_access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    with urllib.request.urlopen(urllib.request.Request("${server.url}/me", headers=headers)) as answer:
        return json.load(answer)
`;

  test("a token from pd.inputs works at its provider", async () => {
    assert.deepEqual(valueOf(await run(useToken(), slack)), { sub: "ada" });
  });

  test("fields of a key account are a plain dict, which prints, and is masked in the log", async () => {
    const source = `
import json
def handler(pd):
    auth = pd.inputs["openai"]["$auth"]
    print(auth)
    print(json.dumps(pd.inputs["openai"]))
    print("the key is", auth["api_key"])
    return [type(auth).__name__, len(auth["api_key"]), sorted(pd.inputs["openai"]), sorted(auth)]
`;
    const done = await run(source, { openai: { account: "ai" } });
    assert.deepEqual(valueOf(done), ["dict", 28, ["$auth"], ["api_key", "organization_id"]]);
    const text = linesOf(done).join("\n");
    assert.ok(!text.includes("sk-of-the-account"), text);
    assert.ok(text.includes("the key is ****") && text.includes("org-in-the-open"), text);
  });

  test("an account with several fields has its secret one from stdin, and new fields count at once", async () => {
    const plain = ["host=db.local", "port=5432", "database=shop", "user=me"].flatMap((field) => ["--plain", field]);
    const fields = [...plain, "--field", "password"];
    await house.cliJson(["account", "add", "postgresql", "shop", ...fields], { stdin: "first-password\n" });
    const source =
      "def handler(pd):\n    auth = pd.inputs['db']['$auth']\n    print(auth)\n    return [auth['host'], auth['password'][::-1]]\n";
    const { displayName } = await deploySteps({ code: source }, { inputs: { code: { db: { account: "shop" } } } });
    assert.deepEqual(valueOf(await house.run(displayName)), ["db.local", "drowssap-tsrif"]);
    await house.cliJson(["account", "update", "shop", ...fields], { stdin: "second-password\n" });
    const done = await house.run(displayName);
    assert.deepEqual(valueOf(done), ["db.local", "drowssap-dnoces"]);
    assert.ok(linesOf(done).join().includes("'password': '****'"), linesOf(done).join());
    const missing = await house.cli(["account", "add", "postgresql", "half", "--plain", "host=x", "--json"], {
      stdin: "",
    });
    assert.equal((missing.json as { error: { reason: string } }).error.reason, "FIELD_MISSING");
  });

  test("a token is masked in lines, errors and in later runs of the same code that still hold it", async () => {
    const source = `
import base64
kept = []
def handler(pd):
    if kept:
        print("kept", kept[0])
        raise ValueError("still " + kept[0])
    token = pd.inputs["slack"]["$auth"]["oauth_access_token"]
    kept.append(token)
    print("got", token, base64.b64encode(b":" + token.encode()).decode())
    return token[::-1]
`;
    const { displayName } = await deploySteps({ code: source }, { inputs: { code: slack } });
    const first = await house.run(displayName);
    const token = [...String(valueOf(first))].reverse().join("");
    assert.ok(token.length > 20);
    const second = await house.run(displayName);
    assert.equal(second.failure?.message, "still ****");
    const text = JSON.stringify([linesOf(first), second]);
    assert.ok(!text.includes(token) && text.includes("got ****") && text.includes("kept ****"), text);
  });

  test("an input that is not declared is absent, and its default is what the code says", async () => {
    const source = `
def handler(pd):
    assert "google_calendar" not in pd.inputs
    return [pd.inputs.get("google_calendar", {}), pd.inputs.get("slack", {}).keys() is not None, "slack" in pd.inputs]
`;
    assert.deepEqual(valueOf(await run(source, slack)), [{}, true, true]);
  });

  test("an account that does not exist is an error at the line that uses it, and costs nobody else anything", async () => {
    const source = "def handler(pd):\n    print('before')\n    return pd.inputs['gone']['$auth']\n";
    const done = await run(source, { gone: { account: "nobody" } });
    assert.deepEqual([done.state, done.failure?.type, done.failure?.line], ["FAILED", "KeyError", 3]);
    assert.match(done.failure?.message ?? "", /There is no account "nobody"/);
  });

  test("a token that runs out while a step works is a new one the next time it is asked for", async () => {
    server.lifeS = 5;
    await add("short");
    const source = `
import time
def handler(pd):
    first = pd.inputs["slack"]["$auth"]["oauth_access_token"]
    assert pd.inputs["slack"]["$auth"]["oauth_access_token"] == first
    end = time.monotonic() + 20
    while pd.inputs["slack"]["$auth"]["oauth_access_token"] == first and time.monotonic() < end:
        time.sleep(0.2)
    return pd.inputs["slack"]["$auth"]["oauth_access_token"] != first
`;
    assert.equal(valueOf(await run(source, { slack: { account: "short" } })), true);
  });

  test("a dead account says that it must be connected anew, and works when it is", async () => {
    server.lifeS = 1;
    await add("dying");
    await server.withdraw();
    const inputs = { slack: { account: "dying" } };
    const done = await run(useToken(), inputs);
    assert.equal(done.failure?.type, "PlatformError");
    assert.match(done.failure?.message ?? "", /"dying" must be connected anew.*millrace account reconnect dying/);
    const list = await house.cliJson<{ name: string; state: string; problem: string }[]>(["account", "list"]);
    assert.equal(list.find(({ name }) => name === "dying")?.state, "DEAD");
    assert.equal((await house.cli(["account", "test", "dying", "--json"])).code, 7);
    server.lifeS = 3_600;
    const { authorizationUrl } = await house.cliJson<{ authorizationUrl: string }>([
      "account",
      "reconnect",
      "dying",
      "--no-wait",
    ]);
    await allowAccount(authorizationUrl);
    assert.deepEqual(valueOf(await run(useToken(), inputs)), { sub: "ada" });
    await house.cliJson(["account", "remove", "dying"]);
  });

  test("the command waits until somebody has allowed an account, lists it, tries it, and shows no secret", async () => {
    server.lifeS = 3_600;
    let said = "";
    const adding = house.cli(["account", "add", "own", "waited", "--json"], { onStderr: (text) => (said = text) });
    await until(() => /\/oauth\/start\?state=\S+\s/.test(said));
    await allowAccount(/http\S+\/oauth\/start\?state=\S+/.exec(said)![0]);
    const added = await adding;
    assert.equal(added.code, 0, added.stderr);
    assert.deepEqual((added.json as { state: string }).state, "CONNECTED");
    const tested = await house.cliJson<{ ok: boolean }>(["account", "test", "waited"]);
    assert.equal(tested.ok, true);
    for (const args of [
      ["account", "list"],
      ["account", "list", "--json"],
      ["account", "apps"],
    ]) {
      const { code, stdout } = await house.cli(args);
      assert.equal(code, 0);
      assert.ok(stdout.includes("own") && !stdout.includes("sk-of-the-account") && !stdout.includes("hush"), stdout);
    }
    await house.cliJson(["account", "remove", "waited"]);
    assert.equal((await house.cli(["account", "test", "waited", "--json"])).code, 3);
  });
});

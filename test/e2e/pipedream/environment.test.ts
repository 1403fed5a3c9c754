import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { deploySteps, house, linesOf, runSteps, useHouse, valueOf } from "../../harness/shared-house.ts";

const SECRET = "s3cr3t/of mine+ünd=more";

/** Sets a secret variable, or a plain one. */
function set(name: string, value: string, secret = true) {
  const variable = { name: `variables/${name}`, value, secret, updateTime: undefined };
  return house.client.variables.setVariable({ variable });
}

const unset = (name: string) => house.client.variables.deleteVariable({ name: `variables/${name}` });

describe("environment variables, from the code of steps", () => {
  useHouse();

  test("one that is missing is missing as in any Python", async () => {
    const source =
      "import os\ndef handler(pd):\n    assert os.environ.get('MISSING') is None\n    return os.environ['MISSING']\n";
    const run = await runSteps(source);
    assert.deepEqual([run.failure?.type, run.failure?.message], ["KeyError", "'MISSING'"]);
  });

  test("one that is set is there, in code of the module too, for children too, and in each step", async () => {
    await set("API_TOKEN", SECRET);
    await set("REGION", "eu-west", false);
    const run = await runSteps({
      one: "import os\nTOKEN = os.environ['API_TOKEN']\ndef handler(pd):\n    os.environ['REGION'] = 'changed'\n    return len(TOKEN)\n",
      two: "import os, subprocess\ndef handler(pd):\n    region = subprocess.run(['sh', '-c', 'printf %s $REGION'], capture_output=True, text=True).stdout\n    return [len(os.environ['API_TOKEN']), region]\n",
    });
    assert.equal(run.steps[0]?.returnValue, [...SECRET].length);
    assert.deepEqual(valueOf(run), [[...SECRET].length, "changed"]);
    assert.deepEqual(
      (await runSteps("import os\ndef handler(pd):\n    return os.environ['REGION']\n")).steps[0]?.returnValue,
      "eu-west",
    );
  });

  test("a change is seen without a redeploy, by what was read when the module was loaded too", async () => {
    await set("MODE", "the-old-mode");
    const source =
      "import os\nMODE = os.environ.get('MODE')\ndef handler(pd):\n    return [MODE, os.environ.get('MODE')]\n";
    const { displayName } = await deploySteps(source);
    const values = async () => valueOf(await house.run(displayName));
    assert.deepEqual(await values(), ["the-old-mode", "the-old-mode"]);
    assert.deepEqual(await values(), ["the-old-mode", "the-old-mode"]);
    await set("MODE", "the-new-mode");
    assert.deepEqual(await values(), ["the-new-mode", "the-new-mode"]);
    await unset("MODE");
    assert.deepEqual(await values(), [null, null]);
  });

  test("a secret is in no log line, in whatever way it is printed", async () => {
    await set("API_TOKEN", SECRET);
    const run = await runSteps(`
import base64, json, logging, os, sys, time, urllib.parse, warnings

def handler(pd):
    token = os.environ["API_TOKEN"]
    print("plain", token)
    print("quoted", urllib.parse.quote(token), urllib.parse.quote_plus(token), urllib.parse.quote(token, safe=""))
    for before in ("", "x", "xy"):
        print("base64", base64.b64encode((before + token).encode()).decode(), base64.urlsafe_b64encode((before + token + "!").encode()).decode())
    print("json", json.dumps({"token": token}), json.dumps(token, ensure_ascii=False), repr(token), ascii(token).startswith("x"))
    for part in (token[:7], token[7:12], token[12:]):
        sys.stdout.write(part)
        sys.stdout.flush()
        time.sleep(0.05)
    print()
    sys.stdout.write("y" * 16380 + token + "z" * 100 + "\\n")
    logging.warning("logged %s", token)
    warnings.warn("warned " + token)
    os.write(2, ("raw " + token + "\\n").encode())
    pd.flow.exit("because of " + token)
`);
    assert.equal(run.state, "SUCCEEDED", JSON.stringify(run.failure));
    const text = [run.exitReason, ...linesOf(run)].join("\n");
    assertNothingOf(text);
    assert.equal(run.exitReason, "because of ****");
    for (const word of ["plain ****", "base64 ", "logged ****", "raw ****", `"token": "****"`])
      assert.ok(text.includes(word), word);
  });

  test("a secret is in no error: its message, its type, its traceback, or what it is chained to", async () => {
    await set("API_TOKEN", SECRET);
    const failing = `
import os
TOKEN = os.environ["API_TOKEN"]

def handler(pd):
    kind = type("Of" + TOKEN, (Exception,), {})
    try:
        raise KeyError(TOKEN)
    except KeyError as error:
        error.add_note("note " + TOKEN)
        raise kind("x" * 8180 + TOKEN + "y" * 9000 + TOKEN) from error
`;
    const run = await runSteps(failing);
    assert.equal(run.state, "FAILED");
    const text = JSON.stringify(run);
    assertNothingOf(text);
    assert.ok(run.failure?.traceback.includes("KeyError: '****'"), run.failure?.traceback);
    const module = await runSteps("import os\nraise ValueError(os.environ['API_TOKEN'])\n");
    assert.equal(module.failure?.message, "****");
  });

  test("no door shows a secret again, and the data folder has none in the clear", async () => {
    await set("HIDDEN", "hidden-value-of-mine");
    for (const args of [
      ["env", "list"],
      ["env", "list", "--json"],
    ]) {
      const outcome = await house.cli(args);
      assert.ok(outcome.stdout.includes("HIDDEN"));
      assert.ok(!outcome.stdout.includes("hidden-value"), outcome.stdout);
    }
    const { execFileSync } = await import("node:child_process");
    const found = () => execFileSync("grep", ["-rlaF", "hidden-value-of-mine", house.data], { encoding: "utf8" });
    assert.throws(found, { status: 1 }, "grep finds it nowhere in the folder");
    const { statSync } = await import("node:fs");
    assert.equal(statSync(`${house.data}/master-key`).mode & 0o777, 0o600);
  });

  test("names and values that cannot be are refused", async () => {
    const refused = async (asked: Promise<unknown>, reason: string) => assert.rejects(asked, { reason });
    for (const name of ["1X", "A-B", "MILLRACE_X", "PIPEDREAM_X", ""])
      await refused(set(name, "v"), "INVALID_VARIABLE");
    await refused(unset("1X"), "INVALID_VARIABLE");
    await refused(unset("NOT_THERE"), "VARIABLE_NOT_FOUND");
    await refused(set("LARGE", "x".repeat(65_537)), "INVALID_VARIABLE");
    await set("LARGE", "x".repeat(65_536));
    assert.equal(valueOf(await runSteps("import os\ndef handler(pd):\n    return len(os.environ['LARGE'])\n")), 65_536);
    await unset("LARGE");
  });

  /** Nothing that gives a secret away: it as it is, its larger parts, or its encodings. */
  function assertNothingOf(text: string): void {
    const base64 = Buffer.from(SECRET).toString("base64");
    const forms = [
      SECRET,
      SECRET.slice(0, 10),
      SECRET.slice(-10),
      encodeURIComponent(SECRET),
      base64.slice(4, 20),
      "s3cr3t%2F",
    ];
    for (const form of forms) assert.ok(!text.includes(form), `${form} in ${text.slice(0, 2_000)}`);
  }
});

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { RunDocument } from "@millrace/cli";

import { TestHouse } from "../../harness/test-house.ts";

const trigger = { http: {} };

describe("data stores, from the code of steps", () => {
  let house: TestHouse;
  let count = 0;

  before(async () => {
    house = await TestHouse.start({ environment: { MILLRACE_DATA_STORE_BYTES_MAX: String(3 * 1024 * 1024) } });
  });
  after(() => house?.stop());

  /** Runs steps one behind the other, each the body of a handler whose `ds` is an empty store of its own. */
  async function run(...bodies: string[]): Promise<RunDocument> {
    const name = `stores-${++count}`;
    const steps = Object.fromEntries(
      bodies.map((body, index) => [
        `step_${index}`,
        `def handler(pd):\n    ds = pd.inputs["data_store"]\n${body.replace(/^/gm, "    ")}\n`,
      ]),
    );
    const inputs = Object.fromEntries(Object.keys(steps).map((step) => [step, { data_store: { store: name } }]));
    await house.deploy({ name, trigger, steps, inputs });
    return house.run(name);
  }

  async function value(...bodies: string[]): Promise<unknown> {
    const done = await run(...bodies);
    assert.equal(done.state, "SUCCEEDED", JSON.stringify(done.failure));
    return done.steps.at(-1)?.returnValue;
  }

  async function failure(body: string): Promise<string> {
    const done = await run(body);
    assert.equal(done.state, "FAILED");
    const { type, message } = done.failure!;
    return `${type}: ${message}`;
  }

  test("what one step keeps, a later step and a later run find", async () => {
    const source = {
      write: "def handler(pd):\n    ds = pd.inputs['data_store']\n    ds['visits'] = ds.get('visits', 0) + 1\n",
      read: "def handler(pd):\n    return pd.inputs['data_store']['visits']\n",
    };
    await house.deploy({ name: "visits", trigger, steps: source });
    assert.equal((await house.run("visits")).steps[1]?.returnValue, 1);
    assert.equal((await house.run("visits")).steps[1]?.returnValue, 2);
    await house.deploy({
      name: "other-visits",
      trigger,
      steps: { read: "def handler(pd):\n    return pd.inputs['mine']['visits']" },
      inputs: { read: { mine: { store: "default" } } },
    });
    const seen = await house.run("other-visits");
    assert.equal(seen.steps[0]?.returnValue, 2, "the default store is one like any other, shared in the project");
  });

  test("several stores of a step are told apart", async () => {
    await house.deploy({
      name: "two-stores",
      trigger,
      steps: {
        both: `def handler(pd):
    pd.inputs["data_store"]["k"] = 1
    pd.inputs["data_store_1"]["k"] = 2
    return [sorted(pd.inputs), pd.inputs["data_store"]["k"], pd.inputs.get("none", {}), repr(pd.inputs["data_store_1"])]`,
      },
      inputs: { both: { data_store: { store: "first" }, data_store_1: { store: "second" } } },
    });
    const done = await house.run("two-stores");
    assert.deepEqual(done.steps[0]?.returnValue, [["data_store", "data_store_1"], 1, {}, "<data store 'second'>"]);
  });

  test("JSON of every kind comes back as it was", async () => {
    const body = `
values = {"null": None, "text": "ü\\u0000\\U0001f600\\ud83d", "big": 2**80, "float": 1.0, "list": [1, [2]], "dict": {"a": {"b": False}}, "empty": "", "exact": 0.1}
for key, one in values.items():
    ds[key] = one
return [ds[key] == one and type(ds[key]) is type(one) for key, one in values.items()]`;
    assert.deepEqual(
      await value(body),
      Array.from({ length: 8 }, () => true),
    );
  });

  test("a missing key is a KeyError that code for TypeError catches too; get has a default", async () => {
    const body = `
caught = []
for kind in (KeyError, TypeError):
    try:
        ds["nope"]
    except kind as error:
        caught.append(str(error))
return [caught, ds.get("nope"), ds.get("nope", 7), "nope" in ds, bool(ds)]`;
    assert.deepEqual(await value(body), [["'nope'", "'nope'"], null, 7, false, true]);
    assert.equal(await failure(`ds["nope"]`), "MissingKey: 'nope'");
  });

  test("del, pop, popitem, setdefault and update do as a dict's", async () => {
    const body = `
ds.update({"a": 1, "b": 2}, c=3)
ds.update([("d", 4)])
del ds["a"]
popped = [ds.pop("b"), ds.pop("b", "none"), ds.setdefault("c", 9), ds.setdefault("e", 5), ds.popitem()]
missing = []
for action in (lambda: ds.pop("b"), lambda: ds.__delitem__("b"), lambda: ds.set_ttl("b", 5)):
    try:
        action()
    except KeyError:
        missing.append(True)
return [popped, missing, dict(ds)]`;
    assert.deepEqual(await value(body), [[2, "none", 3, 5, ["c", 3]], [true, true, true], { d: 4, e: 5 }]);
  });

  test("len, keys, values and items look at the whole, by prefix too, in order", async () => {
    const body = `
ds.set_many({f"user:{n:03}": n for n in range(300)} | {"other": -1})
return [len(ds), len(ds.keys()), len(ds.keys(prefix="user:1")), list(ds)[:2], list(ds.keys("user:29"))[-1], sum(ds.values("user:")), dict(ds.items(prefix="user:00"))["user:007"], "user:001" in ds.keys("user:"), "other" in ds.keys("user:")]`;
    assert.deepEqual(await value(body), [301, 301, 100, ["other", "user:000"], "user:299", 44_850, 7, true, false]);
  });

  test("iterating stays right while the store is written", async () => {
    const body = `
ds.set_many({f"{n:05}": n for n in range(2500)})
seen = []
for key, one in ds.items():
    seen.append(one)
    if one == 10:
        ds["00011.5"] = 11.5
        del ds["02000"]
        ds["00000"] = 77
    if one == 1200:
        ds["99999"] = 99999
for key in ds.keys():
    del ds[key]
    if key == "00100":
        break
return [len(seen), seen[:3], 2000 in seen, seen[-1], len(ds)]`;
    assert.deepEqual(await value(body), [2500, [0, 1, 2], false, 99_999, 2399]);
  });

  test("clear removes everything", async () => {
    assert.deepEqual(await value(`ds.update(a=1, b=2)\nds.clear()\nreturn [len(ds), list(ds)]`), [0, []]);
  });

  test("what has a time to live is gone when it is over, and its time can be changed", async () => {
    const body = `
import time
ds.set("short", 1, ttl=0.3)
ds.set("long", 1, ttl=60)
ds.set("kept", 1, ttl=0.3)
ds.set_ttl("kept", None)
ds["cut"] = 1
ds.set_ttl("cut", ttl=0.3)
ds.increment("window", ttl=0.3)
ds.increment("window", ttl=60)
before = sorted(ds)
end = time.monotonic() + 10
while "short" in ds and time.monotonic() < end:
    time.sleep(0.05)
time.sleep(0.1)
return [before, sorted(ds), len(ds)]`;
    assert.deepEqual(await value(body), [["cut", "kept", "long", "short", "window"], ["kept", "long"], 2]);
  });

  test("increment and append change in place and return the sum", async () => {
    const body = `
sums = [ds.increment("n"), ds.increment("n", 5), ds.increment("n", -0.5)]
ds.increment("big", 2**70)
ds.append("log", "a")
ds.append("log", "b", {"c": 1})
ds["empty"] = []
ds.append("empty", None)
return [sums, ds["log"], ds["empty"], ds["big"] == 2**70]`;
    assert.deepEqual(await value(body), [[1, 6, 5.5], ["a", "b", { c: 1 }], [null], true]);
    assert.match(await failure(`ds["x"] = "text"\nds.increment("x")`), /^ValueError: .*"x" is not a number/);
    assert.match(await failure(`ds["x"] = 1\nds.append("x", 1)`), /^ValueError: .*"x" is not a list/);
  });

  test("compare_and_set lets one of many threads win", async () => {
    const body = `
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(8) as pool:
    wins = list(pool.map(lambda n: ds.compare_and_set("lock", None, n), range(24)))
ds["dict"] = {"a": 1, "b": 2}
return [sum(wins), wins.index(True) == ds["lock"], ds.compare_and_set("dict", {"b": 2, "a": 1}, "new"), ds.compare_and_set("dict", "old", 1), ds["dict"]]`;
    assert.deepEqual(await value(body), [1, true, true, false, "new"]);
  });

  test("get_many and set_many carry many keys in few calls", async () => {
    const body = `
ds.set_many({f"k{n}": "x" * 5000 for n in range(450)})
found = ds.get_many([f"k{n}" for n in range(460)])
return [len(found), set(map(len, found.values())) == {5000}, ds.get_many(["none"]), ds.get_many([])]`;
    assert.deepEqual(await value(body), [450, true, {}, {}]);
  });

  test("a rerun of the step writes anew", async () => {
    const body = `
ds.increment("n")
ds.append("runs", pd.context["run"]["runs"])
if pd.context["run"]["runs"] < 3:
    pd.flow.rerun(10)
return [ds["n"], ds["runs"]]`;
    assert.deepEqual(await value(body), [3, [1, 2, 3]]);
  });

  test("a transaction is written whole, or not at all when what it read has changed", async () => {
    const body = `
ds.update(a=100, b=0, log=[])
with ds.transaction() as t:
    t["a"] = t["a"] - 30
    t["b"] = t["b"] + 30
    t.append("log", "a to b")
    t.increment("moves")
    del t["gone"]
    seen = [t["a"], "gone" in t, t.get("none", "no")]
try:
    with ds.transaction() as t:
        t["a"] = t["a"] - 30
        ds["a"] = 1000
        t["b"] = 999
    conflict = "none"
except ds.Conflict as error:
    conflict = error.reason
try:
    with ds.transaction() as t:
        t["a"] = -1
        raise ValueError("changed my mind")
except ValueError:
    pass
with ds.transaction() as t:
    t.expect("absent", None)
    t.set("absent", 1, ttl=60)
return [seen, conflict, dict(ds)]`;
    const all = { a: 1000, absent: 1, b: 30, log: ["a to b"], moves: 1 };
    assert.deepEqual(await value(body), [[70, false, "no"], "DATA_STORE_CONFLICT", all]);
  });

  test("transact tries again until nobody is in between: nothing is lost between threads", async () => {
    const body = `
from concurrent.futures import ThreadPoolExecutor
ds.update(a=1000, b=0)
def move(t):
    t["a"] = t["a"] - 1
    t["b"] = t["b"] + 1
    return t["b"]
with ThreadPoolExecutor(4) as pool:
    results = list(pool.map(lambda _: ds.transact(move, attempts=100), range(40)))
return [dict(ds), len(set(results))]`;
    assert.deepEqual(await value(body), [{ a: 960, b: 40 }, 40]);
  });

  test("neither a store nor its keys can be exported, and the error says so", async () => {
    assert.match(await failure(`pd.export("store", {"x": ds})`), /TypeError: store\.x: Store is not JSON serialisable/);
    assert.match(
      await failure(`return ds.keys()`),
      /TypeError: \$return_value: Keys is not JSON serialisable \(use list\(\)\)/,
    );
    assert.match(await failure(`ds["x"] = {"when": {1, 2}}`), /TypeError: store\['x'\]\.when: set is not JSON/);
  });

  test("bounds are told in words", async () => {
    assert.match(await failure(`ds["k" * 1025] = 1`), /ValueError: .*a key of a data store may have 1 KiB/);
    assert.match(await failure(`ds["ü" * 600] = 1`), /ValueError: .*a key of a data store may have 1 KiB/);
    assert.match(await failure(`ds[1] = 1`), /TypeError: a data store's keys are str, not int/);
    assert.match(await failure(`ds[""] = 1`), /ValueError: a data store's key must not be empty/);
    assert.match(
      await failure(`ds["k"] = "x" * (1 << 20)`),
      /ValueError: store\['k'\]: a value may have 1 MiB as JSON/,
    );
    assert.match(await failure(`ds.set("k", 1, ttl=0)`), /ValueError: ttl must be more than 0 seconds/);
    assert.match(await failure(`ds["k"] = float("nan")`), /ValueError: .*nan is not a JSON number/);
    const full = await failure(`for n in range(9):\n    ds[f"k{n}"] = "x" * 1000000`);
    assert.match(full, /PlatformError: the data store "stores-\d+" is full/);
    assert.deepEqual(await value(`ds["k" * 1024] = "x" * ((1 << 20) - 2)\nreturn [len(k) for k in ds]`), [1024]);
  });

  test("a child process and the time after a step are told what is wrong", async () => {
    const body = `
import multiprocessing
def child(queue):
    try:
        ds["x"]
    except RuntimeError as error:
        queue.put(str(error))
context = multiprocessing.get_context("fork")
queue = context.Queue()
process = context.Process(target=child, args=(queue,))
process.start()
return queue.get()`;
    assert.match(String(await value(body)), /only the step's own process can ask the platform/);
  });

  test("the command line shows, changes, exports and imports them", async () => {
    await value(`ds["big"] = 2**70\nds.set("later", [1], ttl=600)\nds["text"] = "a"`);
    const name = `stores-${count}`;
    assert.deepEqual(await house.cliJson(["store", "get", name, "text"]), {
      key: "text",
      value: "a",
      expireTime: null,
    });
    assert.equal((await house.cli(["store", "get", name, "big"])).stdout, "1180591620717411303424\n");
    await house.cliJson(["store", "set", name, "user:1", '{"a": 1.0}']);
    await house.cliJson(["store", "set", name, "user:2", "--text", "--ttl", "60"], { stdin: "plain\n" });
    const listed = await house.cliJson<{ key: string }[]>(["store", "list", name, "--prefix", "user:"]);
    assert.deepEqual(
      listed.map(({ key }) => key),
      ["user:1", "user:2"],
    );
    const stores = await house.cliJson<{ name: string; records: number }[]>(["store", "list"]);
    assert.equal(stores.find((store) => store.name === name)?.records, 5);
    const file = join(house.data, "export.jsonl");
    const exported = await house.cliJson<{ exported: number }>(["store", "export", name, file]);
    assert.equal(exported.exported, 5);
    assert.match(await readFile(file, "utf8"), /^{"key":"user:1","value":{"a": 1.0}}$/m);
    assert.equal((await house.cliJson<{ imported: number }>(["store", "import", `${name}-2`, file])).imported, 5);
    assert.equal((await house.cli(["store", "get", `${name}-2`, "big"])).stdout, "1180591620717411303424\n");
    const copied = await house.cliJson<{ expireTime: string | null }>(["store", "get", `${name}-2`, "later"]);
    assert.ok(copied.expireTime !== null && Date.parse(copied.expireTime) > Date.now() + 300_000);
    await house.cliJson(["store", "delete", name, "text"]);
    await house.cliJson(["store", "delete", name, "--all"]);
    const codes = await Promise.all(
      [
        ["delete", name, "--all"],
        ["set", name, "k", "no json"],
        ["import", name, join(house.data, "house.json")],
        ["import", name, join(house.data, "none.jsonl")],
      ].map(async (args) => (await house.cli(["store", ...args])).code),
    );
    assert.deepEqual(codes, [3, 2, 2, 2]);
  });
});

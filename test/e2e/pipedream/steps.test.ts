import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PlatformError } from "@millrace/core";

import { deploySteps, house, linesOf, runSteps, useHouse, valueOf } from "../../harness/shared-house.ts";

describe("steps written for Pipedream", () => {
  useHouse();

  test("the template of a new step", async () => {
    const source = `
def handler(pd: "pipedream"):
  # Reference data from previous steps
  print(pd.steps["trigger"]["context"]["id"])
  # Return data for use in future steps
  return {"foo": {"test": True}}
`;
    const run = await runSteps(source);
    assert.deepEqual(valueOf(run), { foo: { test: true } });
    assert.deepEqual(linesOf(run), [run.id]);
  });

  test("an export is read downstream by its name, and the return value as $return_value", async () => {
    const run = await runSteps({
      pokemon: "def handler(pd):\n    pd.export('name', 'bulbasaur')\n    return {'id': 1}\n",
      shout: `
def handler(pd):
    assert pd.steps["pokemon"] == {"name": "bulbasaur", "$return_value": {"id": 1}}
    return pd.steps["pokemon"]["name"].upper() + str(pd.steps["pokemon"]["$return_value"]["id"])
`,
    });
    assert.equal(valueOf(run), "BULBASAUR1");
  });

  test("an old script with its import in parentheses", async () => {
    const run = await runSteps(
      {
        first:
          "from pipedream.script_helpers import (steps, export)\nexport('n', steps['trigger']['event']['n'] + 1)\n",
        second: "from pipedream.script_helpers import (steps, export)\nexport('m', steps['first']['n'] * 10)\n",
      },
      { n: 1 },
    );
    assert.deepEqual(run.steps[1]?.exports, { m: 20 });
  });

  test("`import pipedream` in annotations, at run time and as text", async () => {
    const source = `
import pipedream
from pipedream import PlatformError
def handler(pd: pipedream.Pipedream, other: "pipedream" = None, third: pipedream = None) -> "pipedream.Pipedream":
    assert isinstance(pd, pipedream.Pipedream)
    return issubclass(PlatformError, Exception)
`;
    assert.equal(valueOf(await runSteps(source)), true);
  });

  test("pd.steps and all in it are plain dicts, with attributes beside that", async () => {
    const run = await runSteps(
      {
        create_task: "def handler(pd):\n    pd.export('task', {'id': 7, 'tags': ['a', {'b': None}]})\n",
        use: `
import copy, json, pickle
def handler(pd):
    steps = pd.steps
    assert isinstance(steps, dict) and isinstance(steps["create_task"], dict)
    assert "create_task" in steps and "missing" not in steps
    assert steps.get("missing", {}) == {} and steps.get("missing") is None
    assert list(steps) == ["trigger", "create_task"] == list(steps.keys()) and len(steps) == 2
    assert [name for name, _ in steps.items()][1] == "create_task"
    assert json.loads(json.dumps(steps))["create_task"]["task"]["id"] == 7
    assert copy.deepcopy(steps) == steps and copy.copy(steps) == steps
    assert pickle.loads(pickle.dumps(steps)) == steps
    assert {**steps["create_task"]} == {"task": {"id": 7, "tags": ["a", {"b": None}]}}
    assert steps["create_task"] | {"x": 1} == {"task": steps["create_task"]["task"], "x": 1}
    assert pd.steps.create_task.task["id"] == 7
    assert pd.steps.trigger.event.get("n") == 1 and pd.steps["trigger"]["event"].pop("n") == 1
    assert pd.inputs.get("google_calendar", {}) == {} and "google_calendar" not in pd.inputs
    try:
        pd.steps["missing"]
    except KeyError as error:
        return [str(error), error.__notes__[0]]
`,
      },
      { n: 1 },
    );
    assert.deepEqual(valueOf(run), [
      "'missing'",
      "Only steps that ran before this one are here: trigger, create_task.",
    ]);
  });

  test("an asynchronous handler", async () => {
    const source = `
import asyncio
async def handler(pd):
    async def double(n):
        await asyncio.sleep(0.001)
        return n * 2
    return await asyncio.gather(*[double(n) for n in range(3)])
`;
    assert.deepEqual(valueOf(await runSteps(source)), [0, 2, 4]);
  });

  const loggings: [string, string, string][] = [
    ["basicConfig", "logging.basicConfig(level=logging.INFO, format='%(levelname)s %(message)s')", "stderr"],
    [
      "a handler on sys.stdout",
      "logging.getLogger().addHandler(logging.StreamHandler(sys.stdout))\nlogging.getLogger().setLevel(logging.INFO)",
      "stdout",
    ],
    [
      "dictConfig",
      `logging.config.dictConfig({"version": 1, "handlers": {"out": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout"}}, "root": {"level": "INFO", "handlers": ["out"]}})`,
      "stdout",
    ],
  ];
  for (const [title, configure, stream] of loggings) {
    test(`logging set up by the step with ${title}, in warm runs too`, async () => {
      const source = `import logging, logging.config, sys\n${configure}\nlog = logging.getLogger("mine")\ndef handler(pd):\n    log.info("seen %d", 1)\n    log.debug("hidden")\n`;
      const { displayName } = await deploySteps(source);
      for (let n = 0; n < 2; n++) {
        const run = await house.run(displayName);
        const logs = run.steps[0]?.logs ?? [];
        assert.equal(logs.length, 1, JSON.stringify(logs));
        assert.match(logs[0]!.text, /seen 1$/);
        assert.equal(logs[0]!.stream, stream);
      }
    });
  }

  test("a background thread that the step waits for, and one that goes on behind it", async () => {
    const source = `
import threading, time
def handler(pd):
    found = []
    worker = threading.Thread(target=lambda: (print("in a thread"), found.append(1)))
    worker.start()
    worker.join()
    threading.Thread(target=time.sleep, args=(0.3,), daemon=True).start()
    return found
`;
    const run = await runSteps(source);
    assert.deepEqual(valueOf(run), [1]);
    assert.deepEqual(linesOf(run), ["in a thread"]);
  });

  const raises: [string, string, number][] = [
    ["in a handler", "def handler(pd):\n    print('before')\n    raise ValueError('broken')\n", 3],
    ["at module level", "print('before')\nraise ValueError('broken')\ndef handler(pd):\n    pass\n", 2],
  ];
  for (const [title, source, line] of raises) {
    test(`raise ${title} fails the run with the traceback in the log, and later steps do not run`, async () => {
      const run = await runSteps({ first: source, second: "print('never')" });
      assert.equal(run.state, "FAILED");
      assert.equal(run.failure?.type, "ValueError");
      assert.equal(run.failure?.message, "broken");
      assert.equal(run.failure?.line, line);
      assert.equal(run.steps[1]?.state, "SKIPPED");
      const logs = run.steps[0]?.logs ?? [];
      assert.equal(logs[0]?.text, "before");
      assert.equal(logs.at(-1)?.stream, "error");
      assert.match(logs.at(-1)!.text, /^Traceback.*\n.*line \d, in [\s\S]*ValueError: broken$/);
    });
  }

  test("a NameError for a forgotten import says so", async () => {
    const run = await runSteps("def handler(pd):\n    return json.dumps({})\n");
    assert.equal(run.failure?.type, "NameError");
    assert.match(run.failure?.message ?? "", /^name 'json' is not defined\. Did you forget to import 'json'\?$/);
    assert.match(linesOf(run).at(-1) ?? "", /Did you forget to import 'json'\?$/);
  });

  test("a file read with the wrong encoding is a UnicodeDecodeError at its line", async () => {
    const source = [
      "def handler(pd):",
      "    with open('/tmp/image.png', 'wb') as file:",
      "        file.write(b'\\x89PNG\\r\\n\\x1a\\n')",
      "    return open('/tmp/image.png').read()",
    ].join("\n");
    const run = await runSteps(source);
    assert.equal(run.failure?.type, "UnicodeDecodeError");
    assert.equal(run.failure?.line, 4);
  });

  test("a syntax error is refused at deploy, with file and line", async () => {
    const refused: unknown = await deploySteps({
      good: "def handler(pd):\n    return 1\n",
      bad: "def handler(pd):\n    x = (1,\n    return x\n",
    }).catch((thrown: unknown) => thrown);
    assert.ok(refused instanceof PlatformError, String(refused));
    assert.equal(refused.reason, "SOURCE_INVALID");
    assert.equal(refused.metadata["problems.0.file"], "step_1.py");
    assert.equal(refused.metadata["problems.0.line"], "2");
  });

  const mistakes: [string, string, RegExp][] = [
    [
      "a date deep in an export",
      "pd.export('pokemon', {'stats': [0, {'when': datetime.date(2026, 1, 1)}]})",
      /pokemon\.stats\[1\]\.when: date is not JSON serialisable \(use \.isoformat\(\)\)/,
    ],
    [
      "a Decimal",
      "pd.export('price', [decimal.Decimal('1.5')])",
      /price\[0\]: Decimal is not JSON serialisable \(use float\(\) or str\(\)\)/,
    ],
    ["a UUID", "pd.export('id', uuid.uuid4())", /id: UUID is not JSON serialisable \(use str\(\)\)/],
    ["a set", "pd.export('tags', {'a'})", /tags: set is not JSON serialisable \(use list\(\) or sorted\(\)\)/],
    ["bytes", "pd.export('data', b'x')", /data: bytes is not JSON serialisable \(use \.decode\(\) or base64\)/],
    ["NaN", "pd.export('n', [float('nan')])", /n\[0\]: nan is not a JSON number \(use None\)/],
    ["infinity", "pd.export('n', float('inf'))", /n: inf is not a JSON number/],
    ["a key that is no string", "pd.export('n', {(1, 2): 3})", /n: the key \(1, 2\) is a tuple; JSON keys are strings/],
    ["a value that contains itself", "a = []; a.append(a); pd.export('n', a)", /n\[0\]: contains itself/],
    [
      "a value nested too deeply",
      "a = []\n    for _ in range(5000): a = [a]\n    pd.export('n', a)",
      /nested too deeply to be JSON/,
    ],
    ["a data store", "pd.export('n', pd.inputs['data_store'])", /n: Store is not JSON serialisable/],
  ];
  for (const [title, code, message] of mistakes) {
    test(`an export that is not JSON fails at its line with the path: ${title}`, async () => {
      const source = `import datetime, decimal, uuid\ndef handler(pd):\n    ${code}\n    print('behind')\n`;
      const run = await runSteps(source);
      assert.match(run.failure?.message ?? "", message);
      assert.equal(run.failure?.line, source.slice(0, source.indexOf("pd.export")).split("\n").length);
      assert.doesNotMatch(linesOf(run).join(), /^behind/m);
    });
  }

  test("a return value that is not JSON fails at the handler, with the path", async () => {
    const run = await runSteps("import datetime\ndef handler(pd):\n    return {'at': datetime.datetime(2026, 1, 1)}\n");
    assert.match(
      run.failure?.message ?? "",
      /^\$return_value\.at: datetime is not JSON serialisable \(use \.isoformat/,
    );
  });
});

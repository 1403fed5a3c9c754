import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { deploySteps, house, linesOf, runSteps, useHouse, valueOf } from "../../harness/shared-house.ts";

/** Two steps: the second one must not run. */
const exiting = (source: string) => ({ first: source, second: "raise AssertionError('the run went on')" });

describe("pd.flow.exit", () => {
  useHouse();

  const cases: [string, string, string | null][] = [
    ["returned", "def handler(pd):\n    return pd.flow.exit('why')\n", "why"],
    ["bare, and nothing behind it runs", "def handler(pd):\n    pd.flow.exit('why')\n    print('behind')\n", "why"],
    [
      "inside of `try` and `except Exception`",
      "def handler(pd):\n    try:\n        pd.flow.exit('why')\n    except Exception:\n        print('behind')\n",
      "why",
    ],
    [
      "inside of a bare `except`",
      "def handler(pd):\n    try:\n        pd.flow.exit('why')\n    except:\n        pass\n",
      "why",
    ],
    ["without a reason", "def handler(pd):\n    pd.flow.exit()\n", null],
    ["with a reason by its name", "def handler(pd):\n    pd.flow.exit(reason='why')\n", "why"],
    [
      "followed by sys.exit()",
      "import sys\ndef handler(pd):\n    try:\n        pd.flow.exit('why')\n    finally:\n        sys.exit()\n",
      "why",
    ],
    [
      "in an asynchronous handler",
      "import asyncio\nasync def handler(pd):\n    await asyncio.sleep(0)\n    pd.flow.exit('why')\n    print('behind')\n",
      "why",
    ],
    [
      "in a task of an asynchronous handler",
      "import asyncio\nasync def leave(pd):\n    pd.flow.exit('why')\nasync def handler(pd):\n    await asyncio.gather(leave(pd))\n",
      "why",
    ],
    [
      "in a function that the handler calls",
      "def f(pd):\n    pd.flow.exit('why')\ndef handler(pd):\n    f(pd)\n",
      "why",
    ],
    ["in a script without a handler", "import pipedream\npipedream.flow.exit('why')\nprint('behind')\n", "why"],
  ];
  for (const [title, source, reason] of cases) {
    test(`ends the run: ${title}`, async () => {
      const run = await runSteps(exiting(source));
      assert.equal(run.state, "SUCCEEDED", JSON.stringify(run.failure));
      assert.equal(run.exitReason, reason);
      assert.deepEqual(
        run.steps.map(({ state }) => state),
        ["SUCCEEDED", "SKIPPED"],
      );
      assert.doesNotMatch(linesOf(run).join(), /behind/);
    });
  }

  test("keeps what the step has exported before", async () => {
    const run = await runSteps(exiting("def handler(pd):\n    pd.export('seen', [1])\n    pd.flow.exit('why')\n"));
    assert.deepEqual(run.steps[0]?.exports, { seen: [1] });
  });

  test("ends half of the runs", async () => {
    const steps = {
      half: "def handler(pd):\n    n = pd.steps.trigger.event['n']\n    if n % 2:\n        pd.flow.exit('odd')\n    return n\n",
      rest: "def handler(pd):\n    return pd.steps['half']['$return_value'] * 10\n",
    };
    const { displayName } = await deploySteps(steps);
    const runs = await Promise.all([0, 1, 2, 3, 4, 5, 6, 7].map((n) => house.run(displayName, { n })));
    for (const [n, run] of runs.entries()) {
      assert.equal(run.state, "SUCCEEDED");
      assert.equal(run.exitReason, n % 2 === 1 ? "odd" : null);
      if (n % 2 === 0) assert.equal(valueOf(run), n * 10);
    }
  });

  test("is an error in a thread of the step, which says what to do", async () => {
    const source = [
      "import threading",
      "errors = []",
      "def leave(pd):",
      "    try:",
      "        pd.flow.exit('why')",
      "    except RuntimeError as error:",
      "        errors.append(str(error))",
      "def handler(pd):",
      "    thread = threading.Thread(target=leave, args=(pd,))",
      "    thread.start()",
      "    thread.join()",
      "    return errors",
    ].join("\n");
    const [message] = valueOf(await runSteps(source)) as string[];
    assert.match(message!, /only the thread that runs the step can end the run/);
  });

  test("lets the client who waits for an answer know that there is none", async () => {
    const { url } = await deploySteps("def handler(pd):\n    pd.flow.exit('why')\n");
    const response = await fetch(url);
    assert.equal(response.status, 400);
    assert.match(await response.text(), /NO_RESPONSE/);
  });
});

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { PlatformError } from "../errors.ts";
import { encodeWorkflowDefinition } from "./encode-workflow-definition.ts";
import { parseWorkflowDefinition } from "./parse-workflow-definition.ts";
import { WORKFLOW_SETTINGS_DEFAULT } from "./workflow-definition.ts";
import { WORKFLOW_SCHEMA } from "./workflow-schema.ts";

const smallest = { name: "pokemon", steps: [{ name: "one", python: "one.py" }] };

function problemsOf(value: unknown): string[] {
  try {
    parseWorkflowDefinition(value);
    return [];
  } catch (error) {
    assert.ok(error instanceof PlatformError);
    assert.equal(error.reason, "INVALID_WORKFLOW");
    assert.equal(error.kind, "InvalidArgument");
    return error.message.split("; ");
  }
}

const withStep = (step: object) => ({ ...smallest, steps: [step] });
const withSettings = (settings: object) => ({ ...smallest, settings });
const withTrigger = (http: unknown) => ({ ...smallest, triggers: [{ http }] });

describe("parseWorkflowDefinition", () => {
  it("fills in the defaults of the smallest workflow", () => {
    assert.deepEqual(parseWorkflowDefinition(smallest), {
      name: "pokemon",
      steps: [{ name: "one", python: "one.py", inputs: [], timeoutMs: 0 }],
      triggers: [],
      settings: WORKFLOW_SETTINGS_DEFAULT,
      modules: [],
      requirements: [],
    });
  });

  it("takes one trigger, a list of them, and a bare one", () => {
    const http = { kind: "http", event: "request", respond: "immediate", response: undefined };
    assert.deepEqual(parseWorkflowDefinition({ ...smallest, trigger: { http: {} } }).triggers, [http]);
    assert.deepEqual(parseWorkflowDefinition(withTrigger(null)).triggers, [http]);
    assert.deepEqual(parseWorkflowDefinition(withTrigger({ event: "body", respond: "workflow" })).triggers, [
      { ...http, event: "body", respond: "workflow" },
    ]);
  });

  it("reads quantities in the units that people write", () => {
    const { settings } = parseWorkflowDefinition(
      withSettings({ stepTimeout: "1m30s", runTimeout: 90, memory: "512 MB", concurrency: 1, pool: "gpu" }),
    );
    assert.equal(settings.stepTimeoutMs, 90_000);
    assert.equal(settings.runTimeoutMs, 90_000);
    assert.equal(settings.memoryBytes, 512_000_000);
    assert.equal(settings.concurrency, 1);
    assert.equal(settings.pool, "gpu");
  });

  it("gives a step a time limit of its own, longer or shorter than the others'", () => {
    const steps = [
      { name: "quick", python: "a.py", timeout: 0.25 },
      { name: "usual", python: "a.py" },
      { name: "patient", python: "a.py", timeout: "5m" },
    ];
    const definition = parseWorkflowDefinition({ name: "w", steps, settings: { stepTimeout: "10s" } });
    assert.deepEqual(
      definition.steps.map(({ timeoutMs }) => timeoutMs),
      [250, 0, 300_000],
    );
  });

  it("sends a static body that is not text as JSON", () => {
    const [trigger] = parseWorkflowDefinition(
      withTrigger({ respond: "static", response: { status: 202, headers: { "x-a": 1 }, body: { ok: true } } }),
    ).triggers;
    assert.deepEqual(trigger?.response, {
      status: 202,
      headers: [
        { name: "x-a", value: "1" },
        { name: "content-type", value: "application/json" },
      ],
      body: '{"ok":true}',
    });
  });

  it("lists every problem with its path", () => {
    const problems = problemsOf({
      name: "",
      triggers: [{ http: { event: "both" } }, { cron: "* * * * *" }],
      steps: [{ name: "one" }, { name: "one", python: "../x.py" }],
      settings: { memory: 512, stepTimeout: "soon", colour: "red" },
    });
    assert.deepEqual(
      problems.map((line) => line.split(":")[0]),
      [
        "name",
        "triggers[0].http.event",
        "triggers[1].http",
        "triggers[1].cron",
        "steps[0].python",
        "steps[1].python",
        "steps[1].name",
        "settings.stepTimeout",
        "settings.memory",
        "settings.colour",
      ],
    );
    assert.ok(problems.includes("steps[0].python: missing"));
  });

  const refused: [string, unknown, string][] = [
    ["nothing", undefined, "missing"],
    ["a list", [], "expected an object, got a list"],
    ["no steps", { name: "x" }, "steps: missing"],
    ["an empty list of steps", { name: "x", steps: [] }, "steps: needs at least 1"],
    ["a step called trigger", withStep({ name: "trigger", python: "a.py" }), "steps[0].name"],
    ["an empty step name", withStep({ name: "", python: "a.py" }), "steps[0].name"],
    ["a step name with a line break", withStep({ name: "a\nb", python: "a.py" }), "steps[0].name"],
    ["a step name with a lone surrogate", withStep({ name: "a\ud800", python: "a.py" }), "steps[0].name"],
    ["a step name that is too long", withStep({ name: "a".repeat(65), python: "a.py" }), "steps[0].name"],
    ["an absolute file", withStep({ name: "a", python: "/etc/a.py" }), "steps[0].python"],
    ["a file above the folder", withStep({ name: "a", python: "x/../../a.py" }), "steps[0].python"],
    ["a file with NUL", withStep({ name: "a", python: "a\0.py" }), "steps[0].python"],
    ["a file with a backslash", withStep({ name: "a", python: "..\\a.py" }), "steps[0].python"],
    ["a hidden file", withStep({ name: "a", python: ".git/a.py" }), "steps[0].python"],
    ["a file of another kind", withStep({ name: "a", python: "a.sh" }), "steps[0].python"],
    ["a workflow name with a slash", { ...smallest, name: "a/b" }, "name"],
    ["a memory below its bound", withSettings({ memory: "1MB" }), "settings.memory"],
    ["a /tmp without its unit", withSettings({ tmp: 1000 }), "settings.tmp"],
    ["a /tmp below its bound", withSettings({ tmp: "1KB" }), "settings.tmp"],
    ["no processor at all", withSettings({ cpu: 0 }), "settings.cpu"],
    ["processors in words", withSettings({ cpu: "half" }), "settings.cpu"],
    ["fewer processes than an environment needs", withSettings({ processes: 3 }), "settings.processes"],
    ["runs kept for no day", withSettings({ historyDays: 0 }), "settings.historyDays"],
    ["more runs kept than that", withSettings({ historyRuns: 1_000_001 }), "settings.historyRuns"],
    ["more log than is kept", withSettings({ logs: "1GiB" }), "settings.logs"],
    ["a negative time-out", withSettings({ stepTimeout: -1 }), "settings.stepTimeout"],
    ["an infinite time-out", withSettings({ stepTimeout: Infinity }), "settings.stepTimeout"],
    ["a step's time-out in words", withStep({ name: "a", python: "a.py", timeout: "soon" }), "steps[0].timeout"],
    ["a step that never has time", withStep({ name: "a", python: "a.py", timeout: 0 }), "steps[0].timeout"],
    [
      "a step that may take longer than its run",
      { ...withStep({ name: "a", python: "a.py", timeout: "301s" }), settings: { stepTimeout: "1s" } },
      "steps[0].timeout: must be at most 5m, the time limit of the run (settings.runTimeout), got 301s",
    ],
    ["a broken number", withSettings({ concurrency: 1.5 }), "settings.concurrency"],
    ["both spellings of triggers", { ...smallest, trigger: { http: {} }, triggers: [] }, "trigger"],
    ["a response nobody sends", withTrigger({ response: { status: 200 } }), "triggers[0].http.response"],
    [
      "a header that smuggles",
      withTrigger({ respond: "static", response: { headers: { "x-a": "1\r\nset-cookie: a" } } }),
      "triggers[0].http.response.headers.x-a",
    ],
    [
      "an inherited key as a field",
      JSON.parse('{"name":"x","steps":[{"name":"a","python":"a.py"}],"__proto__":{}}'),
      "__proto__",
    ],
  ];
  for (const [title, value, expected] of refused) {
    it(`refuses ${title}`, () => {
      const problems = problemsOf(value);
      assert.ok(
        problems.some((line) => line.startsWith(expected)),
        `expected ${expected} among ${JSON.stringify(problems)}`,
      );
    });
  }

  it("answers a hostile name within its time and without control characters", () => {
    const [problem] = problemsOf({ ...smallest, name: `${"a ".repeat(200_000)}\u0007!` });
    assert.equal(problem, "name: longer than 64 characters");
    assert.doesNotMatch(problemsOf({ ...smallest, name: "\u001b[2J" })[0]!, /\p{C}/u);
  });
});

describe("encodeWorkflowDefinition", () => {
  it("is read back to the same definition", () => {
    const definition = parseWorkflowDefinition({
      name: "Über work.flow",
      triggers: [{ http: { respond: "static", response: { body: [1], headers: { "X-A": "b" } } } }, { http: null }],
      steps: [{ name: "größer als", python: "sub/a.py", timeout: "1m30s" }],
      settings: {
        stepTimeout: 0.25,
        runTimeout: "2h",
        memory: "33.333MiB",
        concurrency: 3,
        queueLimit: 7,
        tmp: "64MiB",
        cpu: 0.25,
        processes: 8,
        logs: "2MB",
      },
    });
    assert.deepEqual(parseWorkflowDefinition(JSON.parse(encodeWorkflowDefinition(definition))), definition);
  });
});

describe("what steps import", () => {
  const base = { name: "w", steps: [{ name: "a", python: "a.py" }] };

  it("is requirements and folders of modules, none by default", () => {
    const { requirements, modules } = parseWorkflowDefinition(base);
    assert.deepEqual([requirements, modules], [[], []]);
    const given = { ...base, requirements: [" pandas>=2 "], modules: ["../shared", "lib"] };
    const read = parseWorkflowDefinition(given);
    assert.deepEqual([read.requirements, read.modules], [["pandas>=2"], ["../shared", "lib"]]);
    assert.deepEqual(parseWorkflowDefinition(JSON.parse(encodeWorkflowDefinition(read))), read);
  });

  it("is refused with its place when it is neither", () => {
    const given = { ...base, requirements: ["pandas", "-r x"], modules: ["/etc", "a\0b"] };
    assert.throws(
      () => parseWorkflowDefinition(given),
      (error: PlatformError) => {
        assert.deepEqual(
          [0, 1, 2].map((index) => error.metadata[`problems.${index}.path`]),
          ["requirements[1]", "modules[0]", "modules[1]"],
        );
        return true;
      },
    );
  });
});

describe("WORKFLOW_SCHEMA", () => {
  it("is what docs/reference/workflow.schema.json offers to editors", () => {
    const file = new URL("../../../../docs/reference/workflow.schema.json", import.meta.url);
    const advice = "run `node packages/core/scripts/write-workflow-schema.ts`";
    assert.deepEqual(JSON.parse(readFileSync(file, "utf8")), JSON.parse(JSON.stringify(WORKFLOW_SCHEMA)), advice);
  });
});

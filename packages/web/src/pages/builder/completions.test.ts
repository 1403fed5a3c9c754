import assert from "node:assert/strict";
import { test } from "node:test";
import { suggest, type CodeContext } from "./completions.ts";

const context: CodeContext = {
  steps: {
    trigger: { event: { body: { name: "Ada", tags: ["a", "b"] }, "x y": 1 }, context: { id: "run" } },
    'od"d': { $return_value: null },
  },
  variables: ["API_URL", "TOKEN"],
  inputs: { slack: "account", data_store: "data store" },
};

const labels = (before: string) => suggest(before, context)?.options.map(({ label }) => label);
const applied = (before: string, label: string) => {
  const { replace, options } = suggest(before, context)!;
  const found = options.find((option) => option.label === label)!;
  return before.slice(0, before.length - replace) + found.apply;
};

test("members of pd are offered behind its dot", () => {
  assert.ok(labels("    pd.")?.includes("export"));
  assert.deepEqual(labels("pd.flow.de"), ["flow.delay"]);
  assert.equal(applied("x = pd.exp", "export"), "x = pd.export(");
  assert.equal(labels("rapid.fl"), undefined);
});

test("paths of pd.steps follow the data, in either way of writing", () => {
  assert.deepEqual(labels("pd.steps["), ["trigger", 'od"d']);
  assert.deepEqual(labels('pd.steps["trigger"]["event"]["'), ["body", "x y"]);
  assert.deepEqual(labels("pd.steps.trigger.event."), ["body"]);
  assert.deepEqual(labels("pd.steps['trigger'].event['body']['tags']["), ["0", "1"]);
  assert.equal(labels('pd.steps["trigger"]["nothing"]["'), undefined);
});

test("what is chosen is written whole, with its quotes escaped", () => {
  assert.equal(applied('pd.steps["tri', "trigger"), 'pd.steps["trigger"]');
  assert.equal(applied("pd.steps['", 'od"d'), "pd.steps['od\"d']");
  assert.equal(applied('pd.steps["', 'od"d'), 'pd.steps["od\\"d"]');
  assert.equal(applied("pd.steps.trigger.event.body.tags[", "1"), "pd.steps.trigger.event.body.tags[1]");
});

test("environment variables and inputs are offered by their names", () => {
  assert.equal(applied('os.environ["TO', "TOKEN"), 'os.environ["TOKEN"]');
  assert.equal(applied("os.getenv(", "API_URL"), 'os.getenv("API_URL")');
  assert.equal(applied("pd.inputs['s", "slack"), "pd.inputs['slack']");
});

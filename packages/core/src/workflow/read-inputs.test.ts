import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeWorkflowDefinition } from "./encode-workflow-definition.ts";
import { parseWorkflowDefinition } from "./parse-workflow-definition.ts";

const withInputs = (inputs: unknown) => ({ name: "w", steps: [{ name: "one", python: "one.py", inputs }] });

test("inputs are stores and accounts by name, in their order, and come back as they were written", () => {
  const definition = parseWorkflowDefinition(
    withInputs({ data_store: { store: "crm" }, slack: { account: "my-team" }, data_store_1: { store: "größe.2" } }),
  );
  assert.deepEqual(definition.steps[0]?.inputs, [
    { name: "data_store", kind: "store", target: "crm" },
    { name: "slack", kind: "account", target: "my-team" },
    { name: "data_store_1", kind: "store", target: "größe.2" },
  ]);
  assert.deepEqual(parseWorkflowDefinition(JSON.parse(encodeWorkflowDefinition(definition))), definition);
  assert.deepEqual(parseWorkflowDefinition(withInputs(undefined)).steps[0]?.inputs, []);
});

test("what is no input is refused with its place", () => {
  const bad: [unknown, RegExp][] = [
    ["slack", /steps\[0\].inputs: expected an object/],
    [{ "a-b": { account: "x" } }, /steps\[0\].inputs: "a-b" is not a name/],
    [{ slack: "my-team" }, /steps\[0\].inputs.slack: expected an object/],
    [{ slack: {} }, /steps\[0\].inputs.slack: expected one of store, account/],
    [{ slack: { account: "a", store: "b" } }, /steps\[0\].inputs.slack: expected one of store, account/],
    [{ slack: { account: "-a" } }, /steps\[0\].inputs.slack.account: expected a name/],
    [{ slack: { account: "a".repeat(65) } }, /steps\[0\].inputs.slack.account: longer than 64/],
    [{ slack: { account: 1 } }, /steps\[0\].inputs.slack.account: expected/],
    [{ slack: { token: "x" } }, /steps\[0\].inputs.slack.token: unknown/],
    [Object.fromEntries(Array.from({ length: 51 }, (_, n) => [`i${n}`, { store: "s" }])), /more than 50/],
  ];
  for (const [inputs, message] of bad) {
    const parse = () => parseWorkflowDefinition(withInputs(inputs));
    assert.throws(parse, { reason: "INVALID_WORKFLOW", message }, JSON.stringify(inputs));
  }
});

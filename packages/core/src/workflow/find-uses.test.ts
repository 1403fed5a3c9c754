import assert from "node:assert/strict";
import { test } from "node:test";
import { findInputUses, findVariableUses } from "./find-uses.ts";
import { parseWorkflowDefinition } from "./parse-workflow-definition.ts";

const { steps } = parseWorkflowDefinition({
  name: "w",
  steps: [
    { name: "one", python: "one.py", inputs: { data_store: { store: "crm" }, slack: { account: "team" } } },
    { name: "two", python: "shared.py" },
    { name: "three", python: "shared.py", inputs: { data_store: { store: "crm" } } },
  ],
});

test("inputs of steps are uses of stores and accounts", () => {
  assert.deepEqual(findInputUses(steps), [
    { kind: "store", name: "crm", step: "one", file: "one.py", line: 0 },
    { kind: "account", name: "team", step: "one", file: "one.py", line: 0 },
    { kind: "store", name: "crm", step: "three", file: "shared.py", line: 0 },
  ]);
});

test("a variable is used by each step of the file that reads it, or by a module of nobody's", () => {
  const reads = [
    { name: "KEY", fileName: "shared.py", line: 3 },
    { name: "KEY", fileName: "lib/http.py", line: 7 },
  ];
  assert.deepEqual(findVariableUses(steps, reads), [
    { kind: "variable", name: "KEY", step: "two", file: "shared.py", line: 3 },
    { kind: "variable", name: "KEY", step: "three", file: "shared.py", line: 3 },
    { kind: "variable", name: "KEY", step: "", file: "lib/http.py", line: 7 },
  ]);
});

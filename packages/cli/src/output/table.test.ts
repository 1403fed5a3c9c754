import assert from "node:assert/strict";
import { test } from "node:test";

import { displayWidth, table } from "./table.ts";

test("columns are aligned and lines have no blanks at their ends", () => {
  assert.equal(
    table(
      ["A", "LONGER"],
      [
        ["value", "x"],
        ["y", ""],
      ],
    ),
    "A      LONGER\nvalue  x\ny",
  );
});

test("styles go around the text and not into the width", () => {
  const cell = { text: "on", style: (text: string) => `<${text}>` };
  assert.equal(table(["STATE", "B"], [[cell, "x"]]), "STATE  B\n<on>     x");
});

test("wide characters count twice, marks not at all", () => {
  assert.equal(displayWidth("日本"), 4);
  assert.equal(displayWidth("e\u0301"), 1);
});

test("control characters in a cell cannot break the layout", () => {
  assert.equal(table(["A"], [["x\ny\u001b[2J"]]), "A\nx\\ny\\x1b[2J");
});

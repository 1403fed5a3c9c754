import assert from "node:assert/strict";
import { test } from "node:test";
import { withPackage } from "./package-comment.ts";

test("a package is asked for above the code", () => {
  assert.equal(withPackage("import x\n", "x", "py-x==1.0"), "# millrace add-package py-x==1.0\nimport x\n");
});

test("what was asked for before is replaced, however it is written", () => {
  const code = "# pipedream add-package Py_X\n# millrace add-package other\nimport x\n";
  assert.equal(
    withPackage(code, "py-x", "py-x>=2"),
    "# millrace add-package py-x>=2\n# millrace add-package other\nimport x\n",
  );
});

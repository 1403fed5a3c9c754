import assert from "node:assert/strict";
import { test } from "node:test";

import { assertLock } from "./assert-lock.ts";

const HASH = `    --hash=sha256:${"0".repeat(64)}`;

test("a lock is pinned packages with their hashes", () => {
  assertLock("");
  assertLock(`a==1.0 \\\n${HASH} \\\n${HASH}\nb[x]==2!1.0+local \\\n${HASH}\n`);
  assertLock(`c @ https://example.com/c-1-py3-none-any.whl \\\n${HASH}\n`);
  assertLock(`d==1 ; python_version < '4' \\\n${HASH}\n`);
});

test("nothing else is taken for one", () => {
  const bad = [
    "a==1.0\n",
    `a>=1.0 \\\n${HASH}\n`,
    `--index-url http://elsewhere\na==1 \\\n${HASH}\n`,
    `a==1 \\\n    --hash=md5:00\n`,
    `a==1 \\\n${HASH} \\\n`,
    `-r other \\\n${HASH}\n`,
    `a @ file:///etc \\\n${HASH}\n`,
    `a==1 \\\n${HASH} \\\n--extra-index-url x\n`,
    // For uv a line ends there, too.
    `a==1 ; x\r--index-url=http://elsewhere \\\n${HASH}\n`,
    HASH,
  ];
  for (const lock of bad) assert.throws(() => assertLock(lock), { reason: "PACKAGES_BUILD_FAILED" }, lock);
});

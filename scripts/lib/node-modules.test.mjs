import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isUpToDate } from "./node-modules.mjs";

function checkoutWith(wanted, installed, test) {
  const folder = mkdtempSync(join(tmpdir(), "millrace-modules-"));
  test.after(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, "node_modules/a"), { recursive: true });
  writeFileSync(join(folder, "package-lock.json"), JSON.stringify({ packages: wanted }));
  writeFileSync(join(folder, "node_modules/.package-lock.json"), JSON.stringify({ packages: installed }));
  return folder;
}

const a = { version: "1.0.0", integrity: "sha512-a" };

test("what the lock file names is there", (t) => {
  assert.equal(isUpToDate(checkoutWith({ "": {}, "node_modules/a": a }, { "node_modules/a": a }, t), true), true);
});

test("another version, another content or nothing at all is not what the lock file names", (t) => {
  const wanted = { "node_modules/a": a };
  assert.equal(isUpToDate(checkoutWith(wanted, { "node_modules/a": { ...a, version: "1.0.1" } }, t), true), false);
  assert.equal(isUpToDate(checkoutWith(wanted, { "node_modules/a": { ...a, integrity: "sha512-b" } }, t), true), false);
  assert.equal(isUpToDate(checkoutWith(wanted, {}, t), true), false);
});

test("a listed package whose folder is gone is missing", (t) => {
  const b = { "node_modules/b": a };
  assert.equal(isUpToDate(checkoutWith(b, b, t), true), false);
});

test("what only development needs may be missing where nobody develops", (t) => {
  const folder = checkoutWith({ "node_modules/b": { ...a, dev: true } }, {}, t);
  assert.equal(isUpToDate(folder, false), true);
  assert.equal(isUpToDate(folder, true), false);
});

test("an optional package for another platform may be missing, one for this platform may not", (t) => {
  const optional = (os) => ({ "node_modules/b": { ...a, optional: true, os: [os] } });
  assert.equal(isUpToDate(checkoutWith(optional("win32"), {}, t), true), true);
  assert.equal(isUpToDate(checkoutWith(optional(process.platform), {}, t), true), false);
});

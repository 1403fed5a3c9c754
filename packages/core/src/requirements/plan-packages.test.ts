import assert from "node:assert/strict";
import { test } from "node:test";

import { findPackage } from "./find-package.ts";
import { lockedPackages, packageChanges } from "./lock.ts";
import { planPackages, type AskedRequirement, type SourceImport } from "./plan-packages.ts";
import { parseRequirement } from "./requirement.ts";

function imported(dotted: string, name = "", optional = false): SourceImport {
  return { module: dotted, name, fileName: "a.py", line: 3, optional };
}

function asked(text: string): AskedRequirement {
  return { text, fileName: "a.py", line: 1, path: "" };
}

function plan(imports: SourceImport[], requirements: string[] = [], urlsAllowed = false) {
  return planPackages({ imports, asked: requirements.map(asked), urlsAllowed });
}

function wanted(imports: SourceImport[], requirements: string[] = []): string[] {
  return plan(imports, requirements).requirements.map(({ requirement }) => requirement);
}

test("Millrace's own table wins over pipreqs' data, and the longest row counts", () => {
  const rows = [
    ["cv2", "opencv-python-headless"],
    ["yaml.loader", "PyYAML"],
    ["google.cloud.storage.Client", "google-cloud-storage"],
    ["google.oauth2.service_account", "google-auth"],
    ["google.protobuf", "protobuf"],
    ["azure.storage.blob", "azure-storage-blob"],
    ["docx", "python-docx"],
    ["slack", "slack-sdk"],
    ["zmq", "pyzmq"],
  ] as const;
  for (const [dotted, requirement] of rows) {
    assert.deepEqual([findPackage(dotted).requirement, findPackage(dotted).guessed], [requirement, false], dotted);
  }
});

test("pipreqs' data and then the name itself decide what the table does not know", () => {
  assert.deepEqual(findPackage("AFQ.api"), { requirement: "pyAFQ", importName: "AFQ", guessed: false });
  const unknown = { requirement: "some-thing", importName: "some_thing", guessed: true };
  assert.deepEqual(findPackage("some_thing.deep"), unknown);
  const further = { requirement: "azure-mgmt-web", importName: "azure.mgmt.web", guessed: true };
  assert.deepEqual(findPackage("azure.mgmt.web.models"), further);
});

test("what a person asks for replaces the guess for the import that it provides", () => {
  assert.deepEqual(wanted([imported("telegram")], ["python-telegram-bot==20.7"]), ["python-telegram-bot==20.7"]);
  assert.deepEqual(wanted([imported("bs4"), imported("bs4.element")], ["beautifulsoup4<5"]), ["beautifulsoup4<5"]);
  assert.deepEqual(wanted([imported("requests")], ["Requests[socks] >= 2"]), ["Requests[socks] >= 2"]);
});

test("a package about which nothing is known is looked into before guesses are given up", () => {
  const { requirements } = plan([imported("august")], ["py-august"]);
  assert.deepEqual(
    requirements.map(({ requirement, examine, guessed }) => ({ requirement, examine, guessed })),
    [
      { requirement: "august", examine: false, guessed: true },
      { requirement: "py-august", examine: true, guessed: false },
    ],
  );
});

test("an import is optional when it is so everywhere", () => {
  const [both] = plan([imported("ujson", "", true), imported("ujson", "loads")]).requirements;
  const [one] = plan([imported("ujson", "", true), imported("ujson", "loads", true)]).requirements;
  assert.deepEqual([both!.optional, one!.optional], [false, true]);
});

test("the platform's own modules ask for nothing", () => {
  assert.deepEqual(wanted([imported("pipedream.script_helpers", "steps")]), []);
});

test("the order of imports changes nothing", () => {
  const imports = [imported("requests"), imported("bs4"), imported("yaml")];
  assert.deepEqual(wanted(imports), wanted([...imports].reverse()));
});

test("only requirements of PEP 508 are let through", () => {
  const good = ["pandas", "pandas==2.0.0", "a.b_c[d, e]>=1,<2 ; python_version < '3.12'", "x ~= 1.0", "x (>=1)"];
  for (const text of good) assert.equal(parseRequirement(text)?.text, text);
  const bad = [
    "",
    "-r other.txt",
    "--index-url=x y",
    "./folder",
    "../x",
    "git+https://x/y",
    "x @ http://y",
    "x --hash=1",
  ];
  bad.push("x\ny", "x; $HOME", "x==1 \\", "x # y", "x==${HOME}", "x @ file:///etc/passwd", `x==${"1".repeat(500)}`);
  for (const text of bad) assert.equal(parseRequirement(text), undefined, text);
});

test("addresses are let through where the house allows them", () => {
  const address = "thing @ https://example.com/thing-1.0-py3-none-any.whl";
  assert.equal(plan([], [address]).problems.length, 1);
  assert.equal(plan([], [address], true).requirements[0]?.requirement, address);
});

test("a lock tells its packages, and two locks what differs", () => {
  const one = "requests==2.31.0 \\\n    --hash=sha256:00\nUrl_Lib3==1.0 \\\n    --hash=sha256:11\n";
  const two = "requests==2.32.0 \\\n    --hash=sha256:22\nnew[extra]==1 \\\n    --hash=sha256:33\n";
  assert.deepEqual(lockedPackages(one), [
    { name: "requests", version: "2.31.0" },
    { name: "url-lib3", version: "1.0" },
  ]);
  assert.deepEqual(packageChanges(one, two), [
    { name: "new", oldVersion: "", newVersion: "1" },
    { name: "requests", oldVersion: "2.31.0", newVersion: "2.32.0" },
    { name: "url-lib3", oldVersion: "1.0", newVersion: "" },
  ]);
});

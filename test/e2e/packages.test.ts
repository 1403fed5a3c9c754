import assert from "node:assert/strict";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { PlatformError } from "@millrace/core";
import { workflowApi } from "@millrace/protocol";
import { scratchFolder } from "@millrace/testkit";
import { watchDeploy } from "../harness/package-deploys.ts";
import { PackageIndex } from "../harness/package-index.ts";
import { linesOf, valueOf } from "../harness/shared-house.ts";
import { TestHouse, writeFolder } from "../harness/test-house.ts";
import { until } from "../harness/until.ts";

let index: PackageIndex;
let house: TestHouse;
before(async () => {
  index = await PackageIndex.start();
  publish("beta", "1.5", "VALUE = 41");
  house = await TestHouse.start({ environment: { MILLRACE_PACKAGE_INDEX_URL: index.url } });
});
after(async () => {
  await house?.stop();
  index?.stop();
});

function publish(name: string, version: string, source: string, requires: string[] = []): void {
  index.add({ name, version, files: { [`${name.replaceAll("-", "_")}.py`]: source }, requires });
}

async function deployFails(name: string, source: string): Promise<PlatformError> {
  const deploying = watchDeploy(house, { name, steps: { first: "x = 1", second: source } });
  const error: unknown = await deploying.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof PlatformError, "the deploy fails");
  return error;
}

async function installations(): Promise<number> {
  const log = await readFile(join(house.data, "logs/runner.log"), "utf8");
  return log.split("\n").filter((line) => line.includes("packages.installed")).length;
}

test("imports bring their packages, with what these need, and the deploy tells how it goes", async () => {
  publish("alpha-one", "1.0", "import beta\nVALUE = beta.VALUE + 1", ["beta>=1"]);
  const source = "import alpha_one\ndef handler(pd):\n    return alpha_one.VALUE";
  const { workflow, changes, notes, progress } = await watchDeploy(house, { name: "alpha", steps: { a: source } });
  assert.deepEqual(
    notes.map(({ reason, file, line }) => ({ reason, file, line })),
    [{ reason: "PACKAGE_GUESSED", file: "a.py", line: 1 }],
  );
  assert.deepEqual(workflow.packages, [
    { name: "alpha-one", version: "1.0" },
    { name: "beta", version: "1.5" },
  ]);
  assert.deepEqual(
    changes.map(({ name }) => name),
    ["alpha-one", "beta"],
  );
  const stages = progress.map(({ stage }) => stage);
  const { DeployStage } = workflowApi;
  assert.deepEqual(stages.slice(0, 2), [DeployStage.CHECKING, DeployStage.RESOLVING]);
  assert.equal(stages.at(-1), DeployStage.DONE);
  assert.equal(valueOf(await house.run("alpha")), 42);
});

test("the lock stays until it no longer fits or somebody wants newer versions", async () => {
  publish("gamma", "1.0", "VERSION = 1");
  const steps = { a: "import gamma\ndef handler(pd):\n    return gamma.VERSION" };
  await watchDeploy(house, { name: "gamma", steps });
  publish("gamma", "2.0", "VERSION = 2");
  assert.deepEqual((await watchDeploy(house, { name: "gamma", steps })).changes, []);
  const more = { ...steps, b: "import beta" };
  const names = (await watchDeploy(house, { name: "gamma", steps: more })).changes.map(({ name }) => name);
  assert.deepEqual(names, ["beta"], "what was locked stays when something else comes");
  assert.equal(valueOf(await house.run("gamma")), null);
  const { changes } = await watchDeploy(house, { name: "gamma", steps }, { upgrade: true });
  assert.deepEqual(
    changes.map(({ name, oldVersion, newVersion }) => `${name} ${oldVersion}>${newVersion}`),
    ["beta 1.5>", "gamma 1.0>2.0"],
  );
  assert.equal(valueOf(await house.run("gamma")), 2);
});

test("what the index has answered stands for other workflows until somebody asks it anew", async () => {
  const steps = { a: "import theta" };
  const versionFor = async (name: string, upgrade = false) => {
    const { workflow } = await watchDeploy(house, { name, steps }, { upgrade });
    return workflow.packages.map(({ version }) => version);
  };
  publish("theta", "1.0", "");
  assert.deepEqual(await versionFor("theta-1"), ["1.0"]);
  publish("theta", "2.0", "");
  assert.deepEqual(await versionFor("theta-2"), ["1.0"]);
  assert.deepEqual(await versionFor("theta-2", true), ["2.0"]);
  assert.deepEqual(await versionFor("theta-3"), ["2.0"]);
});

test("add-package replaces the guess for the import that it provides", async () => {
  publish("august", "1.0", "raise RuntimeError('the wrong one')");
  index.add({ name: "py-august", version: "3.0", files: { "august/__init__.py": "NAME = 'the right one'" } });
  const source = "# pipedream add-package py-august==3.0\nimport august\ndef handler(pd):\n    return august.NAME";
  const { workflow } = await watchDeploy(house, { name: "august", steps: { a: source } });
  assert.deepEqual(workflow.packages, [{ name: "py-august", version: "3.0" }]);
  assert.equal(valueOf(await house.run("august")), "the right one");
});

test("requirements of the definition count for every step", async () => {
  publish("delta", "1.0", "VERSION = 1");
  publish("delta", "2.0", "VERSION = 2");
  const source = "import delta\ndef handler(pd):\n    return delta.VERSION";
  const definition = { requirements: ["delta<2"] } as object;
  await watchDeploy(house, { name: "delta", ...definition, steps: { a: source } });
  assert.equal(valueOf(await house.run("delta")), 1);
});

test("what the code can do without is left out with a note", async () => {
  const source = `
try:
    import not_in_the_index
except ImportError:
    not_in_the_index = None
import beta
def handler(pd):
    return not_in_the_index is None
`;
  const { notes } = await watchDeploy(house, { name: "optional", steps: { a: source } });
  assert.ok(notes.some(({ reason, line }) => reason === "IMPORT_UNRESOLVED" && line === 3));
  assert.equal(valueOf(await house.run("optional")), true);
});

test("a package that cannot be had fails the deploy with import, package and step, and changes nothing", async () => {
  const error = await deployFails("missing", "import json\nimport not_to_be_had");
  assert.equal(error.reason, "PACKAGES_UNRESOLVABLE");
  assert.equal(error.metadata["problems.0.file"], "second.py");
  assert.equal(error.metadata["problems.0.line"], "2");
  for (const part of ['"not-to-be-had"', '"import not_to_be_had"', 'step "second"'])
    assert.ok(error.message.includes(part), part);
  await assert.rejects(house.client.workflows.getWorkflow({ name: "workflows/missing" }), {
    reason: "WORKFLOW_NOT_FOUND",
  });
  const conflict = await deployFails(
    "conflict",
    "# pipedream add-package beta==1.5\n# pipedream add-package beta==9\nimport beta",
  );
  assert.equal(conflict.reason, "PACKAGES_UNRESOLVABLE");
});

test("only requirements are taken from comments", async () => {
  for (const text of ["--index-url=http://elsewhere beta", "beta @ http://elsewhere/beta.whl", "-r /etc/passwd", ""]) {
    const error = await deployFails("options", `# pipedream add-package ${text}\nx = 1`);
    assert.equal(error.reason, "INVALID_REQUIREMENT", text);
    assert.equal(error.metadata["problems.0.line"], "1");
  }
});

test("modules beside the steps and of shared folders go along", async () => {
  const folder = await writeFolder(join(scratchFolder(), "flows"), {
    "one/workflow.yaml": "name: beside\nmodules: [../shared]\nsteps:\n  - {name: a, python: steps/a.py}\n",
    "one/steps/a.py": "import helper, common.text\ndef handler(pd):\n    return common.text.loud(helper.WORD)",
    "one/steps/helper.py": "import beta\nWORD = f'word {beta.VALUE}'",
    "one/test_helper.py": "import not_in_the_index",
    "shared/common/text.py": "def loud(text):\n    return text.upper()",
  });
  const document = await house.cliJson<{ packages: { name: string }[]; packageChanges: object[] }>([
    "deploy",
    join(folder, "one"),
  ]);
  assert.deepEqual(
    document.packages.map(({ name }) => name),
    ["beta"],
  );
  assert.equal(valueOf(await house.run("beside")), "WORD 41");
});

test("packages hide nothing of Python's or the platform's, and no .pth file runs", async () => {
  index.add({
    name: "shadow",
    version: "1.0",
    files: {
      "shadow.py": "HERE = True",
      "json.py": "raise RuntimeError('json of a package')",
      "threading.py": "raise RuntimeError('threading of a package')",
      "pipedream/__init__.py": "raise RuntimeError('pipedream of a package')",
      "millrace_runtime/__init__.py": "raise RuntimeError('runtime of a package')",
      "shadow.pth": "import os; open('/tmp/pth-ran', 'w').close()\n",
      "sitecustomize.py": "open('/tmp/sitecustomize-ran', 'w').close()\n",
    },
  });
  const source = `
import json, os, shadow, threading, pipedream
def handler(pd):
    return [shadow.HERE, [name for name in os.listdir("/tmp") if name.endswith("-ran")]]
`;
  await watchDeploy(house, { name: "shadow", steps: { a: source } });
  assert.deepEqual(valueOf(await house.run("shadow")), [true, []]);
});

test("a build script finds nothing of the house and cannot touch what others get", async () => {
  const backend = `
import base64, hashlib, os, pathlib, zipfile
def _try(work):
    try:
        return str(work())[:80]
    except BaseException as error:
        return type(error).__name__
def build_wheel(folder, config_settings=None, metadata_directory=None):
    found = {
        "uid": os.getuid(),
        "secret": _try(lambda: open(os.environ.get("MILLRACE_DATA_DIR", ${JSON.stringify("/nowhere")}) + "/api-key").read()),
        "key": _try(lambda: open(${JSON.stringify(house.data)} + "/api-key").read()),
        "shadow": _try(lambda: open("/etc/shadow").read()),
        "write": _try(lambda: open("/usr/written", "w")),
        "tokens": sorted(name for name in os.environ if "TOKEN" in name or "PASSWORD" in name or "NATS" in name),
        "pids": len([name for name in os.listdir("/proc") if name.isdigit()]),
    }
    for name in pathlib.Path("/millrace/work/cache").rglob("beta.py"):
        name.write_text("VALUE = 'poisoned'")
    stem = "builder-1.0"
    files = {"builder.py": "FOUND = " + repr(found), f"{stem}.dist-info/METADATA": "Metadata-Version: 2.1\\nName: builder\\nVersion: 1.0\\n",
             f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"}
    record = "".join(f"{path},,\\n" for path in files) + f"{stem}.dist-info/RECORD,,\\n"
    with zipfile.ZipFile(os.path.join(folder, f"{stem}-py3-none-any.whl"), "w") as archive:
        for path, text in {**files, f"{stem}.dist-info/RECORD": record}.items():
            archive.writestr(path, text)
    return f"{stem}-py3-none-any.whl"
`;
  const project =
    '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n[project]\nname = "builder"\nversion = "1.0"\n';
  index.add({
    name: "builder",
    version: "1.0",
    source: true,
    files: { "backend.py": backend, "pyproject.toml": project },
  });
  const source = "import builder\ndef handler(pd):\n    return builder.FOUND";
  await watchDeploy(house, { name: "builder", steps: { a: source } });
  const found = valueOf(await house.run("builder")) as Record<string, unknown>;
  assert.notEqual(found["uid"], 0);
  for (const name of ["secret", "key", "shadow", "write"]) assert.match(String(found[name]), /Error$/u, name);
  assert.deepEqual(found["tokens"], []);
  assert.ok((found["pids"] as number) < 10);
  assert.equal(valueOf(await house.run("alpha")), 42, "another workflow's set is as it was");
});

test("what runs while packages are resolved cannot change a set that is named after others", async () => {
  const [sha256] = index.add({ name: "eta", version: "1.0", files: { "eta.py": "VALUE = 'genuine'" } });
  // Says in place of the build what was resolved, and stays to change what is installed.
  const backend = `
import json, os, sys, time
def build_wheel(folder, config_settings=None, metadata_directory=None):
    if os.fork() == 0:
        os.setsid()
        end = time.time() + 20
        while time.time() < end:
            for root, _, names in os.walk("/millrace/work"):
                if "eta.py" in names:
                    try:
                        open(os.path.join(root, "eta.py"), "w").write("VALUE = 'poisoned'")
                    except OSError:
                        pass
        os._exit(0)
    lock = "eta==1.0 \\\\\\n    --hash=sha256:${sha256}\\n"
    for pid in os.listdir("/proc"):
        try:
            with open(f"/proc/{pid}/fd/1001", "wb", buffering=0) as control:
                control.write(json.dumps({"result": {"lock": lock, "dropped": []}}).encode() + b"\\n")
        except OSError:
            pass
    time.sleep(3)
    raise SystemExit("enough")
prepare_metadata_for_build_wheel = build_wheel
`;
  const project =
    '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n[project]\nname = "liar"\ndynamic = ["version"]\n';
  index.add({
    name: "liar",
    version: "1.0",
    source: true,
    files: { "backend.py": backend, "pyproject.toml": project },
  });
  const lying = "try:\n    import liar\nexcept ImportError: pass\nimport eta\ndef handler(pd):\n    return eta.VALUE";
  await watchDeploy(house, { name: "liar", steps: { a: lying } });
  await watchDeploy(house, { name: "eta", steps: { a: "import eta\ndef handler(pd):\n    return eta.VALUE" } });
  assert.equal(valueOf(await house.run("eta")), "genuine");
});

test("user code sees no other set than its own", async () => {
  const source = `
import os, beta
def handler(pd):
    folder = os.path.dirname(beta.__file__)
    try:
        names = os.listdir(os.path.dirname(folder))
    except OSError as error:
        names = type(error).__name__
    try:
        open(os.path.join(folder, "beta.py"), "a")
        writable = True
    except OSError:
        writable = False
    return [names, writable]
`;
  await watchDeploy(house, { name: "curious", steps: { a: source } });
  assert.deepEqual(valueOf(await house.run("curious")), ["PermissionError", false]);
});

test("deploys of the same packages at the same time build them once", async () => {
  publish("epsilon", "1.0", "VALUE = 1");
  const before = await installations();
  const steps = { a: "import epsilon\ndef handler(pd):\n    return epsilon.VALUE" };
  await Promise.all([1, 2, 3].map((number) => watchDeploy(house, { name: `epsilon-${number}`, steps })));
  assert.equal((await installations()) - before, 1);
  assert.equal(valueOf(await house.run("epsilon-3")), 1);
});

test("a runner that lacks the packages installs them while the run waits", async () => {
  await killRunner(async () => {
    await rm(join(house.data, "runner/packages"), { recursive: true, force: true });
  });
  assert.equal(valueOf(await house.run("alpha")), 42);
});

test("a runner that dies in the middle of a build leaves nothing half done", async () => {
  publish("zeta", "1.0", "VALUE = 7");
  const held = index.hold();
  const deploying = watchDeploy(house, {
    name: "zeta",
    steps: { a: "import zeta\ndef handler(pd):\n    return zeta.VALUE" },
  });
  deploying.catch(() => {});
  await held;
  await killRunner(() => index.release());
  await deploying;
  const run = await house.run("zeta");
  assert.equal(valueOf(run), 7, linesOf(run).join("\n"));
});

/** Kills the runner, does something while it is dead, and waits for the next one. */
async function killRunner(whileDead: () => void | Promise<void>): Promise<void> {
  const before = (await house.processes()).find(({ role }) => role === "runner")!.pid!;
  process.kill(before, "SIGKILL");
  await whileDead();
  await until(async () => {
    const runner = (await house.processes()).find(({ role }) => role === "runner");
    return runner?.ready === true && runner.pid !== before;
  }, 60_000);
}

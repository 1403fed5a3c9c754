import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, beforeEach, describe, test } from "node:test";

import { readWorkflowFolder } from "./workflow-folder.ts";

const definition = "name: w\nsteps:\n  - name: a\n    python: steps/a.py\nsettings:\n  memory: 1GiB\n";

describe("reading a workflow's folder", () => {
  let folder: string;
  const made: string[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "millrace-folder-"));
    made.push(folder);
    await mkdir(join(folder, "steps"));
    await writeFile(join(folder, "workflow.yaml"), definition);
    await writeFile(join(folder, "steps/a.py"), "print('a')\n");
  });
  after(() => Promise.all(made.map((path) => rm(path, { recursive: true, force: true }))));

  test("sends the definition as JSON and the files that it names, nothing else", async () => {
    await writeFile(join(folder, "secret.txt"), "stays here");
    const read = await readWorkflowFolder(folder);
    assert.deepEqual(JSON.parse(read.definitionJson), {
      name: "w",
      steps: [{ name: "a", python: "steps/a.py" }],
      settings: { memory: "1GiB" },
    });
    assert.deepEqual(read.sources, { "steps/a.py": "print('a')\n" });
  });

  test("knows the line of each place in the definition", async () => {
    const { lineOf } = await readWorkflowFolder(folder);
    assert.equal(lineOf("steps[0].python"), 4);
    assert.equal(lineOf("settings.memory"), 6);
    assert.equal(lineOf("steps[0].absent"), 3);
    assert.equal(lineOf("absent"), undefined);
  });

  test("takes the path of workflow.yaml as well", async () => {
    assert.equal((await readWorkflowFolder(join(folder, "workflow.yaml"))).folder, folder);
  });

  test("refuses links that lead out of the folder, follows those within", async () => {
    await symlink("a.py", join(folder, "steps/b.py"));
    await writeFile(join(folder, "workflow.yaml"), "name: w\nsteps: [{name: a, python: steps/b.py}]\n");
    assert.deepEqual((await readWorkflowFolder(folder)).sources, { "steps/b.py": "print('a')\n" });
    await symlink("/etc/passwd", join(folder, "steps/c.py"));
    await writeFile(join(folder, "workflow.yaml"), "name: w\nsteps: [{name: a, python: steps/c.py}]\n");
    await assert.rejects(readWorkflowFolder(folder), { reason: "FILE_OUTSIDE_FOLDER" });
    await writeFile(join(folder, "workflow.yaml"), "name: w\nsteps: [{name: a, python: ../../../etc/passwd}]\n");
    await assert.rejects(readWorkflowFolder(folder), { reason: "FILE_OUTSIDE_FOLDER" });
  });

  test("refuses what is too large, not a file or not text", async () => {
    await writeFile(join(folder, "steps/a.py"), "#".repeat(1024 * 1024 + 1));
    await assert.rejects(readWorkflowFolder(folder), { reason: "FILE_TOO_LARGE" });
    await writeFile(join(folder, "steps/a.py"), Buffer.from([0xff, 0xfe]));
    await assert.rejects(readWorkflowFolder(folder), { reason: "NOT_UTF8" });
    await rm(join(folder, "steps/a.py"));
    await mkdir(join(folder, "steps/a.py"));
    await assert.rejects(readWorkflowFolder(folder), { reason: "NOT_A_FILE" });
  });

  test("takes the modules beside the steps along, and those of shared folders, but nothing of tools", async () => {
    const put = async (path: string, text = "x = 1"): Promise<void> => {
      await mkdir(join(folder, path, ".."), { recursive: true });
      await writeFile(join(folder, path), text);
    };
    for (const path of ["helper.py", "steps/beside.py", "lib/deep/module.py", "notes.txt"]) await put(path);
    for (const path of [".venv/lib/a.py", "odd-name/pyvenv.cfg", "odd-name/lib/b.py", "__pycache__/c.py"])
      await put(path);
    await put("shared/helper.py", "x = 'the folder’s own counts'");
    await put("shared/text.py");
    await symlink("/etc/passwd", join(folder, "outside.py"));
    await mkdir(join(folder, "flow"));
    await writeFile(join(folder, "flow/helper.py"), "x = 2");
    const yaml = "name: w\nmodules: [../shared]\nsteps: [{name: a, python: a.py}]\n";
    await writeFile(join(folder, "flow/workflow.yaml"), yaml);
    const own = Object.keys((await readWorkflowFolder(folder)).modules).sort();
    const expected = ["flow/helper.py", "helper.py", "lib/deep/module.py", "shared/helper.py", "shared/text.py"];
    assert.deepEqual(own, [...expected, "steps/beside.py"]);
    const { modules } = await readWorkflowFolder(join(folder, "flow"));
    assert.deepEqual(modules, { "helper.py": "x = 2", "text.py": "x = 1" });
    await writeFile(join(folder, "flow/workflow.yaml"), yaml.replace("../shared", "../nowhere"));
    await assert.rejects(readWorkflowFolder(join(folder, "flow")), { reason: "MODULES_MISSING" });
  });

  test("names the place of a mistake in the YAML", async () => {
    await writeFile(join(folder, "workflow.yaml"), "name: w\nname: x\n");
    await assert.rejects(readWorkflowFolder(folder), { reason: "INVALID_YAML", message: /workflow\.yaml:2:1/ });
  });

  test("is not blown up by aliases", async () => {
    const bomb = ["a: &a [x, x, x, x, x, x, x, x, x]"];
    for (const [of, name] of ["ab", "bc", "cd", "de", "ef", "fg"].map((pair) => [...pair])) {
      bomb.push(`${name}: &${name} [*${of}, *${of}, *${of}, *${of}, *${of}, *${of}, *${of}, *${of}]`);
    }
    await writeFile(join(folder, "workflow.yaml"), `${bomb.join("\n")}\n`);
    await assert.rejects(readWorkflowFolder(folder), { kind: "InvalidArgument" });
  });
});

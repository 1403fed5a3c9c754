import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";

import { rooms } from "../../oxlint.config.ts";

const root = join(import.meta.dirname, "../..");
const scratch = await mkdtemp(join(tmpdir(), "millrace-lint-"));

/** One file per guard, and what the linter must say about it. */
const mistakes: readonly { name: string; file: string; code: string; rule: string }[] = [
  {
    name: "a process that imports another process",
    file: "packages/gateway/src/bad.ts",
    code: 'import { x } from "@millrace/scheduler";\nexport const y = x;\n',
    rule: "no-restricted-imports",
  },
  {
    name: "a runner that imports the store",
    file: "packages/runner/src/bad.ts",
    code: 'import { x } from "@millrace/store";\nexport const y = x;\n',
    rule: "no-restricted-imports",
  },
  {
    name: "core that imports a package of ours",
    file: "packages/core/src/bad.ts",
    code: 'import { x } from "@millrace/protocol";\nexport const y = x;\n',
    rule: "no-restricted-imports",
  },
  {
    name: "an import of another package's src",
    file: "packages/gateway/src/deep.ts",
    code: 'import { x } from "@millrace/core/src/errors.ts";\nexport const y = x;\n',
    rule: "no-restricted-imports",
  },
  {
    name: "a relative path into another package",
    file: "packages/gateway/src/relative.ts",
    code: 'import { x } from "../../core/src/errors.ts";\nexport const y = x;\n',
    rule: "no-restricted-imports",
  },
  {
    name: "SQL outside the store",
    file: "packages/scheduler/src/sql.ts",
    code: 'import { Pool } from "pg";\nexport const y = Pool;\n',
    rule: "no-restricted-imports",
  },
  {
    name: "a clock in core",
    file: "packages/core/src/clock.ts",
    code: "export const now = (): number => Date.now();\n",
    rule: "no-restricted-properties",
  },
  {
    name: "randomness in core",
    file: "packages/core/src/dice.ts",
    code: "export const dice = (): number => Math.random();\n",
    rule: "no-restricted-properties",
  },
  {
    name: "a timer in core",
    file: "packages/core/src/timer.ts",
    code: "export const later = (f: () => void): unknown => setTimeout(f, 1);\n",
    rule: "no-restricted-globals",
  },
  {
    name: "the environment in core",
    file: "packages/core/src/environment.ts",
    code: "export const home = process.env.HOME;\n",
    rule: "no-restricted-globals",
  },
  {
    name: "a promise nobody awaits",
    file: "packages/bus/src/floating.ts",
    code: "async function f(): Promise<void> {}\nexport function g(): void {\n  f();\n}\n",
    rule: "no-floating-promises",
  },
  {
    name: "a cycle",
    file: "packages/bus/src/cycle-a.ts",
    code: 'import { b } from "./cycle-b.ts";\nexport const a = (): unknown => b;\n',
    rule: "no-cycle",
  },
];

async function put(file: string, code: string): Promise<void> {
  const path = join(scratch, file);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, code);
}

/** Runs the linter with the repository's own configuration on the scratch tree; answers `file: rule` lines. */
function lint(): Promise<string[]> {
  const bin = join(root, "node_modules/oxlint/bin/oxlint");
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [bin, "--type-aware", "--format=json"], { cwd: scratch }, (_error, stdout, stderr) => {
      try {
        const report = JSON.parse(stdout) as { diagnostics: { filename: string; code?: string }[] };
        resolve(report.diagnostics.map((found) => `${found.filename}: ${found.code ?? ""}`));
      } catch {
        reject(new Error(`oxlint printed no report: ${stdout} ${stderr}`));
      }
    });
  });
}

let findings: string[] = [];

before(async () => {
  await symlink(join(root, "node_modules"), join(scratch, "node_modules"));
  for (const file of ["oxlint.config.ts", "tsconfig.json", "package.json"])
    await cp(join(root, file), join(scratch, file));
  for (const mistake of mistakes) await put(mistake.file, mistake.code);
  await put("packages/bus/src/cycle-b.ts", 'import { a } from "./cycle-a.ts";\nexport const b = (): unknown => a;\n');
  await put("packages/gateway/src/good.ts", 'import { x } from "@millrace/store";\nexport const y = x;\n');
  findings = await lint();
});

after(() => rm(scratch, { recursive: true, force: true }));

for (const { name, file, rule } of mistakes) {
  test(`lint refuses ${name}`, () => {
    const here = findings.filter((line) => line.startsWith(file));
    assert.ok(
      here.some((line) => line.includes(rule)),
      `expected ${rule} for ${file}, found ${JSON.stringify(here)}`,
    );
  });
}

test("lint lets a process import what the table allows", () => {
  assert.deepEqual(
    findings.filter((line) => line.startsWith("packages/gateway/src/good.ts")),
    [],
  );
});

test("every package declares only dependencies that its room may import", async () => {
  for (const room of await readdir(join(root, "packages"))) {
    const text = await readFile(join(root, "packages", room, "package.json"), "utf8").catch(() => undefined);
    if (text === undefined) continue;
    const manifest = JSON.parse(text) as { dependencies?: Record<string, string> };
    const ours = Object.keys(manifest.dependencies ?? {}).flatMap((name) => name.match(/^@millrace\/(.*)$/)?.[1] ?? []);
    const allowed = rooms[room];
    assert.ok(allowed, `packages/${room} is missing in oxlint.config.ts`);
    assert.deepEqual(
      ours.filter((name) => !allowed.includes(name)),
      [],
      `packages/${room}`,
    );
  }
});

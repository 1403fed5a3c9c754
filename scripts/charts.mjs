import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ensureDeployTools } from "./lib/deploy-tools.mjs";
import { ensureComposeConfig, ensureHelm } from "./lib/go-tools.mjs";
import { checkout } from "./lib/paths.mjs";
import { findPython } from "./lib/pip.mjs";
import { say } from "./lib/progress.mjs";
import { runScript } from "./lib/run-script.mjs";

// "npm run charts": renders the chart for the values files of the tests, into test/deploy/rendered. With --check it changes
// nothing and fails where something would change, where manifests do not fit the schemas of Kubernetes, where hadolint finds
// something in the images, and where Docker's own library cannot read the compose file.
const chart = join(checkout, "deploy/helm/millrace");
const tests = join(checkout, "test/deploy");
const kubernetes = "1.34.0";

await runScript(async () => {
  const helm = await ensureHelm();
  const isCheck = process.argv.includes("--check");
  const names = readdirSync(join(tests, "values")).map((file) => file.replace(/\.yaml$/, ""));
  const run = (...args) => execFileSync(helm, args, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
  let changed = 0;
  for (const name of names) {
    const values = ["--values", join(tests, "values", `${name}.yaml`), "--kube-version", kubernetes];
    run("lint", chart, "--quiet", ...values);
    // What a second release of the chart brings is seen in the largest one.
    const upgrade = name === "large" ? ["--is-upgrade"] : [];
    const text = run("template", "house", chart, "--namespace", "runs", ...values, ...upgrade);
    const file = join(tests, "rendered", `${name}.yaml`);
    if (isCheck && readFileSync(file, "utf8") !== text) changed++;
    if (!isCheck) writeFileSync(file, text);
  }
  if (isCheck) {
    await checkCompose();
    await checkSchemas(names);
    say(
      changed === 0 ? "the rendered charts are up to date" : `${changed} rendered charts are not: run "npm run charts"`,
    );
  } else {
    writeFileSync(join(tests, "rendered/sources.sha256"), `${hashOfSources()}\n`);
  }
  return changed === 0 ? 0 : 1;
});

async function checkCompose() {
  const program = await ensureComposeConfig();
  const folder = join(checkout, "deploy/compose");
  const env = { PATH: process.env.PATH, MILLRACE_RELEASE: "0.0.0", MILLRACE_PUBLIC_URL: "https://runs.example.org" };
  execFileSync(program, [join(folder, "compose.yaml")], { cwd: folder, env, stdio: ["ignore", "ignore", "inherit"] });
}

async function checkSchemas(names) {
  const { hadolint, library } = await ensureDeployTools();
  const images = join(checkout, "deploy/images");
  const dockerfiles = readdirSync(images).filter((file) => file.endsWith(".Dockerfile"));
  execFileSync(hadolint, ["--no-color", ...dockerfiles.map((file) => join(images, file))], { stdio: "inherit" });
  const rendered = names.map((name) => join(tests, "rendered", `${name}.yaml`));
  const env = { ...process.env, PYTHONPATH: library };
  execFileSync(findPython(), [join(checkout, "scripts/check_manifests.py"), ...rendered], { env, stdio: "inherit" });
}

/** Of everything that a rendered chart follows from. */
function hashOfSources() {
  const hash = createHash("sha256");
  for (const folder of [chart, join(tests, "values")]) {
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true }).sort(byPath)) {
      if (!entry.isFile() || entry.name === "README.md") continue;
      hash.update(readFileSync(join(entry.parentPath, entry.name)));
    }
  }
  return hash.digest("hex");
}

function byPath(left, right) {
  return join(left.parentPath, left.name) < join(right.parentPath, right.name) ? -1 : 1;
}

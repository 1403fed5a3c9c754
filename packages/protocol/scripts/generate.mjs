import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/*
 * "npm run generate": everything that follows from the contracts in /proto and from tables in the code. Running it again
 * changes nothing, and the tests hold us to that. Files are made elsewhere first and only those that differ are replaced,
 * so that a house that runs from this checkout never misses one.
 */
const root = resolve(dirname(fileURLToPath(import.meta.url)), "../../..");
const generated = join(root, "packages/protocol/src/generated");
const worker = join(root, "packages/worker");
const buf = join(root, "node_modules/.bin/buf");

function run(command, args) {
  execFileSync(command, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
}

/** TypeScript types and codecs of all contracts. */
function generateTypeScript(into) {
  const template = readFileSync(join(root, "buf.gen.yaml"), "utf8").replace(relative(root, generated), into);
  const templateFile = join(into, "buf.gen.yaml");
  writeFileSync(templateFile, template.replace("clean: true", "clean: false"));
  run(buf, ["generate", "--path", "proto/millrace", "--template", templateFile]);
  rmSync(templateFile);
  // The options of the contracts are read from the descriptors; nothing uses them as types.
  for (const unused of ["google/api", "google/protobuf/descriptor.ts"]) {
    rmSync(join(into, unused), { recursive: true, force: true });
  }
}

/** The public contract as descriptors with their comments: what reflection answers from. Such sets are joined end to end. */
function generateDescriptors(into) {
  const target = join(into, "contracts.binpb");
  const health = join(into, "health.binpb");
  run(buf, ["build", "--as-file-descriptor-set", "--path", "proto/millrace/api", "-o", target]);
  run(buf, ["build", "node_modules/grpc-health-check/proto", "--as-file-descriptor-set", "-o", health]);
  appendFileSync(target, readFileSync(health));
  rmSync(health);
}

/** Python messages of the worker's contract. */
function generatePython(into) {
  const tools = process.env.MILLRACE_TOOLS ?? join(root, ".millrace-tools");
  const python = process.env.MILLRACE_DEV_PYTHON ?? join(tools, "python/bin/python");
  if (!existsSync(python)) {
    throw new Error(`The Python environment is missing (${python}): "npm run setup -- --dev" makes it.`);
  }
  run(python, [join(worker, "scripts/generate.py"), into]);
}

/** Replaces what differs and removes what is no longer made. */
function sync(from, to) {
  const made = new Set(files(from));
  for (const file of made) {
    const target = join(to, file);
    const content = readFileSync(join(from, file));
    if (!existsSync(target) || !readFileSync(target).equals(content)) cpSync(join(from, file), target);
  }
  for (const file of files(to)) {
    if (!made.has(file) && !/(^|\/)(__init__\.py|__pycache__\/.*)$/.test(file)) rmSync(join(to, file));
  }
}

function files(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)));
}

const scratch = mkdtempSync(join(tmpdir(), "millrace-generate-"));
try {
  const [typescript, python] = ["typescript", "python"].map((name) => mkdtempSync(join(scratch, name)));
  generateTypeScript(typescript);
  generateDescriptors(typescript);
  generatePython(python);
  sync(typescript, generated);
  sync(python, join(worker, "millrace_worker/generated"));
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

import assert from "node:assert/strict";
import { cpSync, existsSync, mkdirSync, readFileSync, statSync, symlinkSync } from "node:fs";
import { dirname, join, relative } from "node:path";

const checkout = join(import.meta.dirname, "../../..");

/** A file system made of an image's own instructions, without an engine for containers. */
export interface ImageTree {
  /** What is `/opt/millrace` in the image. */
  readonly root: string;
  readonly env: Readonly<Record<string, string>>;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly healthcheck: readonly string[];
  readonly user: string;
}

interface Instruction {
  readonly name: string;
  readonly text: string;
}

/** The instructions of each stage, in order; the last one is the image. */
export function readStages(name: string): Instruction[][] {
  const text = readFileSync(join(checkout, `deploy/images/${name}.Dockerfile`), "utf8");
  const lines = text
    .replaceAll(/^\s*#.*\n/gm, "")
    .replaceAll(/\\\n\s*/g, " ")
    .split("\n");
  const stages: Instruction[][] = [];
  for (const line of lines.filter((one) => one.trim() !== "")) {
    const [, instruction = "", rest = ""] = /^(\w+)\s+(.*)$/.exec(line) ?? [];
    if (instruction === "FROM") stages.push([]);
    else stages.at(-1)?.push({ name: instruction, text: rest.trim() });
  }
  return stages;
}

/** Does what the last stage's COPY lines say, and takes from the checkout what other stages install. */
export function assembleImage(name: string, root: string): ImageTree {
  const stages = readStages(name);
  const image = stages.at(-1)!;
  const isIgnored = readIgnored(name);
  mkdirSync(root, { recursive: true });
  for (const { text } of image.filter((one) => one.name === "COPY")) {
    if (text.startsWith("--from=")) continue;
    const words = text.split(/\s+/);
    for (const source of words.slice(0, -1)) copyInto(root, source, words.at(-1)!, isIgnored);
  }
  linkModules(root, stages[0]!);
  const last = (wanted: string): string => image.findLast((one) => one.name === wanted)?.text ?? "";
  return {
    root,
    env: readEnv(last("ENV")),
    entrypoint: JSON.parse(last("ENTRYPOINT")) as string[],
    command: JSON.parse(last("CMD")) as string[],
    healthcheck: JSON.parse(/\[.*\]/.exec(last("HEALTHCHECK"))![0]) as string[],
    user: last("USER"),
  };
}

function copyInto(root: string, source: string, target: string, isIgnored: (path: string) => boolean): void {
  const from = join(checkout, source);
  assert.ok(existsSync(from), `COPY names ${source}, which is not there`);
  assert.ok(!isIgnored(source), `COPY names ${source}, which the ignore file keeps out`);
  const into = target.endsWith("/")
    ? join(root, target, statSync(from).isDirectory() ? "" : basenameOf(source))
    : join(root, target);
  mkdirSync(dirname(into), { recursive: true });
  cpSync(from, into, { recursive: true, filter: (path) => !isIgnored(relative(checkout, path)) });
}

function basenameOf(path: string): string {
  return path.split("/").at(-1)!;
}

/** The rules of a .dockerignore, of which the last that fits counts; a folder that is out is out with all below it. */
function readIgnored(name: string): (path: string) => boolean {
  const text = readFileSync(join(checkout, `deploy/images/${name}.Dockerfile.dockerignore`), "utf8");
  const rules = text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const pattern = line.replace(/^!/, "").replaceAll(/[.+]/g, "\\$&");
      const body = pattern.replaceAll("**/", "\0").replaceAll("*", "[^/]*").replaceAll("\0", "(?:.*/)?");
      return { keeps: line.startsWith("!"), fits: new RegExp(`^${body}(?:/.*)?$`) };
    });
  return (path) => !(rules.findLast(({ fits }) => fits.test(path))?.keeps ?? true);
}

function readEnv(text: string): Record<string, string> {
  return Object.fromEntries(text.split(/\s+/).map((pair) => pair.split("=") as [string, string]));
}

interface LockEntry {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

/** Links what npm would install for the workspaces that the first stage names: what they depend on, and nothing else. */
function linkModules(root: string, stage: readonly Instruction[]): void {
  const install = stage.find(({ name, text }) => name === "RUN" && text.startsWith("npm install"))!.text;
  const workspaces = [...install.split("&&")[0]!.matchAll(/-w (packages\/\w+)/g)].map(([, path]) => path!);
  const { packages } = JSON.parse(readFileSync(join(checkout, "package-lock.json"), "utf8")) as {
    packages: Readonly<Record<string, LockEntry>>;
  };
  const wanted = new Set<string>();
  const add = (path: string): void => {
    for (const name of Object.keys({ ...packages[path]?.dependencies, ...packages[path]?.peerDependencies })) {
      if (wanted.has(name)) continue;
      wanted.add(name);
      add(name.startsWith("@millrace/") ? name.replace("@millrace/", "packages/") : `node_modules/${name}`);
    }
  };
  workspaces.forEach(add);
  for (const name of wanted) {
    const link = join(root, "node_modules", name);
    mkdirSync(dirname(link), { recursive: true });
    const ours = join(root, name.replace("@millrace/", "packages/"));
    const target = name.startsWith("@millrace/") ? ours : join(checkout, "node_modules", name);
    if (existsSync(target)) symlinkSync(target, link);
  }
}

import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { checkout } from "./paths.mjs";

const minute = 60_000;
const worker = join(checkout, "packages/worker");

/**
 * One named set of checks.
 *
 * @typedef {object} Suite
 * @property {string} name
 * @property {string} about what it shows
 * @property {boolean} [heavy] left out unless it is named
 * @property {"check" | "node" | "pytest"} kind how its outcome is counted: as one, or as its runner counts
 * @property {string} [cwd]
 * @property {(tools: {node: string, python: string}) => string[][]} commands
 * @property {boolean} [sideBySide] the commands go on at the same time; each is shown when it has ended
 * @property {NodeJS.ProcessEnv} [env]
 * @property {string[]} [unchanged] folders and files that the commands must leave as they are
 * @property {number} timeoutMs
 */

const bin = (name) => join(checkout, "node_modules/.bin", name);

function pytest(python) {
  return [python, "-m", "pytest", "-q", "-rs", "--no-header", "-p", "no:cacheprovider"];
}

/** The worker's tests in two parts of about the same length: alone, they leave most of a machine idle. */
function pytestParts(python) {
  const parts = [0, 1].map(() => ({ bytes: 0, files: [] }));
  const files = readdirSync(join(worker, "tests"), { recursive: true })
    .filter((name) => /(^|\/)test_\w+\.py$/.test(name))
    .map((name) => ({ name, bytes: statSync(join(worker, "tests", name)).size }));
  for (const { name, bytes } of files.sort((a, b) => b.bytes - a.bytes || a.name.localeCompare(b.name))) {
    const [least] = parts.toSorted((a, b) => a.bytes - b.bytes);
    least.bytes += bytes;
    least.files.push(name);
  }
  // Each part leaves out what the other one has: no test file is in neither.
  const ignoring = ({ files: others }) => others.map((name) => `--ignore=${join("tests", name)}`);
  return parts.toReversed().map((other) => [...pytest(python), ...ignoring(other)]);
}

function nodeTests(node, paths, options = [], without = "") {
  const files = paths.flatMap(testFiles).filter((file) => without === "" || !file.startsWith(without));
  return [[node, "--test", "--test-reporter=spec", "--test-timeout=180000", ...options, ...files]];
}

/** The test files of a folder, or the one file. */
function testFiles(path) {
  const place = join(checkout, path);
  if (statSync(place).isFile()) {
    return [path];
  }
  return readdirSync(place, { recursive: true })
    .filter((name) => /\.test\.(ts|mjs)$/.test(name) && !name.includes("node_modules"))
    .sort()
    .map((name) => join(path, name));
}

/** @type {Suite[]} */
export const suites = [
  {
    name: "format",
    about: "TypeScript and Python are formatted",
    kind: "check",
    commands: ({ python }) => [
      [bin("prettier"), "--check", "--log-level", "warn", "."],
      [python, "-m", "ruff", "format", "--check", "--quiet", worker],
    ],
    timeoutMs: 3 * minute,
  },
  {
    name: "lint",
    about: "the rules of the house, import directions included",
    kind: "check",
    commands: ({ python }) => [
      [bin("oxlint"), "--type-aware", "--deny-warnings"],
      [python, "-m", "ruff", "check", "--quiet", worker],
    ],
    timeoutMs: 3 * minute,
  },
  {
    name: "types",
    about: "TypeScript type-checks",
    kind: "check",
    commands: () => [
      [bin("tsc"), "-p", "tsconfig.json"],
      [bin("tsc"), "-p", "packages/web/tsconfig.json"],
    ],
    timeoutMs: 5 * minute,
  },
  {
    name: "python-types",
    about: "the worker type-checks, and so does what steps see",
    kind: "check",
    cwd: worker,
    commands: ({ python }) => [
      [python, "-m", "mypy"],
      // Inside the sandbox the same files have other names.
      ["env", "MYPYPATH=millrace_worker/runtime", python, "-m", "mypy", "-p", "millrace_runtime", "-p", "pipedream"],
      [
        "env",
        "MYPYPATH=millrace_worker/runtime",
        python,
        "-m",
        "mypy",
        "--strict",
        "../sdk-python/tests/typed_step.py",
      ],
    ],
    timeoutMs: 5 * minute,
  },
  {
    name: "contracts",
    about: "the contracts pass buf's lint, and generating their code again changes nothing",
    kind: "check",
    commands: () => [
      [bin("buf"), "lint"],
      ["npm", "run", "--silent", "generate"],
    ],
    unchanged: [
      "packages/protocol/src/generated",
      "packages/web/src/api/generated",
      "packages/worker/millrace_worker/generated",
      "docs/reference",
      "docs/adr/README.md",
    ],
    timeoutMs: 3 * minute,
  },
  {
    name: "unit",
    about: "what stands beside the code",
    kind: "node",
    commands: ({ node }) => nodeTests(node, ["packages", "scripts"], ["--test-concurrency=2"]),
    timeoutMs: 6 * minute,
  },
  {
    name: "python",
    about: "the worker and its sandbox",
    kind: "pytest",
    cwd: worker,
    commands: ({ python }) => pytestParts(python),
    sideBySide: true,
    timeoutMs: 6 * minute,
  },
  {
    name: "simulation",
    about: "a sample of the state machine's random schedules",
    kind: "node",
    commands: ({ node }) => nodeTests(node, ["test/simulation"]),
    timeoutMs: 5 * minute,
  },
  {
    name: "integration",
    about: "rooms together with a real Postgres and NATS",
    kind: "node",
    commands: ({ node }) => nodeTests(node, ["test/integration"], ["--test-concurrency=2"]),
    timeoutMs: 8 * minute,
  },
  {
    name: "e2e",
    about: "a whole house, as people use it",
    kind: "node",
    // A house waits for most of its time: two at a time leave room on two cores.
    commands: ({ node }) => nodeTests(node, ["test/e2e"], ["--test-concurrency=2"], "test/e2e/pipedream"),
    timeoutMs: 12 * minute,
  },
  {
    name: "pipedream",
    about: "what steps written for Pipedream rely on, case by case, in a whole house",
    kind: "node",
    commands: ({ node }) => nodeTests(node, ["test/e2e/pipedream"], ["--test-concurrency=2"]),
    timeoutMs: 10 * minute,
  },
  {
    name: "web",
    about: "the web app in a real Chromium: what people do there, from an empty house on",
    kind: "node",
    commands: ({ node }) => nodeTests(node, ["test/web"], ["--test-concurrency=2"]),
    timeoutMs: 8 * minute,
  },
  {
    name: "web-load",
    about:
      "the web app with a million runs: pages within a second, no blank frames, bounded memory behind 20,000 live runs",
    heavy: true,
    kind: "node",
    commands: ({ node }) => nodeTests(node, ["test/web-load"], ["--test-timeout=900000"]),
    timeoutMs: 30 * minute,
  },
  {
    name: "chaos",
    about:
      "kill -9 of every process in the middle of 200 runs, once each, a runner that is frozen and wakes up too late, and the checker of the great chaos by itself",
    kind: "node",
    commands: ({ node }) => nodeTests(node, ["test/chaos"], ["--test-concurrency=1"]),
    timeoutMs: 8 * minute,
  },
  {
    name: "failover",
    about: "the standby of the record takes over under load, the old primary still alive",
    heavy: true,
    kind: "node",
    commands: ({ node }) => nodeTests(node, ["test/failover"], ["--test-concurrency=1"]),
    timeoutMs: 5 * minute,
  },
  {
    name: "deploy",
    about: "what the compose file and the charts promise",
    kind: "node",
    commands: ({ node }) => nodeTests(node, ["test/deploy"], [], "test/deploy/processes"),
    timeoutMs: 2 * minute,
  },
  {
    name: "deploy-all",
    about: "the same, and the processes that they start, with exactly their arguments and settings",
    heavy: true,
    kind: "node",
    commands: ({ node }) => nodeTests(node, ["test/deploy"], ["--test-concurrency=1"]),
    timeoutMs: 5 * minute,
  },
  {
    name: "nats-all",
    about: "three NATS servers killed, frozen and emptied in turn: leases, heartbeats and log lines meanwhile",
    heavy: true,
    kind: "node",
    commands: ({ node }) => nodeTests(node, ["test/nats"]),
    timeoutMs: 10 * minute,
  },
  {
    name: "upgrade",
    about: "two releases in one house: every mix, and one process rolled after the other under load",
    heavy: true,
    kind: "node",
    commands: ({ node }) => nodeTests(node, ["test/upgrade"]),
    timeoutMs: 10 * minute,
  },
  {
    name: "charts",
    about:
      "charts rendered anew and checked by the schemas of Kubernetes, images and compose file by their linters (wants Go)",
    heavy: true,
    kind: "check",
    commands: ({ node }) => [[node, "scripts/charts.mjs", "--check"]],
    timeoutMs: 20 * minute,
  },
  {
    name: "hostile",
    about: "code that attacks its sandbox, as root and as an ordinary user when root runs it",
    heavy: true,
    kind: "pytest",
    cwd: worker,
    commands: ({ python }) => [[...pytest(python), "tests/hostile"]],
    timeoutMs: 15 * minute,
  },
  {
    name: "security",
    about: "ten of the hostile steps, one of each kind, in a whole house",
    kind: "node",
    commands: ({ node }) => nodeTests(node, ["test/security"]),
    timeoutMs: 5 * minute,
  },
  {
    name: "security-all",
    about: "every hostile step in a whole house, as root a second time as an ordinary user",
    heavy: true,
    kind: "node",
    commands: ({ node }) => nodeTests(node, ["test/security"]),
    env: { MILLRACE_CORPUS: "all" },
    timeoutMs: 30 * minute,
  },
  {
    name: "packages-real",
    about: "programs that people really write, from bare imports, with packages from the registry",
    heavy: true,
    kind: "node",
    commands: ({ node }) => nodeTests(node, ["test/packages/real"]),
    timeoutMs: 20 * minute,
  },
  {
    name: "packages-table",
    about: "each row of the table of imports, against the registry",
    heavy: true,
    kind: "node",
    commands: ({ node }) => nodeTests(node, ["test/packages/table"], ["--test-timeout=3000000"]),
    timeoutMs: 60 * minute,
  },
  {
    name: "chaos-smoke",
    about: "a minute of faults of every kind in a house of many hosts; `npm run chaos` is the whole",
    heavy: true,
    kind: "check",
    commands: ({ node }) => [[node, "test/chaos/chaos.ts", "--minutes", "1", "--seed", "7"]],
    timeoutMs: 10 * minute,
  },
  {
    name: "chaos-breaks",
    about: "each rule that can be broken on purpose is found by the checker",
    heavy: true,
    kind: "check",
    commands: ({ node }) => [[node, "test/chaos/all-breaks.ts"]],
    timeoutMs: 60 * minute,
  },
  {
    name: "fuzz-api",
    about:
      "requests of all kinds to the HTTP/JSON API: no failure of the house's own, no answer that is not documented",
    heavy: true,
    kind: "check",
    commands: ({ node }) => [[node, "test/fuzz/fuzz-api.ts", "--seconds", "300"]],
    timeoutMs: 15 * minute,
  },
  {
    name: "kill-20",
    about: "kill -9 of every process in the middle of 200 runs, twenty times",
    heavy: true,
    kind: "check",
    commands: ({ node }) => [[node, "test/chaos/kill.ts", "--times", "20"]],
    timeoutMs: 60 * minute,
  },
  {
    name: "stores",
    about: "increments under kills of gateways and runners, and a store with a million keys",
    heavy: true,
    kind: "check",
    commands: ({ node }) => [[node, "test/chaos/stores.ts"]],
    timeoutMs: 60 * minute,
  },
  {
    name: "fences-all",
    about:
      "a runner, a worker and a scheduler that are frozen in the middle of steps and wake up too late; a runner killed",
    heavy: true,
    kind: "node",
    commands: ({ node }) => nodeTests(node, ["test/chaos/fences.test.ts"]),
    env: { MILLRACE_FENCES: "all" },
    timeoutMs: 10 * minute,
  },
  {
    name: "idle",
    about: "what a house takes that has nothing to do: memory and processor time",
    heavy: true,
    kind: "node",
    commands: ({ node }) => nodeTests(node, ["test/idle"]),
    timeoutMs: 5 * minute,
  },
  {
    name: "placement",
    about: "schedulers join, leave and die under load: what a submit waits, and that nothing is lost",
    heavy: true,
    kind: "node",
    commands: ({ node }) => nodeTests(node, ["test/placement"], ["--test-concurrency=1"]),
    timeoutMs: 10 * minute,
  },
  {
    name: "failover-all",
    about:
      "six failovers of the record at 200 runs a second, the old primary killed, alive and frozen; both servers away",
    heavy: true,
    kind: "check",
    commands: ({ node }) => [[node, "test/failover/failover.ts"]],
    timeoutMs: 30 * minute,
  },
  {
    name: "queues-million",
    about: "a million waiting and a million paused runs in a house: memory, takeover, drain",
    heavy: true,
    kind: "check",
    commands: ({ node }) => [[node, "test/queues/million.ts"]],
    timeoutMs: 40 * minute,
  },
  {
    name: "simulate-all",
    about: "100,000 random schedules, and every planted mistake",
    heavy: true,
    kind: "check",
    commands: ({ node }) => [
      [node, "test/simulation/simulate.ts", "--runs", "100000"],
      [node, "test/simulation/simulate.ts", "--mutations", "--runs", "1000"],
    ],
    timeoutMs: 60 * minute,
  },
  {
    name: "bench",
    about: "throughput, latency, cold start and memory, beside the machine's floors",
    heavy: true,
    kind: "check",
    commands: ({ node }) => [[node, "test/bench/bench.ts"]],
    timeoutMs: 20 * minute,
  },
];

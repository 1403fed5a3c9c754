/**
 * Sends everything that the OpenAPI document lets a client send, and much that it does not, to a whole house: no answer may be
 * a failure of the house's own, and each must be one that the document names. Schemathesis makes the requests; it is
 * installed beside the checkout's tools at the first time.
 *
 *   npm run test:fuzz -- --seconds 300
 */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseOptions } from "../harness/parse-options.ts";
import { TestHouse } from "../harness/test-house.ts";

const VERSION = "4.32.5";
const CHECKS = [
  "not_a_server_error",
  "status_code_conformance",
  "content_type_conformance",
  "response_schema_conformance",
  "ignored_auth",
];
/** Streams that stay open as long as their reader does, and what would take the key away that all requests are made with. */
const EXCLUDED = "^(WatchDraft|WatchDraftEvents|WatchRuns?|TailRunLogs|RevokeApiKey)$";

const { seconds } = parseOptions(
  "npm run test:fuzz",
  "Sends requests of all kinds to the HTTP/JSON API of a whole house.",
  {
    seconds: { type: "string", value: "N", default: "300", about: "how long" },
  },
);
const checkout = join(import.meta.dirname, "../..");
const tools = process.env["MILLRACE_TOOLS"] ?? join(checkout, ".millrace-tools");

/** With its Python named: what a virtual environment's scripts say of it does not survive a move. */
function installed(): readonly [string, string] {
  const folder = join(tools, `schemathesis-${VERSION}`);
  const command = [join(folder, "bin/python"), join(folder, "bin/schemathesis")] as const;
  if (existsSync(command[1])) return command;
  const python = process.env["MILLRACE_DEV_PYTHON"] ?? join(tools, "python/bin/python");
  execFileSync(python, ["-m", "venv", folder], { stdio: "inherit" });
  execFileSync(join(folder, "bin/pip"), ["install", "-q", `schemathesis==${VERSION}`], { stdio: "inherit" });
  return command;
}

const [python, script] = installed();
const house = await TestHouse.start();
try {
  await house.deploy({ name: "fuzzed", trigger: { http: {} }, steps: { code: "def handler(pd):\n    return 1\n" } });
  await house.run("fuzzed");
  const options = [
    ...["--max-time", seconds, "--checks", CHECKS.join(","), "--exclude-operation-id-regex", EXCLUDED],
    ...["--header", `Authorization: Bearer ${house.apiKey}`, "--request-timeout", "70", "--workers", "2", "--no-color"],
    ...["--continue-on-failure", "--warnings", "off", "--generation-database", ":memory:"],
    ...["--suppress-health-check", "all"],
  ];
  const outcome = spawnSync(python, [script, "run", ...options, `${house.url}/api/v1/openapi.json`], {
    stdio: "inherit",
  });
  process.exitCode = outcome.status ?? 1;
} finally {
  await house.stop();
}

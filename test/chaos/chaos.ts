import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { loadTools } from "@millrace/provision";
import { parseOptions } from "../harness/parse-options.ts";
import { BREAKS } from "./breaks.ts";
import { chaosRound } from "./chaos-round.ts";
import { openNetwork, sharedNetwork, whyNoNamespaces } from "./house/network.ts";
import { ALL_NAMES } from "./house/chaos-house.ts";
import { longestSingleStall, reportJson, reportText, STALL_MAX_MS, type ChaosReport } from "./report.ts";

const values = parseOptions(
  "npm run chaos",
  "Breaks a whole house in every way it can while a client works with it, then checks that every promise was kept.",
  {
    minutes: { type: "string", value: "N", default: "10", about: "how long faults are made" },
    seed: { type: "string", value: "SEED", default: String(Date.now() % 1_000_000), about: "repeats the same faults" },
    rate: { type: "string", value: "N", default: "3", about: "operations that the client begins in a second" },
    break: {
      type: "string",
      value: "RULE",
      about: `break a rule on purpose; it must be found: ${Object.keys(BREAKS).join(", ")}`,
    },
    "no-netns": { type: "boolean", default: false, about: "leave the network faults out, which ask for root" },
    folder: { type: "string", value: "PATH", about: "where the house, its logs and the history are kept" },
    keep: { type: "boolean", default: false, about: "keep the folder of a test that passed, too" },
    json: { type: "boolean", default: false, about: "print the result as JSON" },
  },
);

const CLOCK_LIBRARY = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

const say = (line: string): void => void process.stderr.write(`${line}\n`);

function positive(name: "minutes" | "rate"): number {
  const value = Number(values[name]);
  if (Number.isFinite(value) && value > 0) return value;
  process.stderr.write(`--${name} wants a number above 0\n`);
  process.exit(2);
}

if (values.break !== undefined && BREAKS[values.break] === undefined) {
  process.stderr.write(`--break wants one of ${Object.keys(BREAKS).join(", ")}\n`);
  process.exit(2);
}
function hasFailed(report: ChaosReport): boolean {
  const stalledMs = longestSingleStall(report)?.ms ?? 0;
  const isUnhealed = report.faults.some(({ error }) => error !== undefined);
  return report.violations.length > 0 || stalledMs > STALL_MAX_MS || isUnhealed;
}

/** Whether the checker has said that the rule was broken. */
function isCaught({ violations }: ChaosReport, broken: string): boolean {
  const caught = violations.filter(({ rule }) => BREAKS[broken]?.caughtAs.includes(rule));
  say(caught.length > 0 ? `${broken} was caught: ${caught[0]?.text}` : `${broken} was NOT caught`);
  return caught.length > 0;
}

const minutes = positive("minutes");
const rate = positive("rate");
const tools = loadTools();
const why = values["no-netns"] ? undefined : await whyNoNamespaces(tools.nft);
if (why !== undefined) {
  process.stderr.write(`Network faults cannot be made here: ${why}. --no-netns leaves them out.\n`);
  process.exit(2);
}
const clockLibrary = process.env["MILLRACE_FAKETIME"] ?? CLOCK_LIBRARY;
const notes: string[] = [];
if (values["no-netns"]) notes.push("without network faults (--no-netns)");
if (!existsSync(clockLibrary)) notes.push("without moved clocks (Debian: libfaketime)");

const folder = resolve(values.folder ?? (await mkdtemp(join(tmpdir(), "millrace-chaos-"))));
mkdirSync(folder, { recursive: true, mode: 0o711 });
const network = values["no-netns"] ? sharedNetwork(ALL_NAMES) : await openNetwork(ALL_NAMES, tools.nft ?? "");
try {
  const report = await chaosRound({
    ...{ folder, tools, network, seed: values.seed, minutes, rate, notes, say, broken: values.break },
    clockLibrary: existsSync(clockLibrary) ? clockLibrary : undefined,
  });
  const failed = values.break === undefined ? hasFailed(report) : !isCaught(report, values.break);
  writeFileSync(join(folder, "report.json"), JSON.stringify(reportJson(report), null, 2));
  process.stdout.write(`${values.json ? JSON.stringify(reportJson(report)) : reportText(report)}\n`);
  if (failed || values.keep) say(`\nhistory, logs and report: ${folder}`);
  else if (values.folder === undefined) await rm(folder, { recursive: true, force: true });
  process.exitCode = failed ? 1 : 0;
} finally {
  await network.close();
}
// Connections that a broken gateway keeps open must not keep this process.
process.exit();

/**
 * What a long history costs: lists and single runs through the API with many finished runs in the record, warm and after a restart, and
 * the throughput beside that of a house without any, in turns.
 */
import { writeFileSync } from "node:fs";
import { ALL_RUNS } from "@millrace/cli";
import { runApi } from "@millrace/protocol";
import { parseOptions } from "../harness/parse-options.ts";
import { TestHouse } from "../harness/test-house.ts";
import { fillHistory } from "./fill-history.ts";
import { round } from "./quantiles.ts";
import { deployMany, measureThroughput } from "./throughput.ts";

const values = parseOptions(
  "npm run bench:history",
  "Measures a house with many finished runs, beside one without, on one machine.",
  {
    runs: { type: "string", value: "NUMBER", default: "10000000", about: "finished runs to fill in" },
    days: { type: "string", value: "NUMBER", default: "30", about: "over how many days" },
    rounds: { type: "string", value: "NUMBER", default: "5", about: "of throughput, each in both houses" },
    json: { type: "string", value: "FILE", about: "write the figures for machines, too" },
  },
);

const DAY_MS = 86_400_000;
const REPEATS = 20;
const DEEP_PAGES = 40;

function say(text: string): void {
  process.stderr.write(`bench: ${text}\n`);
}

interface Latency {
  readonly firstMs: number;
  readonly p50Ms: number;
  readonly maxMs: number;
  readonly runs: number;
  readonly partial: boolean;
}

type Ask = () => Promise<{ readonly runs: number; readonly partial: boolean }>;

/** The first one by itself, then the same again and again. */
async function time(ask: Ask): Promise<Latency> {
  const times: number[] = [];
  let last = { runs: 0, partial: false };
  for (let index = 0; index <= REPEATS; index++) {
    const startMs = performance.now();
    last = await ask();
    times.push(performance.now() - startMs);
  }
  const [first, ...rest] = times;
  rest.sort((a, b) => a - b);
  return { firstMs: round(first!), p50Ms: round(rest[REPEATS / 2]!), maxMs: round(rest.at(-1)!), ...last };
}

/** What people ask of history. */
function questions({ client }: TestHouse, workflowIds: readonly string[], days: number): Record<string, Ask> {
  const list = (filter: Partial<runApi.ListRunsRequest>): Ask => {
    return async () => {
      const { runs, partial } = await client.runs.listRuns({ ...ALL_RUNS, pageSize: 50, ...filter });
      return { runs: runs.length, partial };
    };
  };
  const { FAILED, CANCELLED, SUCCEEDED } = runApi.RunState;
  const [often, rare] = [`workflows/${workflowIds[0]}`, `workflows/${workflowIds.at(-1)}`];
  const before = new Date(Date.now() - (days / 2) * DAY_MS);
  let deep = "";
  return {
    "the newest": list({}),
    "failed ones": list({ states: [FAILED] }),
    "of a workflow with many": list({ parent: often }),
    "of a workflow with few": list({ parent: rare }),
    "failed ones of a workflow with many": list({ parent: often, states: [FAILED] }),
    "failed or cancelled ones of a workflow with few": list({ parent: rare, states: [FAILED, CANCELLED] }),
    "successful ones of a workflow with few": list({ parent: rare, states: [SUCCEEDED] }),
    "of one hour in the middle": list({ createdFrom: new Date(before.getTime() - 3_600_000), createdBefore: before }),
    "of a workflow in the middle": list({ parent: rare, createdBefore: before }),
    "with a text that many have": list({ text: "http" }),
    "failed ones with a text that many have": list({ states: [FAILED], text: "keyerror" }),
    "failed ones with a text that nobody has": list({ states: [FAILED], text: "no such text" }),
    "that took 50 s at least": list({ minDuration: { seconds: 50, nanos: 0 } }),
    [`page ${DEEP_PAGES} and on of a workflow with few`]: async () => {
      if (deep === "") deep = await turnPages(client, rare);
      return list({ parent: rare, pageToken: deep })();
    },
    "dead letters": async () => {
      const page = { parent: "workflows/-", pageSize: 50, pageToken: "", text: "" };
      const { runs, partial } = await client.deadLetters.listDeadLetters({
        ...page,
        createdFrom: undefined,
        createdBefore: undefined,
      });
      return { runs: runs.length, partial };
    },
    "opening one": async () => {
      const { runs } = await client.runs.listRuns({ ...ALL_RUNS, pageSize: 1, createdBefore: before });
      await client.runs.getRun({ name: runs[0]!.name });
      return { runs: 1, partial: false };
    },
  };
}

async function turnPages(client: TestHouse["client"], parent: string): Promise<string> {
  let pageToken = "";
  for (let page = 0; page < DEEP_PAGES; page++) {
    const { nextPageToken } = await client.runs.listRuns({ ...ALL_RUNS, parent, pageSize: 1000, pageToken });
    if (nextPageToken === "") return pageToken;
    pageToken = nextPageToken;
  }
  return pageToken;
}

async function ask(house: TestHouse, workflowIds: readonly string[], days: number): Promise<Record<string, Latency>> {
  const found: Record<string, Latency> = {};
  for (const [title, question] of Object.entries(questions(house, workflowIds, days))) {
    found[title] = await time(question);
    say(`${title}: ${JSON.stringify(found[title])}`);
  }
  return found;
}

/** In turns, so that what else the machine does falls on both. */
async function compare(full: TestHouse, empty: TestHouse, rounds: number) {
  const ratios: number[] = [];
  const [atFull, atEmpty] = await Promise.all([full, empty].map(async (house) => prepare(house)));
  for (let index = 0; index < rounds; index++) {
    const [one, other] = [await atFull!(), await atEmpty!()];
    ratios.push(round(one / other));
    say(`round ${index + 1}: ${one} runs/s with history, ${other} without`);
  }
  return { ratios, median: ratios.toSorted((a, b) => a - b)[Math.floor(rounds / 2)] };
}

async function prepare(house: TestHouse): Promise<() => Promise<number>> {
  const workflows = await deployMany(house, 1, 1);
  const db = await house.connectDatabase();
  db.on("error", () => undefined);
  const measure = async (): Promise<number> => (await measureThroughput(house, db, workflows, 3_000)).runsPerSecond;
  await measure();
  return measure;
}

const [runs, days, rounds] = [Number(values.runs), Number(values.days), Number(values.rounds)];
say("starting two houses on scratch data");
let full = await TestHouse.start();
const empty = await TestHouse.start();
try {
  const { id } = await full.deploy({ name: "like", steps: { step1: "", step2: "" } });
  const { workflowIds, seconds } = await fillHistory(() => full.connectDatabase(), id, { runs, days }, say);
  say(`${runs} runs in ${Math.round(seconds)} s`);
  const warm = await ask(full, workflowIds, days);
  full = await full.restart();
  say("after a restart");
  const cold = await ask(full, workflowIds, days);
  const throughput = await compare(full, empty, rounds);
  const figures = { runs, days, fill_s: Math.round(seconds), warm, cold, throughput };
  process.stdout.write(`${JSON.stringify(figures, null, 2)}\n`);
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(figures, null, 2)}\n`);
} catch (thrown) {
  say(thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown));
  process.exitCode = 1;
} finally {
  await Promise.all([full.stop(), empty.stop()]);
}

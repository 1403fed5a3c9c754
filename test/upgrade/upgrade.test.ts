import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { runApi } from "@millrace/protocol";
import { startScratchNats, type ScratchNats } from "@millrace/testkit";
import { until } from "../harness/until.ts";
import { clientOf, emptyDatabase, MixedHouse, newFolder, secretsOf, type Member } from "./mixed-house.ts";
import { missingHistory, PREVIOUS_RELEASE, unpackRelease } from "./release-tree.ts";

const now = join(import.meta.dirname, "../..");
const COUNTED = `def handler(pd):
    return pd.inputs["counts"].increment(pd.steps["trigger"]["event"]["body"]["key"])
`;
const ANSWER = `def handler(pd):
    pd.respond({"status": 200, "body": {"count": pd.steps["count"]["$return_value"]}})
`;

const ALL_RUNS: Omit<runApi.ListRunsRequest, "parent"> = {
  pageSize: 1_000,
  pageToken: "",
  state: runApi.RunState.UNSPECIFIED,
  states: [],
  createdFrom: undefined,
  createdBefore: undefined,
  version: 0,
  text: "",
  minDuration: undefined,
  maxDuration: undefined,
  triggerKind: "",
  requestId: "",
};

type Client = Awaited<ReturnType<typeof clientOf>>;

async function deploy(client: Client, name: string, respond: string, pool = "default"): Promise<string> {
  const inputs = { counts: { store: "counts" } };
  const workflow = await client.workflows.deployWorkflow(
    {
      name: "",
      definitionJson: JSON.stringify({
        name,
        trigger: { http: { respond } },
        steps: [
          { name: "count", python: "count.py", inputs },
          { name: "answer", python: "answer.py" },
        ],
        settings: { pool },
      }),
      sources: { "count.py": COUNTED, "answer.py": ANSWER },
      checkTimeout: undefined,
      modules: {},
      upgradePackages: false,
      packageTimeout: undefined,
    },
    { deadlineMs: 90_000 },
  );
  return new URL(workflow.triggers[0]!.url).pathname;
}

async function post(gateway: Member, path: string, key: string): Promise<Response> {
  const headers = { "content-type": "application/json" };
  return fetch(`${gateway.url}${path}`, { method: "POST", headers, body: JSON.stringify({ key }) });
}

describe("two releases in one house", { skip: missingHistory(PREVIOUS_RELEASE) }, () => {
  const pools = ["old", "new", "default"];
  let house: MixedHouse;
  let nats: ScratchNats;
  let before_: string;
  let tokens: Record<string, string>;
  let apiKey: string;

  before(async () => {
    const folder = newFolder();
    before_ = unpackRelease(PREVIOUS_RELEASE, join(folder, "previous"));
    const databaseUrl = await emptyDatabase();
    const { trust, joinTokens } = await secretsOf(folder, "nats://127.0.0.1:1", databaseUrl, pools);
    nats = await startScratchNats({
      trust: { operatorJwt: trust.operator, systemAccount: trust.system_account, accounts: trust.resolver_preload },
    });
    tokens = joinTokens;
    house = new MixedHouse({ databaseUrl, folder, env: await secretsOf(folder, nats.url, databaseUrl, pools) });
    const made = await house.operate(before_, ["migrate", "--phase", "pre"]);
    assert.equal(made.code, 0, made.output);
    const key = await house.operate(before_, ["create-key", "--json"]);
    assert.equal(key.code, 0, key.output);
    apiKey = (JSON.parse(key.output) as { key: string }).key;
  });
  after(async () => {
    await house?.stop();
    await nats?.stop();
  });

  const join_ = (pool: string) => ({ MILLRACE_POOL: pool, MILLRACE_JOIN_TOKEN_FILE: tokens[pool]! });

  it("works in every mix of gateway, scheduler and runner", async () => {
    const prepared = await house.operate(now, ["migrate", "--phase", "pre"]);
    assert.equal(prepared.code, 0, prepared.output);
    const started = await Promise.all([
      house.start("scheduler", before_),
      house.start("gateway", before_),
      house.start("gateway", now),
      house.start("runner", before_, join_("old")),
      house.start("runner", now, join_("new")),
    ]);
    const [scheduler, ...others] = started as [Member, ...Member[]];
    await Promise.all(started.map((one) => one.ready()));
    const gateways = others.filter(({ role }) => role === "gateway");
    const paths = await deployToBoth(gateways[0]!);
    await tryAll(gateways, paths, "the old scheduler");
    const next = await house.start("scheduler", now);
    await next.ready();
    await scheduler.stop();
    await tryAll(gateways, paths, "the new scheduler");
    for (const one of [...others, next]) await one.stop();
  });

  async function deployToBoth(gateway: Member): Promise<Record<string, string>> {
    const client = await clientOf(gateway, apiKey);
    const old = await deploy(client, "in-old", "workflow", "old");
    const fresh = await deploy(client, "in-new", "workflow", "new");
    client.close();
    return { old, fresh };
  }

  async function tryAll(gateways: readonly Member[], paths: Record<string, string>, under: string): Promise<void> {
    for (const [index, gateway] of gateways.entries()) {
      for (const [pool, path] of Object.entries(paths)) {
        const key = `${under} ${index} ${pool}`;
        const answer = await post(gateway, path, key);
        const text = await answer.text();
        assert.equal(answer.status, 200, `${key}: ${text}`);
        assert.deepEqual(JSON.parse(text), { count: 1 }, key);
      }
    }
  }

  it("loses nothing when one process after the other is rolled under load", async () => {
    const [scheduler, gateway, runner] = (await Promise.all([
      house.start("scheduler", before_),
      house.start("gateway", before_),
      house.start("runner", before_, join_("default")),
    ])) as [Member, Member, Member];
    await Promise.all([scheduler, gateway, runner].map((one) => one.ready()));
    const client = await clientOf(gateway, apiKey);
    const path = await deploy(client, "rolled", "immediate");
    client.close();
    const load = new Load(path, [gateway]);
    await load.passed(10);

    const nextScheduler = await (await house.start("scheduler", now)).ready();
    await scheduler.stop();
    await load.passed(10);
    const nextGateway = await (await house.start("gateway", now)).ready();
    load.gateways.push(nextGateway);
    load.gateways.shift();
    await gateway.stop();
    await load.passed(10);
    const nextRunner = await (await house.start("runner", now, join_("default"))).ready();
    await runner.stop();
    await load.passed(10);
    const { acknowledged, unknown } = await load.stop();

    const reader = await clientOf(nextGateway, apiKey);
    const ended = async (): Promise<number> => {
      const { runs } = await reader.runs.listRuns({ ...ALL_RUNS, parent: "workflows/rolled" });
      return runs.filter(({ state }) => state === runApi.RunState.SUCCEEDED).length;
    };
    const counted = async (): Promise<number> => {
      const record = await reader.dataStores.getDataStoreRecord({ parent: "dataStores/counts", key: "load" });
      return Number(record.valueJson);
    };
    await until(async () => (await ended()) >= acknowledged, 60_000);
    // A gateway that goes may take a run and lose its answer.
    assert.ok((await ended()) <= acknowledged + unknown, `${await ended()} runs, ${acknowledged} acknowledged`);
    assert.equal(await counted(), await ended(), "each run has counted once");
    reader.close();
    const finished = await house.operate(now, ["migrate", "--phase", "post", "--wait", "60"]);
    assert.equal(finished.code, 0, finished.output);
    for (const one of [nextGateway, nextRunner, nextScheduler]) await one.stop();
  });
});

/** Hands runs in all the time, to one of the gateways that take some, and counts what was acknowledged. */
class Load {
  readonly gateways: Member[];
  readonly #path: string;
  readonly #done: Promise<void>;
  #acknowledged = 0;
  #unknown = 0;
  #stopped = false;

  constructor(path: string, gateways: Member[]) {
    this.#path = path;
    this.gateways = gateways;
    this.#done = this.#run();
  }

  /** Waits until so many more were acknowledged. */
  async passed(more: number): Promise<void> {
    const goal = this.#acknowledged + more;
    await until(() => this.#acknowledged >= goal, 60_000);
  }

  async stop(): Promise<{ acknowledged: number; unknown: number }> {
    this.#stopped = true;
    await this.#done;
    return { acknowledged: this.#acknowledged, unknown: this.#unknown };
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const answer = await post(this.gateways[0]!, this.#path, "load").catch(() => undefined);
      await answer?.arrayBuffer();
      if (answer?.status === 200) this.#acknowledged++;
      else this.#unknown++;
      await sleep(20);
    }
  }
}

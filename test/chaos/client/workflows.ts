import { setTimeout as sleep } from "node:timers/promises";

import type { ApiClient } from "@millrace/cli";

/** Workflows whose runs are asked for one after another, each on its own partition: their gaps are the house's stalls. */
export const PROBES = Array.from({ length: 6 }, (_, index) => `probe-${index}`);

/** Most places that counters and claims spread over. */
export const COUNTERS = 4;

/** The head of every step's source: how it tells the witness. */
function preamble(url: string): string {
  return `import json
import time
import urllib.request
import uuid

def teller(pd, workflow, step, names):
    run = pd.context["run"]["id"]
    before = pd.steps[names[step - 1]]["$return_value"]["token"] if step > 0 else None
    token = uuid.uuid4().hex
    count = [0]
    def tell(kind, **more):
        count[0] += 1
        told = {"kind": kind, "workflow": workflow, "run": run, "step": step, "token": token, "before": before,
                "n": count[0], **more}
        for attempt in range(20):
            try:
                urllib.request.urlopen(${JSON.stringify(url)}, data=json.dumps(told).encode(), timeout=10).read()
                return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError("the witness does not answer")
    return token, tell
`;
}

/** A step that begins, does something, and ends; what it does may use `pd`, `event`, `tell`, `out`. */
function step(url: string, workflow: string, names: readonly string[], index: number, body: string): string {
  const indented = body.replaceAll(/^(?=.)/gm, "    ");
  return `${preamble(url)}

def handler(pd):
    token, tell = teller(pd, ${JSON.stringify(workflow)}, ${index}, ${JSON.stringify(names)})
    event = pd.steps["trigger"]["event"]
    out = {"token": token, "mark": event["mark"]}
    tell("begin")
    print("begin", token)
${indented}
    print("end", token)
    tell("end")
    return out
`;
}

const work = (ms: number): string => `time.sleep(${ms / 1000})`;

/** Work that shows every 100 ms that it still goes on. */
const visibleWork = (ticks: number): string => `for _ in range(${ticks}):\n    time.sleep(0.1)\n    tell("tick")`;

interface Definition {
  readonly name: string;
  readonly bodies: readonly string[];
  readonly trigger?: object;
  readonly settings?: object;
}

const COUNT = `ds = pd.inputs["data_store"]
out["sums"] = [ds.increment(event["counter"]) for _ in range(event["times"])]
ds.increment("own:" + event["mark"], event["times"])
ds.append("log:" + event["mark"], out["sums"])
out["claimed"] = ds.compare_and_set(event["claim"], None, event["mark"])`;

const SUSPEND = `links = pd.flow.suspend(timeout_ms=900000)
tell("link", link=links["resume_url"])`;

const RESUMED = `out["resumed"] = pd.steps["step-0"]["$resume_data"]`;

const DELAY = `pd.flow.delay(event["delay"])
out["asked"] = time.time()`;

const CHILD = `pd.flow.trigger("child", {"mark": event["mark"]}, wait=True)`;
const CHILD_RESULT = `child = pd.steps["step-0"]["$child"]
out["child"] = child["state"]
out["child_token"] = (child["result"] or {}).get("token")`;

function definitions(): Definition[] {
  const side = { pool: "side" };
  const patient = { stepTimeout: "5m", runTimeout: "10m" };
  const http = (respond: string): object => ({ http: { respond, event: "body" } });
  const probes = PROBES.map((name, index): Definition => {
    const body = `pd.respond({"status": 200, "body": {"token": token, "mark": event["mark"]}})`;
    return { name, bodies: [body], trigger: http("workflow"), settings: index % 2 === 0 ? {} : side };
  });
  return [
    ...probes,
    { name: "at-once", bodies: [work(20), work(20), work(20)], trigger: http("immediate") },
    { name: "steps", bodies: [work(30), work(100), work(30)], settings: side },
    { name: "cancelled", bodies: [work(400), work(400), work(400)] },
    { name: "suspended", bodies: [SUSPEND, RESUMED] },
    { name: "delayed", bodies: [DELAY, work(10)], settings: side },
    { name: "counting", bodies: [COUNT, work(10)], settings: patient },
    { name: "limit-1", bodies: [visibleWork(2), visibleWork(1)], settings: { concurrency: 1 } },
    { name: "limit-3", bodies: [visibleWork(5)], settings: { concurrency: 3, ...side } },
    { name: "parent", bodies: [CHILD, CHILD_RESULT] },
    { name: "child", bodies: [work(20)], settings: side },
  ];
}

/** Deploys everything that the client runs; returns the addresses of the HTTP triggers, by workflow. */
export async function deployAll(client: ApiClient, witnessUrl: string): Promise<ReadonlyMap<string, string>> {
  const urls = new Map<string, string>();
  for (const { name, bodies, trigger = { http: {} }, settings } of definitions()) {
    const names = bodies.map((_, index) => `step-${index}`);
    const steps = names.map((stepName, index) => ({ name: stepName, python: `step_${index}.py` }));
    const sources = bodies.map((body, index) => [`step_${index}.py`, step(witnessUrl, name, names, index, body)]);
    const deployed = await patiently(() =>
      client.workflows.deployWorkflow(
        {
          ...{ name: "", checkTimeout: undefined, modules: {}, upgradePackages: false, packageTimeout: undefined },
          definitionJson: JSON.stringify({ name, trigger, steps, settings }),
          sources: Object.fromEntries(sources) as Record<string, string>,
        },
        { deadlineMs: 30_000 },
      ),
    );
    const url = deployed.triggers[0]?.url;
    if (url !== undefined) urls.set(name, url);
  }
  return urls;
}

/** Gateways that have just started may not serve yet. */
async function patiently<T>(call: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await call();
    } catch (error) {
      if (tries >= 5) throw error;
      await sleep(500);
    }
  }
}

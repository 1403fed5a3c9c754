import { watchDeploy } from "../harness/package-deploys.ts";
import type { TestHouse } from "../harness/test-house.ts";
import { HttpConnection } from "./http-connection.ts";
import { quantiles } from "./quantiles.ts";

const BODY = "{}";
/** Old versions that differ in nothing that matters here: each is a set that no runner has. */
const REQUESTS_VERSIONS = ["2.31.0", "2.32.0", "2.32.1", "2.32.2", "2.32.3"];

const WARM_MS = 1500;

/** What packages cost, medians in ms. */
export interface PackageFigures {
  /** First request to a version that no environment has run. */
  readonly cold_start_requests: number;
  readonly cold_start_pandas: number;
  /** A second environment of a version whose first one is busy. */
  readonly second_environment_requests: number;
  readonly second_environment_pandas: number;
  /** Deploys of a version whose packages the runner has, and whose packages nobody has. */
  readonly deploy_known_set: number;
  readonly deploy_new_set: number;
}

/** Measures with packages from the registry; what comes over the network is in `deploy_new_set` alone. */
export async function measurePackages(house: TestHouse, count: number): Promise<PackageFigures> {
  const known: number[] = [];
  const requests = await measureColdStarts(house, "requests", count, known);
  const pandas = await measureColdStarts(house, "pandas", Math.min(count, 10), []);
  const fresh: number[] = [];
  for (const [index, version] of REQUESTS_VERSIONS.slice(0, count).entries()) {
    const source = `# millrace add-package requests==${version}\nimport requests`;
    fresh.push(await timeDeploy(house, `bench-new-${index}`, source));
  }
  return {
    cold_start_requests: quantiles(requests).p50,
    cold_start_pandas: quantiles(pandas).p50,
    second_environment_requests: await measureSecond(house, "requests", count),
    second_environment_pandas: await measureSecond(house, "pandas", Math.min(count, 10)),
    deploy_known_set: quantiles(known).p50,
    deploy_new_set: quantiles(fresh).p50,
  };
}

async function timeDeploy(house: TestHouse, name: string, source: string): Promise<number> {
  const startMs = performance.now();
  await deployStep(house, name, source);
  return performance.now() - startMs;
}

async function deployStep(house: TestHouse, name: string, source: string): Promise<string> {
  const definition = { trigger: { http: { respond: "workflow" } }, settings: { memory: "512MB" } };
  const { workflow } = await watchDeploy(house, { name, ...definition, steps: { a: source } });
  return workflow.triggers[0]!.url;
}

/** The first deploy brings the set; those behind it know it. */
async function measureColdStarts(
  house: TestHouse,
  module: string,
  count: number,
  deploys: number[],
): Promise<number[]> {
  const source = `import ${module}\ndef handler(pd):\n    pd.respond({"status": 200, "body": "ok"})`;
  await deployStep(house, `bench-${module}`, source);
  const times: number[] = [];
  for (let index = 0; index < count; index++) {
    deploys.push(await timeDeploy(house, `bench-${module}-${index}`, source));
    const { triggers } = await house.client.workflows.getWorkflow({ name: `workflows/bench-${module}-${index}` });
    const connection = await HttpConnection.open(triggers[0]!.url, BODY);
    await refilled();
    const startMs = performance.now();
    await connection.post();
    times.push(performance.now() - startMs);
    connection.close();
  }
  return times;
}

/** One request keeps the first environment busy while another comes. */
async function measureSecond(house: TestHouse, module: string, count: number): Promise<number> {
  const source = `import ${module}, time
def handler(pd):
    time.sleep(float(pd.steps["trigger"]["event"]["query"].get("s", 0)))
    pd.respond({"status": 200, "body": "ok"})`;
  const times: number[] = [];
  for (let index = 0; index < count; index++) {
    const url = await deployStep(house, `bench-second-${module}-${index}`, source);
    await (await fetch(url)).text();
    // A warm workflow has run for a while: what is made ahead for it is there.
    await new Promise((resolve) => setTimeout(resolve, WARM_MS));
    const busy = fetch(`${url}?s=0.5`).then((response) => response.text());
    await new Promise((resolve) => setTimeout(resolve, 100));
    const connection = await HttpConnection.open(url, BODY);
    const startMs = performance.now();
    await connection.post();
    times.push(performance.now() - startMs);
    connection.close();
    await busy;
  }
  return quantiles(times).p50;
}

/** The pool of blank interpreters fills up again, as it does between two deploys of people. */
function refilled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 300));
}

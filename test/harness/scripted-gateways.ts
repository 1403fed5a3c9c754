/**
 * Two gateways with a scripted owner and a scripted runner behind them, and the words that these say. The files of tests that
 * import it each have a house of their own: `useGateways` starts it before their tests and ends it behind them.
 */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, afterEach, before } from "node:test";
import type { Channels } from "@millrace/bus";
import { PlatformError } from "@millrace/core";
import { houseApi, runApi, variableApi, workflowApi, type control, type step } from "@millrace/protocol";
import { handingOf } from "./scripted-runner.ts";
import {
  accept as acceptIn,
  ownerOf,
  startTestGateways,
  type ClientOptions,
  type TestGateways,
} from "./test-gateway.ts";
import { until } from "./until.ts";

/** Largest body of a request. */
export const BODY_LIMIT = 100_000;

export let house: TestGateways;
export let gateways: TestGateways["gateways"];
export let channels: Channels;
export let projectId: string;
export let key: string;
export let otherKey: string;

/** Starts the house before the tests of a file and closes it behind them. */
export function useGateways(settings: Readonly<Record<string, string>> = {}): void {
  before(async () => {
    house = await startTestGateways(2, {
      MILLRACE_HTTP_WAIT_MS: "1000",
      MILLRACE_SUBMIT_TIMEOUT_MS: "1500",
      MILLRACE_SUBMIT_RESEND_MS: "100",
      MILLRACE_BODY_LIMIT_BYTES: String(BODY_LIMIT),
      MILLRACE_WAITING_REQUESTS_MAX: "5",
      MILLRACE_REQUEST_TIMEOUT_MS: "2000",
      MILLRACE_REQUEST_BYTES_MAX: String(2 * BODY_LIMIT),
      ...settings,
    });
    ({ gateways, channels, projectId, key, otherKey } = house);
    // Each has heard of the other once it has announced itself.
    await until(async () => (await houseOf().getHouse({})).gateways.length === 2);
  });

  after(() => house.close());

  afterEach(() => {
    house.onSubmit = () => {};
    house.problems = [];
  });
}

export const houseOf = (options?: ClientOptions) => house.client(houseApi.HouseServiceService, options);
export const workflowsOf = (options?: ClientOptions) => house.client(workflowApi.WorkflowServiceService, options);
export const runsOf = (options?: ClientOptions) => house.client(runApi.RunServiceService, options);
export const variablesOf = (options?: ClientOptions) => house.client(variableApi.VariableServiceService, options);
export const accept = (submit: control.Submit, outcome?: control.SubmitOutcome) => acceptIn(house, submit, outcome);

export interface Deployment {
  readonly workflow: workflowApi.Workflow;
  /** Path of the trigger on every gateway. */
  readonly path: string;
}

let deployments = 0;

export async function deploy(http: object = {}, extra: object = {}): Promise<Deployment> {
  const definition = {
    name: `workflow ${++deployments}`,
    triggers: [{ http }],
    steps: [{ name: "one", python: "one.py" }],
    ...extra,
  };
  const workflow = await workflowsOf().deployWorkflow({
    name: "",
    definitionJson: JSON.stringify(definition),
    sources: { "one.py": "print(1)" },
    checkTimeout: undefined,
    modules: {},
    upgradePackages: false,
    packageTimeout: undefined,
  });
  return { workflow, path: new URL(workflow.triggers[0]!.url).pathname };
}

export function ask(path: string, init: RequestInit = {}, gateway = 0): Promise<Response> {
  return fetch(`http://127.0.0.1:${gateways[gateway]!.httpPort}${path}`, init);
}

export async function errorOf(response: Response): Promise<{ reason: string; run?: string }> {
  return ((await response.json()) as { error: { reason: string; run?: string } }).error;
}

// The scripted owner's words

/** An answer that waits for no checkpoint, as a runner sends it. */
export function answer(submit: control.Submit, body: string, assignment: number): void {
  const { partition, runId } = submit;
  channels.answer(submit.gateway).send({
    handing: handingOf({ partition, runId, assignment }),
    path: "steps/0",
    response: responseOf({ body: Buffer.from(body), immediate: true }),
    busyMs: 1,
  });
}

/** The answer of a committed checkpoint; without one, the record has it. */
export function release(submit: control.Submit, given: Partial<step.Response> | undefined): void {
  const { runId, gateway } = submit;
  const response = given && responseOf(given);
  const execution = { path: "steps/0", executionId: "e1" };
  channels.release(gateway).send({ owner: ownerOf(submit), runId, ...execution, response, busyMs: 1 });
}

function responseOf(given: Partial<step.Response>): step.Response {
  return {
    ...{ status: 200, headers: [], body: Buffer.from("answer"), immediate: false, bodyIsReference: false },
    ...given,
  };
}

export function end(submit: control.Submit, state: control.RunState): void {
  channels
    .ended(submit.gateway)
    .send({ owner: ownerOf(submit), runId: submit.runId, state, responsePath: "", busyMs: 0 });
}
export function withHost(line: string): string {
  return `${line} HTTP/1.1\r\nhost: x\r\n\r\n`;
}

export function statusesOf(text: string): string[] {
  return [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map((match) => match[1]!);
}

export function rawRequest(path: string, method: string, headers: Record<string, string>): Promise<string> {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return raw(`${method} ${path} HTTP/1.1\r\nhost: x\r\n${lines.join("")}connection: close\r\n\r\n`);
}

/** What the gateway sends for these very bytes: until it closes, or until so many answers have come. */
export function raw(bytes: string | Buffer, answers = Infinity): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(gateways[0]!.httpPort, "127.0.0.1", () => socket.write(bytes));
    let text = "";
    socket.setEncoding("latin1");
    socket.on("data", (chunk) => {
      text += chunk;
      const complete = statusesOf(text).length >= answers && text.includes("not empty");
      if (complete) socket.end();
    });
    socket.on("close", () => resolve(text));
    socket.on("error", reject);
  });
}

export async function reasonOf(call: Promise<unknown> | AsyncIterable<unknown>): Promise<string> {
  try {
    if (Symbol.asyncIterator in call) for await (const _item of call);
    else await call;
  } catch (thrown) {
    assert.ok(thrown instanceof PlatformError, String(thrown));
    return `${thrown.kind} ${thrown.reason}`;
  }
  return "nothing";
}

export function newRun(parent: string): runApi.CreateRunRequest {
  return { parent, eventJson: "", requestId: "", waitTimeout: undefined };
}

import assert from "node:assert/strict";
import { readFileSync, readdirSync, statSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";

import type { RunDocument } from "@millrace/cli";
import { TestHouse } from "../harness/test-house.ts";
import type { OtherUser } from "../harness/other-user.ts";
import { PackageIndex } from "../harness/package-index.ts";
import { HOSTILE_PACKAGES } from "./hostile-packages.ts";
import { escapedFiles, groupsOf, machineState, strayProcesses } from "./machine-state.ts";
import type { HostileStep } from "./read-corpus.ts";

const NEIGHBOUR = `
warm = []
def handler(pd):
    import os
    warm.append(1)
    mark = pd.steps["trigger"]["event"]["mark"]
    with open("/tmp/mine", "a") as file:
        file.write(mark)
    with open("/tmp/mine") as file:
        return [len(warm), sorted(os.listdir("/tmp")), file.read() == mark * len(warm)]
`;

const SECRET = "hostile-secret-4f1c9e77";
const NEIGHBOUR_MARK = "neighbour-mark-b81d22c5";
const CLOUD_KEY = "cloud-key-of-the-operator-77aa12";

interface Parts {
  readonly house: TestHouse;
  readonly index: PackageIndex;
  readonly abstract: Server;
  readonly user: OtherUser | undefined;
}

/** A house with hostile steps in it, and a neighbour that must not notice. */
export class HostileHouse {
  readonly #house: TestHouse;
  readonly #before = machineState();
  readonly #canaries: readonly string[];
  readonly #seen: Record<string, unknown>;
  readonly #index: PackageIndex;
  readonly #abstract: Server;
  readonly #uids: { from: number; to: number };
  readonly #processes: string;
  #neighbourRuns = 0;

  private constructor({ house, index, abstract, user }: Parts, processes: string) {
    this.#house = house;
    this.#index = index;
    this.#abstract = abstract;
    this.#processes = processes;
    const state = readFileSync(join(house.data, "house.json"), "utf8");
    const secrets = [...state.matchAll(/"([0-9A-Za-z_+/=-]{16,})"/g)].map((match) => match[1] ?? "");
    this.#canaries = [house.apiKey, CLOUD_KEY, NEIGHBOUR_MARK, ...secrets];
    this.#seen = { ...this.#places(state), abstract: abstract.address() };
    const own = process.getuid?.() ?? 0;
    this.#uids = user === undefined && own === 0 ? { from: 200_000, to: 265_535 } : { from: -2, to: -2 };
  }

  static async start(user?: OtherUser): Promise<HostileHouse> {
    const index = await PackageIndex.start();
    index.add(...HOSTILE_PACKAGES);
    const house = await TestHouse.start({
      environment: { AWS_SECRET_ACCESS_KEY: CLOUD_KEY, MILLRACE_PACKAGE_INDEX_URL: index.url },
      ...(user !== undefined && { user }),
    });
    // As a daemon of the machine would: a socket by an abstract name.
    const name = `millrace-daemon-${process.pid}-${Date.now()}`;
    const abstract = createServer((socket) => socket.end("hello"));
    await new Promise<void>((resolve) => abstract.listen(`\0${name}`, resolve));
    abstract.address = () => name;
    await house.cli(["env", "set", "HOSTILE_SECRET", SECRET]);
    await house.deploy({ name: "neighbour", trigger: { http: {} }, steps: { work: NEIGHBOUR } });
    const made = new HostileHouse({ house, index, abstract, user }, await pids(house));
    await made.checkNeighbour();
    return made;
  }

  /** Runs one step and checks its end, that nothing leaked, and that the neighbour is as it was. */
  async run(step: HostileStep): Promise<void> {
    const name = `hostile-${step.name.replaceAll(/[^a-z]+/g, "-")}`;
    const settings = { stepTimeout: "60s", ...step.settings };
    await this.#house.deploy({ name, trigger: { http: {} }, steps: { attack: step.source }, settings });
    const run = await this.#house.run(name, this.#seen);
    this.#checkEnd(step, run);
    this.#checkSecrets(run);
    await this.checkNeighbour();
  }

  /** The same warm environment with the same files: it would start anew at 1 had anything reached it. */
  async checkNeighbour(): Promise<void> {
    this.#neighbourRuns++;
    const run = await this.#house.run("neighbour", { mark: NEIGHBOUR_MARK });
    assert.deepEqual(
      run.steps[0]?.returnValue,
      [this.#neighbourRuns, ["mine"], true],
      run.failure?.message ?? run.state,
    );
  }

  /** What only shows at the end: the machine, the house's processes, and nothing left of any environment. */
  async checkMachine(): Promise<void> {
    assert.deepEqual(machineState(), this.#before);
    assert.equal(await pids(this.#house), this.#processes, "a process of the house has died");
    assert.deepEqual(await eventually(() => strayProcesses(this.#uids)), []);
    const folders = ["/tmp", "/dev/shm", "/var/tmp", "/run", "/", homedir(), process.cwd(), this.#house.data];
    assert.deepEqual(escapedFiles([...folders, tmpdir()]), []);
    assert.ok(!this.#house.log.includes(SECRET) && !this.#logs().includes(CLOUD_KEY));
  }

  async stop(): Promise<void> {
    this.#abstract.close();
    this.#index.stop();
    const workers = (await this.#house.processes()).filter(({ role }) => role === "worker");
    await this.#house.stop();
    for (const { pid } of workers) assert.deepEqual(await eventually(() => groupsOf(pid ?? 0)), []);
    assert.deepEqual(await eventually(() => strayProcesses(this.#uids)), []);
  }

  #checkEnd({ ends }: HostileStep, run: RunDocument): void {
    const message = `${run.failure?.type}: ${run.failure?.message}`;
    if (ends === "either") assert.ok(["SUCCEEDED", "FAILED"].includes(run.state), run.state);
    else if (ends === "held") assert.equal(run.state === "SUCCEEDED" ? run.steps[0]?.returnValue : message, "held");
    else assert.match(run.state === "FAILED" ? message : run.state, ends);
  }

  /** Nothing of the platform's in what people read: not in exports, errors, logs or the event that comes back. */
  #checkSecrets(run: RunDocument): void {
    const { event: _, ...rest } = run;
    const text = JSON.stringify(rest);
    for (const canary of this.#canaries) assert.ok(!text.includes(canary), `${canary.slice(0, 4)}… has leaked`);
    const read = JSON.stringify({ failure: run.failure, logs: run.logs, steps: run.steps.map(({ logs }) => logs) });
    for (const form of [SECRET, Buffer.from(SECRET).toString("base64")]) assert.ok(!read.includes(form), "not masked");
  }

  #places(state: string): Record<string, unknown> {
    const { ports } = JSON.parse(state) as { ports: Record<string, number> };
    return {
      data: this.#house.data,
      home: homedir(),
      checkout: process.cwd(),
      url: this.#house.url,
      natsPort: ports["nats"],
      postgresPort: ports["postgres"],
      sockets: socketsIn(this.#house.data),
      // Backwards, so that what a step is told is not what it finds.
      secrets: this.#canaries.map(backwards),
      neighbour: backwards(NEIGHBOUR_MARK),
    };
  }

  #logs(): string {
    const folder = join(this.#house.data, "logs");
    return readdirSync(folder)
      .map((name) => readFileSync(join(folder, name), "utf8"))
      .join("\n");
  }
}

/** The processes of the house by role and number. */
async function pids(house: TestHouse): Promise<string> {
  const processes = await house.processes();
  return JSON.stringify(processes.map(({ role, pid }) => `${role} ${pid}`).sort());
}

function socketsIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isSocket() === true);
}

function backwards(text: string): string {
  return [...text].reverse().join("");
}

/** What is left once it had time to go. */
async function eventually(look: () => string[]): Promise<string[]> {
  const end = performance.now() + 10_000;
  while (look().length > 0 && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 100));
  return look();
}

import { spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execFile } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

import { signal } from "@millrace/provision";
import type { FaultRecord, History } from "../client/history.ts";
import { PROBES } from "../client/workflows.ts";
import type { ChaosHouse } from "../house/chaos-house.ts";
import type { Member } from "../house/member.ts";
import { describe, type Cut, type OldPrimary, type PlannedFault, type Round, type SlowLink } from "./schedule.ts";

const run = promisify(execFile);

/** What undoes a fault. */
type Heal = () => Promise<void>;

const HEAL_MS = 60_000;
/** What the charts' liveness probe gives a NATS server without JetStream. */
const LIVENESS_MS = 15_000;
/** How long an old primary is back before it is ended. */
const OLD_PRIMARY_MS = 2_000;

/** Breaks a house as planned, heals it again after each round, and writes down when. */
export class Nemesis {
  readonly #house: ChaosHouse;
  readonly #history: History;
  readonly #seed: string;
  readonly #say: (line: string) => void;

  constructor(house: ChaosHouse, history: History, seed: string, say: (line: string) => void) {
    this.#house = house;
    this.#history = history;
    this.#seed = seed;
    this.#say = say;
  }

  /** Makes round after round until the time is over; each begins when the house has got over the one before. */
  async run(rounds: readonly Round[], endAt: number, recoveryMs: number): Promise<void> {
    for (const { faults, peaceMs } of rounds) {
      if (performance.now() + Math.max(...faults.map(({ holdMs }) => holdMs)) > endAt) return;
      await Promise.all(faults.map((fault) => this.#make(fault)));
      await this.#recovered(performance.now(), recoveryMs);
      await sleep(peaceMs);
    }
  }

  /** Every probe has been answered since, so that what stands still next is the next fault's doing. */
  async #recovered(sinceMs: number, recoveryMs: number): Promise<void> {
    const endAt = performance.now() + recoveryMs;
    const waiting = new Set(PROBES);
    const seen = this.#history.operations.length;
    while (waiting.size > 0 && performance.now() < endAt) {
      await sleep(100);
      for (const { workflow, answer, endMs = 0 } of this.#history.operations.slice(seen)) {
        if (answer !== undefined && endMs > sinceMs) waiting.delete(workflow);
      }
    }
  }

  async #make(fault: PlannedFault): Promise<void> {
    await sleep(fault.afterMs ?? 0);
    const victims = this.#resolve(fault);
    const what = describe(fault);
    this.#say(what);
    const startMs = performance.now();
    const record: FaultRecord = {
      ...{ kind: fault.kind, what, startMs, endMs: Infinity, workableMs: startMs, error: undefined },
      frozen: fault.kind === "freeze" ? victims : [],
      movesClock: fault.kind === "clock",
    };
    this.#history.faults.push(record);
    try {
      const heal = await this.#begin(fault, victims);
      await sleep(fault.holdMs);
      // What takes away all of something leaves nothing to work with until it is given back.
      if (this.#house.isVital(fault, victims)) Object.assign(record, { workableMs: performance.now() });
      await heal();
    } catch (error) {
      record.error = String(error);
      this.#say(`  could not be healed: ${record.error}`);
    }
    record.endMs = performance.now();
    this.#history.write("fault", record);
  }

  #resolve(fault: PlannedFault): string[] {
    const names = fault.kind === "restart" ? fault.victims : "victim" in fault ? [fault.victim] : [];
    return names.map((name) => this.#house.nameOf(name));
  }

  async #begin(fault: PlannedFault, victims: readonly string[]): Promise<Heal> {
    const members = victims.map((name) => this.#house.member(name));
    const [victim] = members;
    switch (fault.kind) {
      case "kill":
        return this.#kill(members);
      case "blackout":
        return this.#kill([...this.#house.members.values()]);
      case "kill-worker":
        return this.#killWorkers(victim as Member);
      case "stop":
        return pause(this.#processesOf(victim as Member));
      case "freeze":
        return pause(this.#house.processesOn((victim as Member).name));
      case "partition":
        return this.#cut(fault.cuts);
      case "slow":
        return this.#slow((victim as Member).name, fault.link);
      case "disk":
        return this.#fill((victim as Member).name);
      case "clock":
        return this.#moveClock((victim as Member).name, fault.jumpMs);
      case "restart":
        return this.#restart(members);
      case "failover":
        return this.#failOver(fault.old);
    }
  }

  /** A server of the record is all of its processes: while only the first one is stopped, its connections go on. */
  #processesOf(member: Member): number[] {
    return member.plan.role === "postgres" ? this.#house.processesOn(member.name) : [member.pid ?? 0];
  }

  async #kill(members: readonly Member[]): Promise<Heal> {
    await Promise.all(members.map((member) => member.kill()));
    return async () => {
      for (const member of members) member.launch();
      await Promise.all(members.map((member) => member.ready(HEAL_MS)));
    };
  }

  #killWorkers(runner: Member): Promise<Heal> {
    const workers = this.#house.childrenOf(runner);
    for (const pid of workers) signal(pid, "SIGKILL");
    return Promise.resolve(() => runner.ready(HEAL_MS));
  }

  async #cut(cuts: readonly Cut[]): Promise<Heal> {
    const { network } = this.#house;
    for (const { deaf, mute } of cuts) {
      await network.cut(this.#house.hostOf(this.#house.nameOf(deaf)), this.#house.hostOf(this.#house.nameOf(mute)));
    }
    return () => network.mend();
  }

  async #slow(name: string, { delayMs, jitterMs, loss }: SlowLink): Promise<Heal> {
    const { link, bridge } = this.#house.network.linkOf(this.#house.hostOf(name));
    const options = [
      ...["--link", link, "--bridge", bridge, "--tap", `${link}s`, "--exempt", this.#house.network.outside],
      ...["--delay-ms", String(delayMs), "--jitter-ms", String(jitterMs), "--loss", String(loss), "--seed", this.#seed],
    ];
    const script = join(import.meta.dirname, "slow_link.py");
    const child = spawn("python3", [script, ...options], { stdio: ["pipe", "pipe", "inherit"] });
    const exited = once(child, "exit");
    await Promise.race([
      once(child.stdout, "data"),
      exited.then(() => Promise.reject(new Error("the slow cable could not be laid"))),
    ]);
    return async () => {
      child.stdin.end();
      await exited;
    };
  }

  async #fill(name: string): Promise<Heal> {
    const disk = this.#house.diskOf(name);
    const file = join(disk, "filled");
    const { bavail, bsize } = statfsSync(disk);
    // Others write meanwhile; what they have left over a second file takes.
    await run("fallocate", ["-l", String(Math.floor(bavail * 0.98) * bsize), file]);
    await run("dd", ["if=/dev/zero", `of=${file}.rest`, "bs=64K", "status=none"]).catch(() => undefined);
    return async () => {
      rmSync(file);
      rmSync(`${file}.rest`);
      await this.#reviveAfterFullDisk(this.#house.member(name));
    };
  }

  /** A NATS server that found its disk full keeps JetStream off until its liveness probe has it started again. */
  async #reviveAfterFullDisk(member: Member): Promise<void> {
    if (member.plan.role !== "nats") return member.ready(HEAL_MS);
    await member.ready(LIVENESS_MS).catch(async () => {
      await member.stop();
      await member.start(HEAL_MS);
    });
  }

  #moveClock(name: string, jumpMs: number): Promise<Heal> {
    const file = this.#house.clockFileOf(name);
    writeFileSync(file, `${jumpMs < 0 ? "" : "+"}${jumpMs / 1_000}\n`);
    return Promise.resolve(() => Promise.resolve(writeFileSync(file, "+0\n")));
  }

  /** Promotes the standby, whatever becomes of the old primary; later that is made into a standby. */
  async #failOver(old: OldPrimary): Promise<Heal> {
    const { record } = this.#house;
    const { primary } = record;
    let heal: Heal = () => Promise.resolve();
    if (old === "killed") await primary.kill();
    if (old === "frozen") heal = await pause(this.#house.processesOn(primary.name));
    if (old === "cut") {
      const others = [...this.#house.members.keys()].filter((name) => name !== primary.name);
      heal = await this.#cut(
        others.flatMap((name) => [
          { deaf: primary.name, mute: name },
          { deaf: name, mute: primary.name },
        ]),
      );
    }
    await record.promote();
    return async () => {
      // The old one is back among the others, and does not know.
      await heal();
      if (old !== "killed") await sleep(OLD_PRIMARY_MS);
      await record.rebuild();
    };
  }

  /** As an upgrade does: one ends in its own time and is back before the next. */
  async #restart(members: readonly Member[]): Promise<Heal> {
    for (const member of members) {
      if (!(await member.stop())) throw new Error(`${member.name} did not end when it was asked to`);
      await member.start();
    }
    return () => Promise.resolve();
  }
}

function pause(pids: readonly number[]): Promise<Heal> {
  for (const pid of pids) signal(pid, "SIGSTOP");
  return Promise.resolve(() => {
    for (const pid of pids) signal(pid, "SIGCONT");
    return Promise.resolve();
  });
}

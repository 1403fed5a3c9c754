import type { Heartbeat, Offer, Refused } from "../messages.ts";
import type { RunSpec } from "../run/run-spec.ts";
import type { Timing } from "../timing.ts";
import type { OwnedRun } from "./owned-run.ts";

/** Runners with a warm environment that are compared before one of them is chosen. */
const WARM_COMPARED = 8;

/** What an owner knows of a runner from its newest heartbeat and from what it has given it since. */
export interface RunnerEntry {
  heartbeat: Heartbeat;
  /** The newest time at which it spoke, on its own clock: of a heartbeat or an offer. When that arrived is `receivedAtMs`. */
  stampMs: number;
  receivedAtMs: number;
  /** Runs of this scheduler that it holds. */
  readonly mine: Set<OwnedRun>;
  /** Runs of other schedulers that it holds, as of the heartbeat. */
  others: number;
  /** Slots that this scheduler may use, those of `mine` included. */
  offered: number;
  /** Idle environments by version, reckoned forward from the heartbeat. */
  warm: Map<string, number>;
  /** Set after a refusal: nothing more until the runner speaks again. */
  full: boolean;
  /** Slots that can be used now, as its pool's index has it. */
  room: number;
  /** When it was last told what waits here. */
  toldAtMs: number;
}

/** The runners of one pool, by how much room they have. */
export class RunnerPool {
  readonly entries = new Set<RunnerEntry>();
  private readonly byRoom: Set<RunnerEntry>[] = [];
  private readonly nextNews: () => number;
  private open = 0;
  /** Another number whenever something may have become possible that was not; of no other pool before or after. */
  news: number;

  constructor(nextNews: () => number) {
    this.nextNews = nextNews;
    this.news = nextNews();
  }

  /** True when some runner has room. */
  get hasRoom(): boolean {
    return this.open > 0;
  }

  /** Puts a runner where its room belongs. */
  place(entry: RunnerEntry, room: number): void {
    if (room > entry.room) this.news = this.nextNews();
    if (room === entry.room) return;
    if (entry.room > 0 && this.byRoom[entry.room]?.delete(entry)) this.open -= 1;
    entry.room = room;
    if (room <= 0) return;
    while (this.byRoom.length <= room) this.byRoom.push(new Set());
    this.byRoom[room]!.add(entry);
    this.open += 1;
  }

  /** Those with room, the most first. */
  *roomiest(): Generator<RunnerEntry> {
    for (let room = this.byRoom.length - 1; room > 0; room--) {
      const entries = this.byRoom[room]!;
      if (entries.size > 0) yield* entries;
      else if (room === this.byRoom.length - 1) this.byRoom.pop();
    }
  }
}

/** The runners that a scheduler hears of, and the choice among the slots that they offer. */
export class RunnerTable {
  private readonly scheduler: string;
  private readonly timing: Timing;
  private readonly entries = new Map<string, RunnerEntry>();
  private readonly pools = new Map<string, RunnerPool>();
  /** Runners with an idle warm environment, by version. */
  private readonly warm = new Map<string, Set<RunnerEntry>>();
  private news = 0;

  constructor(scheduler: string, timing: Timing) {
    this.scheduler = scheduler;
    this.timing = timing;
  }

  get(runner: string): RunnerEntry | undefined {
    return this.entries.get(runner);
  }

  /** The runners of a pool; undefined when none was ever heard. */
  pool(name: string): RunnerPool | undefined {
    return this.pools.get(name);
  }

  /**
   * Takes a heartbeat; false when it is older than what is known.
   *
   * @param isMine partitions whose runs this scheduler counts itself
   */
  update(heartbeat: Heartbeat, nowMs: number, isMine: (partition: number) => boolean): boolean {
    const old = this.entries.get(heartbeat.runner);
    if (old && !isNewer(heartbeat, old.heartbeat)) return false;
    const entry = old?.heartbeat.incarnation === heartbeat.incarnation ? old : this.replace(heartbeat, old);
    entry.heartbeat = heartbeat;
    entry.others = heartbeat.offersSlots
      ? 0
      : heartbeat.held.filter(({ handing }) => !isMine(handing.partition)).length;
    this.setWarm(entry, new Map(heartbeat.warmVersions.map(({ versionId, idle }) => [versionId, idle])));
    const offered = heartbeat.offers.find(({ scheduler }) => scheduler === this.scheduler)?.slots ?? 0;
    this.hear(entry, heartbeat.stampMs, nowMs, offered);
    return true;
  }

  /** One that was overtaken says nothing new, but of what only heartbeats tell. */
  private hear(entry: RunnerEntry, stampMs: number, nowMs: number, offered: number): void {
    if (stampMs > entry.stampMs) {
      entry.stampMs = stampMs;
      entry.receivedAtMs = nowMs;
      entry.offered = offered;
      entry.full = false;
    }
    this.index(entry);
  }

  private replace(heartbeat: Heartbeat, old: RunnerEntry | undefined): RunnerEntry {
    if (old) this.remove(old);
    const entry: RunnerEntry = {
      ...{ heartbeat, stampMs: -Infinity, receivedAtMs: 0, mine: new Set(), others: 0, offered: 0 },
      ...{ warm: new Map(), full: false, room: 0, toldAtMs: -Infinity },
    };
    this.entries.set(heartbeat.runner, entry);
    let pool = this.pools.get(heartbeat.pool);
    if (!pool) this.pools.set(heartbeat.pool, (pool = new RunnerPool(() => ++this.news)));
    pool.entries.add(entry);
    return entry;
  }

  private remove(entry: RunnerEntry): void {
    const { runner, pool: name } = entry.heartbeat;
    const pool = this.pools.get(name);
    this.setWarm(entry, new Map());
    pool?.place(entry, 0);
    pool?.entries.delete(entry);
    if (pool?.entries.size === 0) this.pools.delete(name);
    if (this.entries.get(runner) === entry) this.entries.delete(runner);
  }

  /** A runner has another offer than before. */
  offer({ runner, incarnation, stampMs, slots }: Offer, nowMs: number): void {
    const entry = this.entries.get(runner);
    if (entry?.heartbeat.incarnation === incarnation) this.hear(entry, stampMs, nowMs, slots);
  }

  /** An assignment was refused: there is less room than it seemed, or another reason that the next heartbeat may show. */
  refused({ runner, stampMs, slots }: Refused): void {
    const entry = this.entries.get(runner);
    // What the runner has said since may have overtaken this.
    if (!entry || entry.stampMs > stampMs) return;
    entry.offered = Math.min(entry.offered, slots);
    entry.full = !entry.heartbeat.offersSlots || entry.offered > entry.mine.size;
    this.index(entry);
  }

  /** The newest heartbeats of those that have spoken lately. */
  living(nowMs: number): Heartbeat[] {
    const sinceMs = nowMs - this.timing.limitedWaitMs;
    return [...this.entries.values()].filter((entry) => entry.receivedAtMs > sinceMs).map(({ heartbeat }) => heartbeat);
  }

  /** Forgets runners that have been silent for long, so that names of the past take no memory. */
  forgetSilent(nowMs: number): void {
    for (const entry of this.entries.values()) {
      if (nowMs - entry.receivedAtMs > 20 * this.timing.limitedWaitMs && entry.mine.size === 0) this.remove(entry);
    }
  }

  /** True when some runner has an idle environment that is warm for a run, with room or without. */
  isWarm(run: OwnedRun): boolean {
    return this.warm.has(run.spec.versionId);
  }

  /** A runner with room and an idle environment that is warm for a run; of several one with more room. */
  chooseWarm(run: OwnedRun, nowMs: number): RunnerEntry | undefined {
    const pool = this.pools.get(run.spec.pool);
    let best: RunnerEntry | undefined;
    let compared = 0;
    for (const entry of this.warm.get(run.spec.versionId) ?? []) {
      if (!pool || entry.room === 0 || !this.takes(entry, run, pool, nowMs)) continue;
      if (entry.room > (best?.room ?? 0)) best = entry;
      if (++compared === WARM_COMPARED) break;
    }
    return best;
  }

  /** The runner with most room that can take a run. */
  chooseRoomiest(run: OwnedRun, nowMs: number): RunnerEntry | undefined {
    const pool = this.pools.get(run.spec.pool);
    if (!pool) return undefined;
    for (const entry of pool.roomiest()) if (this.takes(entry, run, pool, nowMs)) return entry;
    return undefined;
  }

  private takes(entry: RunnerEntry, { spec }: OwnedRun, pool: RunnerPool, nowMs: number): boolean {
    if (nowMs - entry.receivedAtMs >= this.timing.offerMs) {
      pool.place(entry, 0);
      return false;
    }
    return suits(entry.heartbeat, spec);
  }

  /** Counts a run in at the runner that it is given to. */
  occupy(entry: RunnerEntry, run: OwnedRun): void {
    entry.mine.add(run);
    this.countWarm(entry, run.spec.versionId, -1);
    this.index(entry);
  }

  /** Counts a run out; an environment that ended well is warm now. */
  vacate(run: OwnedRun, warm: boolean): void {
    const entry = this.entries.get(run.runner);
    if (!entry?.mine.delete(run)) return;
    if (warm) this.countWarm(entry, run.spec.versionId, 1);
    this.index(entry);
  }

  private index(entry: RunnerEntry): void {
    const { heartbeat, full, offered, mine, others } = entry;
    const granted = heartbeat.offersSlots ? offered : heartbeat.slotsTotal - others;
    const room = full || heartbeat.draining ? 0 : Math.max(0, granted - mine.size);
    this.pools.get(heartbeat.pool)?.place(entry, room);
  }

  private setWarm(entry: RunnerEntry, warm: Map<string, number>): void {
    for (const version of entry.warm.keys()) if (!warm.has(version)) this.unlistWarm(entry, version);
    entry.warm = warm;
    for (const [version, idle] of warm) if (idle > 0) this.listWarm(entry, version);
  }

  private countWarm(entry: RunnerEntry, version: string, change: number): void {
    const before = entry.warm.get(version) ?? 0;
    const idle = Math.max(0, before + change);
    entry.warm.set(version, idle);
    if (idle > 0 && before === 0) this.listWarm(entry, version);
    else if (idle === 0 && before > 0) this.unlistWarm(entry, version);
  }

  private listWarm(entry: RunnerEntry, version: string): void {
    const listed = this.warm.get(version);
    if (listed) listed.add(entry);
    else this.warm.set(version, new Set([entry]));
  }

  private unlistWarm(entry: RunnerEntry, version: string): void {
    const listed = this.warm.get(version);
    listed?.delete(entry);
    if (listed?.size === 0) this.warm.delete(version);
  }
}

/** True when a runner can execute runs of a version: it has the version's Python minor and all labels. */
export function suits(
  { pool, labels, pythonMinors }: Pick<Heartbeat, "pool" | "labels" | "pythonMinors">,
  spec: Pick<RunSpec, "pool" | "labels" | "pythonMinor">,
): boolean {
  if (pool !== spec.pool || (spec.pythonMinor !== "" && !pythonMinors.includes(spec.pythonMinor))) return false;
  return (spec.labels ?? []).every((label) => labels.includes(label));
}

function isNewer(a: Heartbeat, b: Heartbeat): boolean {
  return a.incarnation === b.incarnation ? a.stampMs > b.stampMs : a.incarnation > b.incarnation;
}

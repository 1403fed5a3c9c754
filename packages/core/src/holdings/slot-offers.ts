/**
 * Who may use how many of a runner's slots. Each scheduler is offered a number of slots, those that its runs have included; it
 * assigns no more than that, and the offer stands: a slot whose run has ended is used again without a word. So a house with
 * one scheduler pays nothing for it. With several, slots follow the demand that they announce: divided between projects
 * first and between the schedulers of each project then, so that neither a busy project nor a busy scheduler starves others.
 *
 * At all times the slots in use and the slots offered are together no more than there are. What is to move from one
 * scheduler to another is taken out of the offer of the one first, and offered to the other when it is free.
 */
import type { Demand, SlotOffer } from "../messages.ts";
import { divideSlots, type Claimant } from "./divide-slots.ts";

/** A scheduler that has not been heard for so long is offered nothing. */
const SILENT_MS = 3_000;
/** Who leaves an offered slot unused for so long does not want it, whatever it has announced. */
const IDLE_MS = 50;
const SCHEDULERS_MAX = 256;
const PROJECTS_MAX = 64;
const TURNS_MAX = 10_000;

/** A scheduler that uses slots here. */
interface Party {
  readonly scheduler: string;
  heardMs: number;
  silent: boolean;
  /** Its runs here, by project. */
  readonly used: Map<string, number>;
  usedCount: number;
  /** Slots offered and not in use. */
  open: number;
  openSinceMs: number;
  /** Its share, which it reaches as slots get free. */
  target: number;
  /** What it was told last. */
  told: number;
  /** It was refused a slot that it thinks it has (its last run has not left yet, say): it is told when that is free. */
  owed: boolean;
  /** Waiting runs by project, as announced. */
  wants: Map<string, number>;
  turn: number;
}

/** The offers of one runner. */
export class SlotOffers {
  private readonly parties = new Map<string, Party>();
  /** When each project was last given a slot, for taking turns. */
  private readonly turns = new Map<string, number>();
  private capacity = 0;
  private counter = 0;
  private dirty = false;
  /** There are fewer slots than claimants, so each start changes whose turn it is. */
  private rotating = false;
  private lookAgainMs = Infinity;

  /** A scheduler speaks; `demand` when it says what waits. */
  hear(scheduler: string, demand: readonly Demand[] | undefined, nowMs: number): void {
    const party = this.party(scheduler, nowMs);
    if (!party) return;
    party.heardMs = nowMs;
    this.dirty ||= party.silent;
    party.silent = false;
    if (!demand || (demand.length === 0 && party.wants.size === 0)) return;
    // Whoever speaks now is about to use what it has.
    if (demand.length > 0) party.openSinceMs = nowMs;
    party.wants = new Map(demand.slice(0, PROJECTS_MAX).map(({ projectId, waiting }) => [projectId, waiting]));
    this.dirty = true;
  }

  /** True when the scheduler may start one more run. */
  hasRoom(scheduler: string): boolean {
    return (this.parties.get(scheduler)?.open ?? 0) > 0;
  }

  /** A run of the scheduler starts; so many of its project still wait there. */
  start(scheduler: string, project: string, waiting: number, nowMs: number): void {
    const party = this.party(scheduler, nowMs);
    if (!party) return;
    this.count(party, project, 1);
    party.open = Math.max(0, party.open - 1);
    if (party.open > 0) party.openSinceMs = nowMs;
    if (this.parties.size === 1) return;
    if (waiting > 0) party.wants.set(project, waiting);
    else party.wants.delete(project);
    this.counter += 1;
    party.turn = this.counter;
    if (this.turns.size >= TURNS_MAX) this.turns.clear();
    this.turns.set(project, this.counter);
    this.dirty ||= this.rotating || (waiting > party.open && this.isOpenElsewhere(party));
  }

  private isWantedElsewhere(party: Party): boolean {
    for (const other of this.parties.values()) if (other !== party && wantsMore(other)) return true;
    return false;
  }

  private isOpenElsewhere(party: Party): boolean {
    for (const other of this.parties.values()) if (other !== party && other.open > 0) return true;
    return false;
  }

  /** The scheduler was refused a slot. */
  refuse(scheduler: string): void {
    const party = this.parties.get(scheduler);
    if (party) party.owed = true;
  }

  /** A run of the scheduler has left its slot, which is free when `isFree`. */
  leave(scheduler: string, project: string, isFree: boolean, nowMs: number): void {
    const party = this.parties.get(scheduler);
    if (!party) return;
    this.count(party, project, -1);
    const isItsOwn = isFree && party.usedCount + party.open < party.target;
    // Its share is of a time when it had more to do, perhaps.
    if (isItsOwn && (party.wants.size > 0 || !this.isWantedElsewhere(party))) this.open(party, 1, nowMs);
    else this.dirty = true;
  }

  /** A run belongs to another scheduler than before: its partition has moved. */
  move(from: string, to: string, project: string, nowMs: number): void {
    const [before, after] = [this.parties.get(from), this.party(to, nowMs)];
    if (before) this.count(before, project, -1);
    if (after) this.count(after, project, 1);
    this.dirty = true;
  }

  /** What a scheduler may use, its runs included. */
  offeredTo(scheduler: string): number {
    return this.parties.get(scheduler)?.told ?? 0;
  }

  /** All offers, for a heartbeat. */
  list(): SlotOffer[] {
    return [...this.parties.values()].map(({ scheduler, told: slots }) => ({ scheduler, slots }));
  }

  /** When `settle` wants to be called again. */
  dueMs(): number {
    return this.dirty ? -Infinity : this.lookAgainMs;
  }

  /**
   * Gives free slots to who is to have them.
   *
   * @param capacity slots that runs may take or have
   * @returns schedulers that have another offer now than they know of
   */
  settle(capacity: number, nowMs: number): SlotOffer[] {
    if (capacity !== this.capacity) this.dirty = true;
    this.capacity = capacity;
    if (!this.dirty && nowMs < this.lookAgainMs) return [];
    this.dirty = false;
    this.lookAgainMs = Infinity;
    this.divide();
    this.hand(nowMs);
    if (this.distrust(nowMs)) {
      this.divide();
      this.hand(nowMs);
    }
    return this.tell();
  }

  /** Forgets who is silent; its runs keep their slots until they are over. */
  forget(nowMs: number): void {
    for (const [scheduler, party] of this.parties) {
      if (nowMs - party.heardMs <= SILENT_MS) continue;
      this.dirty ||= !party.silent || party.usedCount === 0;
      party.silent = true;
      party.wants = new Map();
      if (party.usedCount === 0) this.parties.delete(scheduler);
    }
  }

  private party(scheduler: string, nowMs: number): Party | undefined {
    let party = this.parties.get(scheduler);
    if (party || this.parties.size >= SCHEDULERS_MAX) return party;
    party = {
      ...{ scheduler, heardMs: nowMs, silent: false, used: new Map(), usedCount: 0, open: 0, openSinceMs: nowMs },
      ...{ target: 0, told: 0, owed: false, wants: new Map(), turn: 0 },
    };
    this.parties.set(scheduler, party);
    this.dirty = true;
    return party;
  }

  private count(party: Party, project: string, change: number): void {
    const used = (party.used.get(project) ?? 0) + change;
    if (used > 0) party.used.set(project, used);
    else party.used.delete(project);
    party.usedCount += change;
  }

  private open(party: Party, slots: number, nowMs: number): void {
    if (party.open === 0) party.openSinceMs = nowMs;
    party.open += slots;
    this.dirty ||= party.owed;
  }

  /** Shares: what is used and wanted first, between projects and then between their schedulers; the rest evenly. */
  private divide(): void {
    const parties = [...this.parties.values()];
    const claims = claimsOf(parties);
    const projects = [...claims.keys()];
    const byProject = divideSlots(
      this.capacity,
      projects.map((project) => this.claimOfProject(project, claims.get(project)!)),
    );
    this.rotating = byProject.leftOut;
    for (const party of parties) party.target = 0;
    for (const [i, project] of projects.entries()) {
      const { shares, leftOut } = divideSlots(byProject.shares[i]!, claims.get(project)!);
      this.rotating ||= leftOut;
      for (const [at, party] of parties.entries()) party.target += shares[at]!;
    }
    const rest = this.capacity - parties.reduce((sum, { target }) => sum + target, 0);
    const spare = parties.map(({ told, turn, silent }): Claimant => ({ claim: silent ? 0 : rest, rank: told, turn }));
    for (const [at, share] of divideSlots(rest, spare).shares.entries()) parties[at]!.target += share;
  }

  private claimOfProject(project: string, claims: readonly Claimant[]): Claimant {
    const used = [...this.parties.values()].reduce((sum, party) => sum + (party.used.get(project) ?? 0), 0);
    const claim = claims.reduce((sum, one) => sum + one.claim, 0);
    return { claim, rank: used, turn: this.turns.get(project) ?? 0 };
  }

  /** Takes back what is offered beyond a share, and offers what is free to those below theirs, the neediest first. */
  private hand(nowMs: number): void {
    const parties = [...this.parties.values()];
    for (const party of parties) party.open = Math.max(0, Math.min(party.open, party.target - party.usedCount));
    let free = this.capacity - parties.reduce((sum, { usedCount, open }) => sum + usedCount + open, 0);
    const lack = ({ target, usedCount, open }: Party) => target - usedCount - open;
    for (const party of parties.sort((a, b) => lack(b) - lack(a))) {
      const given = Math.min(free, lack(party));
      if (given <= 0) return;
      this.open(party, given, nowMs);
      free -= given;
    }
  }

  /** While somebody wants more than he has, nobody keeps a slot unused. True when somebody's demand was not believed. */
  private distrust(nowMs: number): boolean {
    const parties = [...this.parties.values()];
    if (!parties.some(wantsMore)) return false;
    let found = false;
    for (const party of parties) {
      if (party.open === 0 || party.wants.size === 0) continue;
      const idleAtMs = party.openSinceMs + IDLE_MS;
      if (idleAtMs > nowMs) this.lookAgainMs = Math.min(this.lookAgainMs, idleAtMs);
      else {
        party.wants = new Map();
        found = true;
      }
    }
    return found;
  }

  private tell(): SlotOffer[] {
    const changed: SlotOffer[] = [];
    for (const party of this.parties.values()) {
      const slots = Math.min(party.usedCount + party.open, party.target);
      const isOwed = party.owed && party.open > 0;
      if (slots === party.told && !isOwed) continue;
      if (isOwed) party.owed = false;
      party.told = slots;
      changed.push({ scheduler: party.scheduler, slots });
    }
    return changed;
  }
}

/** True when runs wait for more than what is open to it. */
function wantsMore({ wants, open }: Party): boolean {
  for (const waiting of wants.values()) if (waiting > open) return true;
  return false;
}

/** By project, what each party claims of it, in the parties' order. */
function claimsOf(parties: readonly Party[]): Map<string, Claimant[]> {
  const projects = new Set(parties.flatMap(({ used, wants }) => [...used.keys(), ...wants.keys()]));
  return new Map(
    [...projects].map((project) => [
      project,
      parties.map(({ used, wants, turn }) => {
        const held = used.get(project) ?? 0;
        return { claim: held + (wants.get(project) ?? 0), rank: held, turn };
      }),
    ]),
  );
}

import type { Submit } from "../messages.ts";
import type { ShareRequest } from "./owner-port.ts";
import type { OwnerState } from "./owner-state.ts";
import type { PartitionState } from "./partition-state.ts";
import type { ProjectQueue } from "./project-queue.ts";
import type { ShareOutcome } from "./record.ts";

/** Least number of waiting runs that a partition asks for beyond what it needs; with a longer queue as much again. */
const AHEAD_MIN = 64;
/** A project that was full is asked for again after this. */
const FULL_MS = 1000;
/** How often a scheduler asks whether somebody wants what it does not need. */
const OFFER_MS = 2000;
/** Most submits of a project that wait for a share of its limit; of more, the sender's next copy asks again. */
const HELD_MAX = 200;
const REQUESTS_A_CALL = 32;

/** What becomes of a submit, as far as its project's limit goes. `LATER`: it comes again by itself. */
export type Admission = "YES" | "LATER" | "FULL";

/**
 * The limit of a project's waiting runs, in shares that belong to partitions: what is within a share is accepted without asking
 * anybody. More is asked for ahead of need; what a partition does not need it gives back when another one wants it. A share
 * moves with its partition, fenced by the epoch, so that the shares of a project never exceed its limit.
 */
export class ProjectShares {
  private readonly state: OwnerState;
  private readonly retry: (submit: Submit) => void;
  private readonly asks = new Map<ProjectQueue, PartitionState>();
  private calling = false;
  private offeredAtMs = -Infinity;

  /** @param retry takes a submit that was held */
  constructor(state: OwnerState, retry: (submit: Submit) => void) {
    this.state = state;
    this.retry = retry;
  }

  admit(part: PartitionState, submit: Submit): Admission {
    const project = part.projectOf(submit.spec.projectId);
    const nowMs = this.state.port.nowMs();
    const isOpen = nowMs >= project.fullUntilMs;
    if (project.waiting < project.share) {
      if (isOpen && (project.share - project.waiting) * 4 < project.share) this.ask(part, project);
      return "YES";
    }
    if (!isOpen) return "FULL";
    if (project.held.length < HELD_MAX && !project.held.some(({ runId }) => runId === submit.runId)) {
      project.held.push(submit);
    }
    this.ask(part, project);
    return "LATER";
  }

  /** Asks now and then whether others want what is not needed here. */
  onTick(): void {
    const nowMs = this.state.port.nowMs();
    if (nowMs < this.offeredAtMs + OFFER_MS || this.state.owned.size === 0) return;
    this.offeredAtMs = nowMs;
    this.call();
  }

  private ask(part: PartitionState, project: ProjectQueue): void {
    if (project.asking) return;
    project.asking = true;
    this.asks.set(project, part);
    this.call();
  }

  private call(): void {
    if (this.calling) return;
    const requests: ShareRequest[] = [];
    for (const [project, part] of this.asks) {
      if (requests.length >= REQUESTS_A_CALL) break;
      this.asks.delete(project);
      if (this.state.isCurrent(part)) requests.push(this.request(part, project));
    }
    if (requests.length === 0 && this.offeredAtMs !== this.state.port.nowMs()) return;
    this.calling = true;
    this.state.port.leaseShares(requests);
  }

  private request(part: PartitionState, project: ProjectQueue): ShareRequest {
    const { partition, stamp } = part;
    const needed = project.waiting + project.held.length;
    const gives = project.offered && project.held.length === 0;
    // Given back here first: the record never has less than the memory.
    if (gives) project.share = Math.min(project.share, needed);
    const wanted = gives ? needed : needed + Math.max(AHEAD_MIN, needed);
    return { partition, epoch: stamp.epoch, projectId: project.projectId, number: part.nextSequence(), needed, wanted };
  }

  /** Shares were given, in the order of the requests; undefined when that is not known. True when a partition was lost. */
  onLeased(requests: readonly ShareRequest[], outcome: ShareOutcome | undefined): boolean {
    this.calling = false;
    let lost = false;
    for (const [index, request] of requests.entries()) {
      const part = this.state.owned.get(request.partition);
      if (part?.stamp.epoch !== request.epoch) continue;
      const share = outcome?.shares[index];
      if (share === "MOVED") {
        // Nothing else might ever tell: what is turned away commits nothing.
        this.state.drop(request.partition);
        lost = true;
      } else this.settle(part, request, share);
    }
    for (const projectId of outcome?.wanting ?? []) this.offer(projectId);
    this.call();
    return lost;
  }

  private settle(part: PartitionState, { projectId, needed }: ShareRequest, share: number | undefined): void {
    const project = part.projectOf(projectId);
    project.asking = false;
    project.offered = false;
    const held = project.held.splice(0);
    // Who waits hears nothing: the sender's next copy asks again.
    if (share === undefined) return;
    project.share = share;
    if (share < needed) project.fullUntilMs = this.state.port.nowMs() + FULL_MS;
    held.forEach(this.retry);
  }

  /** Somebody wants more of a project's limit than there is. */
  private offer(projectId: string): void {
    for (const part of this.state.owned.values()) {
      const project = part.projects.get(projectId);
      if (!project || project.asking) continue;
      const wantsItself = this.state.port.nowMs() < project.fullUntilMs;
      if (wantsItself || project.share <= project.waiting) continue;
      project.offered = true;
      project.asking = true;
      this.asks.set(project, part);
    }
  }
}

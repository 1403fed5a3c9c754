import type { Submit } from "../messages.ts";

/** What of a project waits in one partition, and how much of it may: the partition's share of the project's limit. */
export class ProjectQueue {
  readonly projectId: string;
  /** Runs being accepted or waiting, in memory or parked. */
  waiting = 0;
  /** Never more than the record says. */
  share = 0;
  /** A request about the share is under way, or about to be. */
  asking = false;
  /** The request is to give back what is not needed. */
  offered = false;
  /** The project had no room: nobody is asked again before this. */
  fullUntilMs = -Infinity;
  /** Submits that wait for the answer. */
  readonly held: Submit[] = [];

  constructor(projectId: string) {
    this.projectId = projectId;
  }
}

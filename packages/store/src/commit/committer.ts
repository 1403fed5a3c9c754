import { PlatformError } from "@millrace/core";
import type { Committer } from "../ports.ts";

/** How a scheduler writes. */
export interface CommitterOptions {
  /** `postgres://…`, straight to the server. */
  readonly url: string;
  /** How long an idempotency key stands for its run; default 24 h. */
  readonly keyTtlMs?: number;
  /** A commit that takes longer is given up and its outcome unknown; default 5,000 ms. */
  readonly statementTimeoutMs?: number;
  readonly applicationName?: string;
}

/** The commit path of one scheduler. It connects at the first commit, and anew after a broken connection. */
export function openCommitter(options: CommitterOptions): Committer {
  throw new PlatformError("Unavailable", "DATABASE_UNAVAILABLE", `${options.url} is not open yet`);
}

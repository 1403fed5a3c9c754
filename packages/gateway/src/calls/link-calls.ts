import { parseStepRun, partitionOf, stepPath, type messages, type RunTokenMac } from "@millrace/core";
import { LINK_PATH } from "../links/link-door.ts";
import { encodeLinkToken } from "../links/link-token.ts";
import { CallFields, invalidCall } from "./call-fields.ts";
import type { CallHandler } from "./host-calls.ts";

const PAUSE_MS_MAX = 365 * 24 * 3_600_000;

export interface LinkCallsOptions {
  readonly mac: RunTokenMac;
  readonly publicUrl: () => string;
  readonly partitionCount: number;
}

/** Links that end the pause which a step is about to ask for. Nothing is kept of them: they are signed. */
export function linkCalls({ mac, publicUrl, partitionCount }: LinkCallsOptions): Record<string, CallHandler> {
  return {
    "link.create": (claims, { path, execution, request }) => {
      const ms = new CallFields(request).number("ms") ?? 0;
      if (ms < 1 || ms > PAUSE_MS_MAX) throw invalidCall(`a pause lasts from 1 to ${PAUSE_MS_MAX} ms`);
      // The step may go on for as long as its run token lives, and only then the pause begins.
      const expiresAtMs = claims.expiresAtMs + Math.ceil(ms);
      const partition = partitionOf(claims.workflowId, partitionCount);
      const place = {
        runId: claims.runId,
        partition,
        path: stepPath(parseStepRun(path).index, execution),
        expiresAtMs,
      };
      const link = (action: messages.ResumeAction) =>
        `${publicUrl()}${LINK_PATH}${encodeLinkToken({ ...place, action }, mac)}`;
      return Promise.resolve({ response: { resume_url: link("RESUME"), cancel_url: link("CANCEL") } });
    },
  };
}

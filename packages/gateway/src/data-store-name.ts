import { WORKFLOW_BOUNDS, WORKFLOW_PATTERNS } from "@millrace/core";

/** What a data store may be called: what `inputs` in a workflow can name. */
export const DATA_STORE_NAME = new RegExp(
  `^(?=.{1,${WORKFLOW_BOUNDS.inputTargetLength}}$)${WORKFLOW_PATTERNS.inputTarget.slice(1)}`,
  "u",
);

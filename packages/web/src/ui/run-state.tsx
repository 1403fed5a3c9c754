import { Ban, CircleCheck, CircleDashed, CircleX, LoaderCircle, PauseCircle, SkipForward } from "lucide-react";
import type { RunState } from "../api/generated/types.ts";

const LOOKS = {
  RUN_STATE_UNSPECIFIED: ["Unknown", "", CircleDashed],
  RUN_STATE_PENDING: ["Waiting", "", CircleDashed],
  RUN_STATE_RUNNING: ["Running", "info", LoaderCircle],
  RUN_STATE_SUSPENDED: ["Paused", "warn", PauseCircle],
  RUN_STATE_SUCCEEDED: ["Succeeded", "good", CircleCheck],
  RUN_STATE_FAILED: ["Failed", "bad", CircleX],
  RUN_STATE_CANCELLED: ["Cancelled", "", Ban],
  RUN_STATE_SKIPPED: ["Skipped", "", SkipForward],
} as const satisfies Record<RunState, readonly [string, string, typeof Ban]>;

/** What a state is called. */
export function stateLabel(state: RunState | undefined): string {
  return LOOKS[state ?? "RUN_STATE_UNSPECIFIED"][0];
}

/** Which colour of meaning it has: `good`, `bad`, `warn`, `info` or none. */
export function stateTone(state: RunState | undefined): string {
  return LOOKS[state ?? "RUN_STATE_UNSPECIFIED"][1];
}

/** True when nothing will change any more. */
export function isOver(state: RunState | undefined): boolean {
  return state === "RUN_STATE_SUCCEEDED" || state === "RUN_STATE_FAILED" || state === "RUN_STATE_CANCELLED";
}

/** The state of a run or a step. */
export function StateBadge({ state }: { readonly state: RunState | undefined }) {
  const [label, tone, Icon] = LOOKS[state ?? "RUN_STATE_UNSPECIFIED"];
  return (
    <span className={`badge ${tone}`}>
      <Icon size={13} aria-hidden className={state === "RUN_STATE_RUNNING" ? "spin" : ""} />
      {label}
    </span>
  );
}

/** The protocol's clocks, in ms. Their relations carry its safety; `validateTiming` holds them. */
export interface Timing {
  /** A runner's heartbeat. */
  readonly heartbeatMs: number;
  /** A heartbeat that no owner has answered is sent again after this. */
  readonly heartbeatResendMs: number;
  /** Life of an assignment from the stamp of the heartbeat that it echoes: no further step starts after it. */
  readonly lifeMs: number;
  /** The same under a concurrency limit, where the environment is killed at its end. */
  readonly limitedLifeMs: number;
  /** An owner makes the next assignment after this silence. */
  readonly waitMs: number;
  /** The same under a concurrency limit. */
  readonly limitedWaitMs: number;
  /** A new owner waits this long for runners to speak for runs that may be assigned, outside of concurrency limits. */
  readonly doubtMs: number;
  /** Life of a scheduler's lease from the sending of its renewal. */
  readonly leaseMs: number;
  /** How often a scheduler renews its lease and looks at its timers. */
  readonly tickMs: number;
  /** A runner's offer of slots counts this long after its heartbeat. */
  readonly offerMs: number;
  /** An `Assign` that no heartbeat lists is sent again after this. */
  readonly assignResendMs: number;
  /** A run that lasts longer than this is marked as running in the record. */
  readonly markRunningMs: number;
}

/** The house's own values (DESIGN: heartbeats 1 s, lives 5 s and waits 3 s and 6 s, takeover within 3 s). */
export const TIMING_DEFAULT: Timing = {
  heartbeatMs: 1000,
  heartbeatResendMs: 300,
  lifeMs: 2000,
  limitedLifeMs: 5000,
  waitMs: 3000,
  limitedWaitMs: 6000,
  doubtMs: 1600,
  leaseMs: 2000,
  tickMs: 500,
  offerMs: 1500,
  assignResendMs: 300,
  markRunningMs: 100,
};

/** Findings about clocks that would break the protocol; none when they fit together. */
export function validateTiming(timing: Timing): string[] {
  const rules: [boolean, string][] = [
    [timing.waitMs > timing.lifeMs, "waitMs must be longer than lifeMs, or two assignments of a run could start steps"],
    [timing.limitedWaitMs > timing.limitedLifeMs, "limitedWaitMs must be longer than limitedLifeMs, or a limit breaks"],
    [timing.doubtMs > timing.heartbeatMs, "doubtMs must be longer than heartbeatMs, or running runs start again"],
    [timing.offerMs < timing.lifeMs, "offerMs must be shorter than lifeMs, or assignments are dead when they arrive"],
    [timing.lifeMs > timing.heartbeatMs, "lifeMs must be longer than heartbeatMs, or healthy runs expire"],
    [timing.leaseMs > 2 * timing.tickMs, "leaseMs must outlast two ticks, or healthy leases lapse"],
    [
      timing.leaseMs < timing.waitMs,
      "leaseMs must be shorter than waitMs, so that a cut-off owner declares nobody dead",
    ],
  ];
  return rules.filter(([holds]) => !holds).map(([, text]) => text);
}

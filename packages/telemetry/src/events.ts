/**
 * Names of log events that several processes share, noun then verb. A process adds its own in the same form; a name is
 * never built at run time, so that one can search for it. Fields never hold user data, secrets or tokens.
 */
export const events = {
  processStarted: "process.started",
  processReady: "process.ready",
  processDoorsClosed: "process.doors_closed",
  processDraining: "process.draining",
  processDrained: "process.drained",
  processDrainLate: "process.drain_late",
  processFailed: "process.failed",
  memoryGivenBack: "memory.given_back",
  parentLost: "parent.lost",
  healthListening: "health.listening",
  tracingStarted: "tracing.started",
  tracingFailed: "tracing.failed",
} as const;

/** Every span of the house, noun then verb: one trace per run. */
export const spanNames = {
  /** Gateway: an HTTP or gRPC request, from its arrival to its answer. */
  gatewayRequest: "gateway.request",
  /** Scheduler: a submit, from its arrival to the commit that accepts it. */
  runSubmit: "run.submit",
  /** Scheduler: from the commit that accepts a run to its assignment. */
  runQueue: "run.queue",
  /** Scheduler: one assignment, from its sending to its end. */
  runAssign: "run.assign",
  /** Worker (Python): one step. */
  stepRun: "step.run",
} as const;

/** One of the house's span names. */
export type SpanName = (typeof spanNames)[keyof typeof spanNames];

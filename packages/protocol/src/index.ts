export * as control from "./generated/millrace/control/v1/control.ts";
export * as session from "./generated/millrace/worker/v1/session.ts";
export * as step from "./generated/millrace/worker/v1/step.ts";

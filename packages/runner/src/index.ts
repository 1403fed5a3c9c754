export { RunnerIdentity } from "./runner-identity.ts";
export { startRunner } from "./runner-process.ts";

export { startRunner } from "./runner-process.ts";

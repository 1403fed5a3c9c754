export { startHub } from "./start-hub.ts";

export { SchedulerPart, schedulerName, startScheduler, type SchedulerPartOptions } from "./scheduler.ts";

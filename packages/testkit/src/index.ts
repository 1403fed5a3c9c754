export { scratchFolder } from "./scratch-folder.ts";
export { startScratchNats, type ScratchNats, type ScratchNatsOptions } from "./scratch-nats.ts";
export { startReplicatedPostgres, type ReplicatedPostgres, type ReplicatedServer } from "./replicated-postgres.ts";
export { scratchPostgres, type ScratchPostgres } from "./scratch-postgres.ts";
export { startScratchServer, type ScratchServer } from "./scratch-server.ts";
export {
  startScratchNatsCluster,
  type ScratchNatsCluster,
  type ScratchNatsClusterOptions,
  type ScratchNatsNode,
} from "./scratch-nats-cluster.ts";

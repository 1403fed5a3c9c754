export { isPortFree, pickFreePort } from "./free-port.ts";
export { commandLine, launchProcess, type Launch, type Mount } from "./launch.ts";
export {
  isNatsReady,
  natsLaunch,
  type NatsCluster,
  type NatsOptions,
  type NatsRights,
  type NatsState,
  type NatsTls,
  type NatsTrustConfig,
  type NatsUser,
  readNatsState,
} from "./nats-server.ts";
export {
  clusterLaunch,
  clusterSocketFolder,
  createCluster,
  isClusterReady,
  type ClusterContent,
  type PostgresCluster,
} from "./postgres-cluster.ts";
export {
  createStandby,
  promoteStandby,
  requireStandbys,
  type StandbyOptions,
  type SuperuserSession,
} from "./postgres-standby.ts";
export { childrenOf, findByEnvironment, isAlive, signal } from "./process-table.ts";
export { checkoutFolder, loadTools, toolsFolder, type Tools } from "./tools.ts";
export { waitUntil, type WaitOptions } from "./wait-until.ts";

export { defaultHttpPort, dev, type DevOptions } from "./dev.ts";
export { loadHouseState } from "./house-state.ts";
export { databaseUrlOf } from "./process-plans.ts";
export { dataFolderInUse, defaultDataFolder } from "./house-folder.ts";
export { readStatus, type HouseStatus, type ProcessStatus, type Role } from "./status-socket.ts";

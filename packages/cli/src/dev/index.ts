export { dev, type DevOptions } from "./dev.ts";
export { dataFolderInUse, defaultDataFolder } from "./house-folder.ts";
export { readStatus, type HouseStatus, type ProcessStatus, type Role } from "./status-socket.ts";

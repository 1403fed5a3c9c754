import { randomBytes, randomUUID } from "node:crypto";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createNatsKeys, type NatsKeys } from "@millrace/bus/identity";
import { PlatformError } from "@millrace/core";

/** The roles that are processes of Millrace's own. */
export const processRoles = ["gateway", "scheduler", "hub", "runner"] as const;

/** A role of a process of Millrace's own. */
export type ProcessRole = (typeof processRoles)[number];

/** Every port that a house listens on, but the one for HTTP, which is named at each start. */
export interface HousePorts {
  readonly grpc: number;
  readonly nats: number;
  readonly postgres: number;
  readonly health: Readonly<Record<ProcessRole, number>>;
}

/** What a house remembers between starts. */
export interface HouseState {
  /** Tells its processes from those of other houses. */
  readonly id: string;
  readonly ports?: HousePorts;
  readonly databasePassword: string;
  readonly natsKeys: NatsKeys;
  /** Hex, 32 bytes: makes and checks run tokens. Gateways and schedulers have it, runners never. */
  readonly tokenKey: string;
}

const secret = (): string => randomBytes(24).toString("base64url");

/** Reads what a house remembers; where there is none, makes up a new house, unless told not to. */
export function loadHouseState(file: string, { create = true } = {}): HouseState {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT" || !create) {
      throw new PlatformError("FailedPrecondition", "DATA_FOLDER_UNUSABLE", `${file} cannot be read`, { cause: error });
    }
    return createHouseState(file);
  }
  try {
    const { natsKeys = createNatsKeys(), ...state } = JSON.parse(text) as Omit<HouseState, "natsKeys"> &
      Partial<Pick<HouseState, "natsKeys">>;
    return { ...state, natsKeys };
  } catch (error) {
    const message = `${file} is damaged: restore it, or move the data folder away to start with an empty house`;
    throw new PlatformError("FailedPrecondition", "DATA_FOLDER_DAMAGED", message, { cause: error });
  }
}

function createHouseState(file: string): HouseState {
  const state: HouseState = {
    id: randomUUID(),
    databasePassword: secret(),
    natsKeys: createNatsKeys(),
    tokenKey: randomBytes(32).toString("hex"),
  };
  saveHouseState(file, state);
  return state;
}

/** Makes the key of a house's secrets, unless it has one: a file of its own, so that a backup can leave it out. */
export function ensureMasterKey(file: string): void {
  if (existsSync(file)) return;
  writeFileSync(`${file}.new`, `${randomBytes(32).toString("hex")}\n`, { mode: 0o600, flush: true });
  renameSync(`${file}.new`, file);
}

/** Writes what a house remembers; a start that is killed meanwhile finds the old text or the new. */
export function saveHouseState(file: string, state: HouseState): void {
  writeFileSync(`${file}.new`, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600, flush: true });
  renameSync(`${file}.new`, file);
}

import { PlatformError, type ErrorKind } from "@millrace/core";
import { staleAssignment } from "../assignments.ts";
import { DATA_STORE_BOUNDS as BOUNDS } from "./data-store-records.ts";

const KEY_SHOWN_MAX = 100;

/** By what the database says: kind, reason and sentence. */
const REFUSALS: Record<string, readonly [ErrorKind, string, (key: string, store: string) => string]> = {
  CONFLICT: ["Conflict", "DATA_STORE_CONFLICT", (key) => `the value of ${key} is not the expected one`],
  NOT_A_NUMBER: [
    "InvalidArgument",
    "NOT_A_NUMBER",
    (key) => `the value of ${key} is not a number that can be added to`,
  ],
  NOT_A_LIST: ["InvalidArgument", "NOT_A_LIST", (key) => `the value of ${key} is not a list`],
  VALUE_TOO_LARGE: [
    "InvalidArgument",
    "VALUE_TOO_LARGE",
    (key) => `the value of ${key} would be larger than ${BOUNDS.valueBytes / 1024} KiB`,
  ],
  RESULTS_TOO_LARGE: [
    "InvalidArgument",
    "RESULTS_TOO_LARGE",
    (key) =>
      `what this write finds and removes, up to ${key}, is more than ${BOUNDS.valueBytes / 1024} KiB; write fewer keys at once`,
  ],
  STORE_FULL: ["ResourceExhausted", "STORE_FULL", (_, store) => `the data store ${store} is full`],
  TOO_MANY_STORES: [
    "ResourceExhausted",
    "TOO_MANY_STORES",
    () => `a project has at most ${BOUNDS.storesOfProject} data stores`,
  ],
  OPERATION_REUSED: [
    "FailedPrecondition",
    "OPERATION_REUSED",
    () => "the number of this write was used for another one of the same step",
  ],
};

/** Why a write was not made. */
export function toRefusal(reason: string, store: string, key: string | undefined): PlatformError {
  const known = REFUSALS[reason];
  if (known === undefined) return staleAssignment();
  const [kind, name, sentence] = known;
  return new PlatformError(
    kind,
    name,
    sentence(JSON.stringify((key ?? "").slice(0, KEY_SHOWN_MAX)), JSON.stringify(store)),
  );
}

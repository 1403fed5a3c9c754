import { normalizePackageName } from "./requirement.ts";

/** A package as a lock pins it. */
export interface LockedPackage {
  /** In its normal form. */
  readonly name: string;
  /** Version, or the address that it comes from. */
  readonly version: string;
}

/** A package that two locks have differently. */
export interface PackageChange {
  readonly name: string;
  /** Empty when it is new. */
  readonly oldVersion: string;
  /** Empty when it is gone. */
  readonly newVersion: string;
}

const PINNED = /^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?(?:==([^\s;\\]+)| @ (\S+))/;

/** The packages of a lock, by name. */
export function lockedPackages(lock: string): LockedPackage[] {
  const packages: LockedPackage[] = [];
  for (const line of lock.split("\n")) {
    const match = PINNED.exec(line);
    if (match !== null) packages.push({ name: normalizePackageName(match[1]!), version: match[2] ?? match[3]! });
  }
  return packages.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** What differs from one lock to the next, by name; an empty lock has nothing. */
export function packageChanges(oldLock: string, newLock: string): PackageChange[] {
  const before = new Map(lockedPackages(oldLock).map(({ name, version }) => [name, version]));
  const after = new Map(lockedPackages(newLock).map(({ name, version }) => [name, version]));
  const names = [...new Set([...before.keys(), ...after.keys()])].sort();
  return names.flatMap((name) => {
    const change = { name, oldVersion: before.get(name) ?? "", newVersion: after.get(name) ?? "" };
    return change.oldVersion === change.newVersion ? [] : [change];
  });
}

import { IMPORT_TABLE, NAMESPACE_DEPTHS } from "./import-table.ts";
import { PIPREQS_MAPPING } from "./pipreqs-mapping.ts";
import { normalizePackageName, packageNameOf } from "./requirement.ts";

/** The package that an import is taken to come from. */
export interface ProvidingPackage {
  readonly requirement: string;
  /** The part of the import that says so, such as `google.cloud.storage`. */
  readonly importName: string;
  /** True when nothing but the import's name speaks for the package. */
  readonly guessed: boolean;
}

/** Finds the package of an import such as `google.cloud.storage.Client`; names of things in a module may be part of it. */
export function findPackage(dotted: string): ProvidingPackage {
  const parts = dotted.split(".");
  for (let length = parts.length; length > 0; length--) {
    const importName = parts.slice(0, length).join(".");
    if (Object.hasOwn(IMPORT_TABLE, importName)) {
      return { requirement: IMPORT_TABLE[importName]!, importName, guessed: false };
    }
  }
  return inNamespace(parts) ?? byTopLevel(parts[0]!);
}

function inNamespace(parts: readonly string[]): ProvidingPackage | undefined {
  for (const [namespace, depth] of Object.entries(NAMESPACE_DEPTHS)) {
    if (parts.length < depth || !`${parts.join(".")}.`.startsWith(`${namespace}.`)) continue;
    const name = parts.slice(0, depth);
    return { requirement: name.join("-").replaceAll("_", "-"), importName: name.join("."), guessed: true };
  }
  return undefined;
}

function byTopLevel(importName: string): ProvidingPackage {
  const candidates = PIPREQS_MAPPING.get(importName) ?? [];
  const namesake = candidates.find((name) => normalizePackageName(name) === normalizePackageName(importName));
  const requirement = namesake ?? candidates[0];
  if (requirement !== undefined) {
    // Old data with several answers is hardly better than the name.
    return { requirement, importName, guessed: candidates.length > 1 && namesake === undefined };
  }
  return { requirement: normalizePackageName(importName), importName, guessed: true };
}

/** Imports that packages are known to provide, by the package's normal name. */
const PROVIDED: ReadonlyMap<string, ReadonlySet<string>> = providedImports();

function providedImports(): Map<string, Set<string>> {
  const provided = new Map<string, Set<string>>();
  const add = (name: string, importName: string): void => {
    const key = packageNameOf(name);
    provided.set(key, (provided.get(key) ?? new Set()).add(importName));
  };
  for (const [importName, name] of Object.entries(IMPORT_TABLE)) add(name, importName);
  for (const [importName, names] of PIPREQS_MAPPING) for (const name of names) add(name, importName);
  return provided;
}

/** What a package is known to provide; undefined when nothing is known about it. */
export function knownImports(packageName: string): ReadonlySet<string> | undefined {
  return PROVIDED.get(packageName);
}

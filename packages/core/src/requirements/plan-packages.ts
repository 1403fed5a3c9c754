import { findPackage, knownImports } from "./find-package.ts";
import { packageNameOf, parseRequirement, type Requirement } from "./requirement.ts";

/** An import that was found in a version's sources and is neither theirs nor Python's own. */
export interface SourceImport {
  readonly module: string;
  /** What is imported from the module; empty for the module itself. */
  readonly name: string;
  readonly fileName: string;
  readonly line: number;
  /** The code can do without it. */
  readonly optional: boolean;
}

/** A requirement that a person wrote, and where. */
export interface AskedRequirement {
  readonly text: string;
  readonly fileName: string;
  /** 0 when unknown. */
  readonly line: number;
  /** Place in the definition; empty in a source. */
  readonly path: string;
}

/** One thing to resolve. */
export interface PlannedRequirement {
  /** In the form of PEP 508. */
  readonly requirement: string;
  /** Normal name of the package. */
  readonly packageName: string;
  /** The import that it was found for; empty when a person asked for it. */
  readonly importName: string;
  readonly optional: boolean;
  /** Nothing but the import's name speaks for the package. */
  readonly guessed: boolean;
  /** A person asked for it and what it provides is not known. */
  readonly examine: boolean;
  /** Where it is wanted; the first place for people. */
  readonly places: readonly { readonly fileName: string; readonly line: number; readonly path: string }[];
}

/** What to resolve, and what is wrong with what was asked. */
export interface PackagePlan {
  /** By requirement, so that two equal plans are equal in order too. */
  readonly requirements: readonly PlannedRequirement[];
  readonly problems: readonly (AskedRequirement & { readonly message: string })[];
}

/** What a plan is made from. */
export interface PackageWishes {
  readonly imports: readonly SourceImport[];
  readonly asked: readonly AskedRequirement[];
  /** Whether `name @ https://…` is let through. */
  readonly urlsAllowed: boolean;
}

/** Modules that the platform itself provides. */
const OURS: ReadonlySet<string> = new Set(["pipedream", "millrace_runtime", "millrace_steps", "__main__"]);

/** Decides which packages a version needs. What people ask for replaces what an import suggests. */
export function planPackages(wishes: PackageWishes): PackagePlan {
  const problems: (AskedRequirement & { message: string })[] = [];
  const asked = new Map<string, { requirement: Requirement; places: AskedRequirement[] }>();
  for (const one of wishes.asked) {
    const requirement = parseRequirement(one.text);
    const message = problemOf(one.text, requirement, wishes.urlsAllowed);
    if (message !== undefined) problems.push({ ...one, message });
    else {
      const known = asked.get(requirement!.text);
      asked.set(requirement!.text, { requirement: requirement!, places: [...(known?.places ?? []), one] });
    }
  }
  const names = new Set([...asked.values()].map(({ requirement }) => requirement.name));
  const found = wishes.imports.filter(({ module }) => !OURS.has(module.split(".")[0]!));
  const plans = [...asked.values()].map(({ requirement, places }) => planAsked(requirement, places));
  plans.push(...planFound(found, names));
  plans.sort((a, b) => compare(a.requirement, b.requirement) || compare(a.importName, b.importName));
  return { requirements: plans, problems };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

function problemOf(text: string, requirement: Requirement | undefined, urlsAllowed: boolean): string | undefined {
  const shown = JSON.stringify(text.slice(0, 100));
  if (requirement === undefined) {
    return `${shown} is not a requirement such as "pandas" or "pandas[excel]>=2,<3" (PEP 508, without options)`;
  }
  if (requirement.isUrl && !urlsAllowed) return `${shown} names an address, which this house does not allow`;
  return undefined;
}

function planAsked(requirement: Requirement, places: readonly AskedRequirement[]): PlannedRequirement {
  return {
    requirement: requirement.text,
    packageName: requirement.name,
    importName: "",
    optional: false,
    guessed: false,
    examine: knownImports(requirement.name) === undefined,
    places,
  };
}

/** One requirement for each package that imports suggest and nobody asked for. */
function planFound(imports: readonly SourceImport[], asked: ReadonlySet<string>): PlannedRequirement[] {
  const plans = new Map<string, PlannedRequirement>();
  for (const { module, name, fileName, line, optional } of imports) {
    const { requirement, importName, guessed } = findPackage(name === "" ? module : `${module}.${name}`);
    const packageName = packageNameOf(requirement);
    if (asked.has(packageName) || isProvided(importName, asked)) continue;
    const place = { fileName, line, path: "" };
    const known = plans.get(requirement);
    plans.set(requirement, {
      requirement,
      packageName,
      importName: known?.importName ?? importName,
      optional: optional && known?.optional !== false,
      guessed,
      examine: false,
      places: [...(known?.places ?? []), place],
    });
  }
  return [...plans.values()];
}

function isProvided(importName: string, asked: ReadonlySet<string>): boolean {
  for (const name of asked) if (knownImports(name)?.has(importName)) return true;
  return false;
}

/** A requirement in the form of PEP 508, as far as it has to be understood here. */
export interface Requirement {
  /** Without blanks around it, otherwise as it was written. */
  readonly text: string;
  /** Name of the package in its normal form, such as `python-dateutil`. */
  readonly name: string;
  /** True for `name @ https://…`. */
  readonly isUrl: boolean;
}

const LENGTH_MAX = 400;
const NAME = "[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?";
const EXTRAS = `(?:\\s*\\[\\s*(?:${NAME}(?:\\s*,\\s*${NAME})*)?\\s*\\])?`;
const CLAUSE = "(?:~=|===?|!=|<=|>=|<|>)\\s*[A-Za-z0-9._*+!-]+";
const CLAUSES = `(?:${CLAUSE}(?:\\s*,\\s*${CLAUSE})*)`;
// No `$`, no `#`, no backslash, no line break: a requirements file would make something else of them.
const MARKER = "(?:\\s*;[A-Za-z0-9_.'\"()<>=!~, +*-]+)?";
const VERSIONED = new RegExp(`^(${NAME})${EXTRAS}\\s*(?:${CLAUSES}|\\(\\s*${CLAUSES}\\s*\\))?${MARKER}$`);
const WITH_URL = new RegExp(
  `^(${NAME})${EXTRAS}\\s*@\\s*https://[A-Za-z0-9._~:/?@!&'()*+,;=%-]+(?:#sha256=[0-9a-f]{64})?$`,
);

/** Reads a requirement; undefined when it is none. Options, paths and other schemes than https never are. */
export function parseRequirement(given: string): Requirement | undefined {
  const text = given.trim();
  if (text.length > LENGTH_MAX) return undefined;
  const versioned = VERSIONED.exec(text);
  const match = versioned ?? WITH_URL.exec(text);
  return match === null ? undefined : { text, name: normalizePackageName(match[1]!), isUrl: versioned === null };
}

/** The form of a package's name in which two names of the same package are equal. */
export function normalizePackageName(name: string): string {
  return name.replaceAll(/[-_.]+/g, "-").toLowerCase();
}

/** The normal name of the package that a requirement is about. */
export function packageNameOf(requirement: string): string {
  return normalizePackageName(/^[A-Za-z0-9._-]*/.exec(requirement)![0]);
}

import {
  normalizePackageName,
  type PlatformError,
  type PackagePlan,
  type PlannedRequirement,
  type WorkflowDefinition,
} from "@millrace/core";
import type { control, workflowApi } from "@millrace/protocol";
import { deployRefused, type DeployProblem } from "./source-check.ts";

const DETAIL_LENGTH_MAX = 1500;

/** Names a requirement among those of a version, with all that decides what it is resolved to. */
export function requirementKey({ requirement, importName, optional }: PlannedRequirement): string {
  return `${requirement}${importName === "" ? "" : ` (import ${importName})`}${optional ? " (optional)" : ""}`;
}

/** Points out what was guessed from nothing but a name, unless the version before had it. */
export function guessNotes(plan: PackagePlan, known: ReadonlySet<string>): workflowApi.DeployNote[] {
  return plan.requirements.flatMap((planned) => {
    if (!planned.guessed || known.has(requirementKey(planned))) return [];
    const { requirement, importName, places } = planned;
    const message =
      `"${importName}" is taken for the package "${requirement}" by its name alone; ` +
      `if that is another one, say "# millrace add-package <package>"`;
    return [{ reason: "PACKAGE_GUESSED", file: places[0]?.fileName ?? "", line: places[0]?.line ?? 0, message }];
  });
}

/** Says what was left out, and where it is wanted. */
export function dropNotes(plan: PackagePlan, dropped: readonly control.DroppedRequirement[]): workflowApi.DeployNote[] {
  const messages = new Map(dropped.map(({ requirement, message }) => [requirement, message]));
  return plan.requirements.flatMap(({ requirement, importName, optional, places }) => {
    const why = messages.get(requirement);
    if (why === undefined || !optional) return [];
    const message = `the package "${requirement}" for the optional import "${importName}" is left out: it ${why}`;
    return [{ reason: "IMPORT_UNRESOLVED", file: places[0]?.fileName ?? "", line: places[0]?.line ?? 0, message }];
  });
}

/** Refuses requirements that are none. */
export function assertReadable(plan: PackagePlan): void {
  if (plan.problems.length > 0) throw deployRefused("INVALID_REQUIREMENT", plan.problems);
}

/** Says of packages that cannot be had which import wants them, where, and what the resolver said. */
export function unresolvable(cause: PlatformError, plan: PackagePlan, definition: WorkflowDefinition): PlatformError {
  const detail = readableDetail(cause.message);
  const said = new Set(normalizePackageName(cause.message).match(/[a-z0-9]+(?:-[a-z0-9]+)*/g));
  const blamed = plan.requirements.filter(({ packageName }) => said.has(packageName));
  const problems = blamed.map((planned) => problemOf(planned, definition));
  const last = problems.at(-1);
  if (last === undefined) return deployRefused(cause.reason, [{ fileName: "", line: 0, message: detail }]);
  return deployRefused(cause.reason, [...problems.slice(0, -1), { ...last, message: `${last.message}: ${detail}` }]);
}

function problemOf(
  { requirement, importName, places }: PlannedRequirement,
  definition: WorkflowDefinition,
): DeployProblem {
  const place = places[0] ?? { fileName: "", line: 0, path: "" };
  const step = definition.steps.find(({ python }) => python === place.fileName);
  const who = step === undefined ? "" : ` in the step "${step.name}"`;
  const wish = importName === "" ? "asked for" : `needed by "import ${importName}"`;
  return { ...place, message: `the package "${requirement}", ${wish}${who}, cannot be had` };
}

/** What the resolver says before every reason. */
const RESOLVER_OPENING = /^error: (?:no solution found when resolving dependencies:? )?(?:cause: )?/i;

/** The resolver's words without its drawing and its opening. */
function readableDetail(text: string): string {
  const line = text
    .replaceAll(/[×╰│├─▶╭╯╮┬·]+/gu, " ")
    .replaceAll(/\s+/g, " ")
    .trim()
    .replace(RESOLVER_OPENING, "");
  return line.length > DETAIL_LENGTH_MAX ? `${line.slice(0, DETAIL_LENGTH_MAX)}…` : line;
}

import { parseRequirement } from "../requirements/requirement.ts";
import { describe, type DefinitionProblem, type FieldReader } from "./field-reader.ts";
import { WORKFLOW_BOUNDS as BOUNDS, WORKFLOW_PATTERNS as PATTERNS } from "./workflow-definition.ts";

const FOLDER = new RegExp(PATTERNS.modulesFolder, "u");

/** `requirements`: packages that the steps need, in the form of PEP 508. */
export function readRequirements(workflow: FieldReader, problems: DefinitionProblem[]): string[] {
  const expected = 'a requirement such as "pandas" or "pandas[excel]>=2,<3" (PEP 508)';
  const isRequirement = (text: string): boolean => parseRequirement(text) !== undefined;
  return readTexts(workflow, "requirements", { max: BOUNDS.requirements, expected, accepts: isRequirement }, problems);
}

/** `modules`: further folders with Python modules that the steps import. */
export function readModuleFolders(workflow: FieldReader, problems: DefinitionProblem[]): string[] {
  const expected = 'a folder relative to the workflow\'s such as "../shared"';
  const isFolder = (text: string): boolean => text.length <= BOUNDS.fileNameLength && FOLDER.test(text);
  return readTexts(workflow, "modules", { max: BOUNDS.moduleFolders, expected, accepts: isFolder }, problems);
}

interface TextsRule {
  readonly max: number;
  readonly expected: string;
  readonly accepts: (text: string) => boolean;
}

function readTexts(workflow: FieldReader, key: string, rule: TextsRule, problems: DefinitionProblem[]): string[] {
  return workflow.list(key, { min: 0, max: rule.max }).flatMap((value, index) => {
    if (typeof value === "string" && rule.accepts(value)) return [value.trim()];
    problems.push({
      path: `${workflow.pathOf(key)}[${index}]`,
      message: `expected ${rule.expected}, got ${describe(value)}`,
    });
    return [];
  });
}

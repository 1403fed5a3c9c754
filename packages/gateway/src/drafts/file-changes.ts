import type { versionApi } from "@millrace/protocol";
import type { DraftBody, VersionBody } from "@millrace/store";
import { comparableDefinition, toDeploy } from "./draft-body.ts";

/** The definition among the files that are compared. */
const DEFINITION_FILE = "workflow.json";

/** The files of a version as people compare them, its definition among them. */
export function filesOf({
  definition,
  sources,
  modules,
}: Pick<VersionBody, "definition" | "sources" | "modules">): Map<string, string> {
  const definitionText = `${JSON.stringify(definition, null, 2)}\n`;
  return new Map([[DEFINITION_FILE, definitionText], ...Object.entries(sources), ...Object.entries(modules)]);
}

/** The files of a draft, as a version of it would have them. */
export function filesOfDraft(name: string, body: DraftBody): Map<string, string> {
  const { definitionJson, sources, modules } = toDeploy(name, body);
  return filesOf({ definition: comparableDefinition(definitionJson), sources, modules });
}

/** Files that are not the same in both, by name. */
export function changesOf(
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): versionApi.FileChange[] {
  const files = [...new Set([...before.keys(), ...after.keys()])].sort();
  return files.flatMap((file) => {
    const [oldText, newText] = [before.get(file), after.get(file)];
    return oldText === newText ? [] : [{ file, oldText, newText }];
  });
}

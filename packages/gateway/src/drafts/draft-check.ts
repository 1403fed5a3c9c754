import { coerceError, findVariableUses, lockedPackages, type PlatformError } from "@millrace/core";
import type { control, draftApi } from "@millrace/protocol";
import type { Drafts, VersionBody } from "@millrace/store";
import { planOf } from "../deploy/deployer.ts";
import { readDeploy, type CheckedDeploy } from "../deploy/read-deploy.ts";
import type { SourceCheck } from "../deploy/source-check.ts";
import { toDeploy } from "./draft-body.ts";
import type { OpenDraft } from "./draft-desk.ts";

const CHECK_MS = 10_000;
const PROBLEM_KEY = /^problems\.(\d+)\.(file|line|column|path|message)$/;

type Problem = draftApi.DraftProblem;

export interface DraftCheckOptions {
  readonly versions: { get(versionId: string): Promise<VersionBody> };
  readonly check: SourceCheck;
  readonly drafts: Pick<Drafts, "recordVariableUses">;
  readonly packageUrlsAllowed: boolean;
}

/** Says of a draft what a deploy would say, without deploying it. */
export class DraftCheck {
  readonly #options: DraftCheckOptions;

  constructor(options: DraftCheckOptions) {
    this.#options = options;
  }

  /** What is wrong with the draft, and which packages it wants. */
  async check(open: OpenDraft): Promise<Pick<draftApi.CheckDraftResponse, "problems" | "packages">> {
    const read = tryReading(open);
    if (Array.isArray(read)) return { problems: read, packages: [] };
    const found = await this.#options.check.look({ steps: read.steps, modules: read.modules }, CHECK_MS);
    const uses = findVariableUses(read.definition.steps, found.variables);
    await this.#options.drafts.recordVariableUses(open.draft.id, open.draft.revision, uses);
    const problems = found.problems.map(({ fileName, line, column, message }) => ({
      ...{ reason: "SOURCE_INVALID", file: fileName, line, column, path: "", message },
    }));
    try {
      return { problems, packages: await this.#packages(open, read, found) };
    } catch (thrown) {
      return { problems: [...problems, ...problemsOf(coerceError(thrown))], packages: [] };
    }
  }

  async #packages(
    { draft }: OpenDraft,
    { definition }: CheckedDeploy,
    found: control.CheckSourcesResponse,
  ): Promise<draftApi.DraftPackage[]> {
    const base = draft.base && (await this.#options.versions.get(draft.base.id));
    const locked = new Map(lockedPackages(base?.packages?.lock ?? "").map(({ name, version }) => [name, version]));
    const { requirements } = planOf(definition, found, this.#options.packageUrlsAllowed);
    return requirements.map(({ requirement, packageName, importName, guessed, optional, places }) => ({
      ...{ requirement, package: packageName, importName, guessed, optional },
      lockedVersion: locked.get(packageName) ?? "",
      file: places[0]?.fileName ?? "",
      line: places[0]?.line ?? 0,
    }));
  }
}

function tryReading({ workflow, draft }: OpenDraft): CheckedDeploy | Problem[] {
  try {
    return readDeploy(toDeploy(workflow.name, draft.body));
  } catch (thrown) {
    const error = coerceError(thrown);
    if (error.kind === "Internal") throw error;
    return problemsOf(error);
  }
}

/** What an error of a deploy lists; the error itself when it lists nothing. */
function problemsOf(error: PlatformError): Problem[] {
  const { reason, message, metadata } = error;
  const problems = new Map<string, Problem>();
  for (const [key, value] of Object.entries(metadata)) {
    const [, number, field] = PROBLEM_KEY.exec(key) ?? [];
    if (number === undefined) continue;
    const problem = problems.get(number) ?? { reason, file: "", line: 0, column: 0, path: "", message: "" };
    const isNumber = field === "line" || field === "column";
    problems.set(number, { ...problem, [field!]: isNumber ? Number(value) : value });
  }
  return problems.size > 0 ? [...problems.values()] : [{ reason, file: "", line: 0, column: 0, path: "", message }];
}

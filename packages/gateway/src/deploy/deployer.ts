import {
  coerceError,
  findInputUses,
  findVariableUses,
  packageChanges,
  planPackages,
  PlatformError,
  type PackagePlan,
  type Use,
  type WorkflowDefinition,
} from "@millrace/core";
import { control, workflowApi } from "@millrace/protocol";
import type { VersionBody, VersionPackages, WorkflowRecord, Workflows } from "@millrace/store";
import { waitMsOf } from "../api/durations.ts";
import type { RunnerDirectory } from "../services/runner-directory.ts";
import { waitReasonOf } from "../services/wait-reason.ts";
import type { PackagePreparation, PackageWish, PreparedPackages } from "./package-preparation.ts";
import { assertReadable, dropNotes, guessNotes, requirementKey, unresolvable } from "./package-reports.ts";
import { readDeploy, type CheckedDeploy } from "./read-deploy.ts";
import type { SourceCheck } from "./source-check.ts";

const CHECK = { fallbackMs: 10_000, maxMs: 60_000 };
const PACKAGES = { fallbackMs: 600_000, maxMs: 3_600_000 };

export interface DeployerOptions {
  readonly workflows: Workflows;
  readonly versions: { get(versionId: string): Promise<VersionBody> };
  readonly check: SourceCheck;
  readonly packages: PackagePreparation;
  readonly packageUrlsAllowed: boolean;
  readonly runners: Pick<RunnerDirectory, "living">;
  /** Resolves when the living gateways serve the generation. */
  readonly publish: (generation: number) => Promise<void>;
}

/** What is known of a deploy before it looks at packages. */
export interface DeploySubject {
  readonly deploy: CheckedDeploy;
  readonly request: workflowApi.DeployWorkflowRequest;
  readonly before: VersionPackages | null;
  readonly signal: AbortSignal;
}

/** Something that a deploy tells on its way. */
export type DeployNews = Pick<workflowApi.DeployProgress, "stage" | "done" | "total" | "notes">;

/** What a version has beside what a deploy brings. */
export interface Prepared {
  readonly packages: VersionPackages | null;
  /** Null when nobody has looked: an earlier release has deployed what is restored. */
  readonly uses: readonly Use[] | null;
}

/** What came of a deploy. */
export interface Deployed {
  readonly workflow: WorkflowRecord;
  readonly packages: VersionPackages | null;
  readonly changes: workflowApi.PackageChange[];
}

const STAGES: Readonly<Partial<Record<control.PackageStage, workflowApi.DeployStage>>> = {
  [control.PackageStage.DOWNLOADING]: workflowApi.DeployStage.DOWNLOADING,
  [control.PackageStage.INSTALLING]: workflowApi.DeployStage.INSTALLING,
};

/** Makes versions: checks what a deploy brings, gets its packages ready, freezes it, and makes it live. */
export class Deployer {
  readonly #options: DeployerOptions;

  constructor(options: DeployerOptions) {
    this.#options = options;
  }

  /** Yields how far it is. Nothing is changed before everything else has succeeded and the caller is still there. */
  async *deploy(
    projectId: string,
    target: WorkflowRecord | undefined,
    deploy: CheckedDeploy,
    request: workflowApi.DeployWorkflowRequest,
    signal: AbortSignal,
  ): AsyncGenerator<DeployNews, Deployed> {
    const before = await this.#packagesOf(target);
    const { packages, uses } = yield* this.prepare({ deploy, request, before, signal });
    yield news(workflowApi.DeployStage.PUBLISHING);
    const workflow = await this.#freeze(projectId, target, deploy, { packages, uses });
    return { workflow, packages, changes: packageChanges(before?.lock ?? "", packages?.lock ?? "") };
  }

  /**
   * Checks the code and gets the packages ready: all that a version needs before it is frozen.
   *
   * @param files those whose mistakes matter; default: all
   */
  async *prepare(subject: DeploySubject, files?: ReadonlySet<string>): AsyncGenerator<DeployNews, Prepared> {
    const { deploy, request, signal } = subject;
    yield news(workflowApi.DeployStage.CHECKING);
    const found = await this.#options.check.examine(
      { steps: deploy.steps, modules: deploy.modules },
      waitMsOf(request.checkTimeout, CHECK),
      files,
    );
    const unserved = this.#poolNotes(deploy);
    if (unserved.length > 0) yield news(workflowApi.DeployStage.CHECKING, unserved);
    const packages = yield* this.#packages(subject, planOf(deploy.definition, found, this.#options.packageUrlsAllowed));
    if (signal.aborted) throw coerceError(signal.reason);
    return { packages, uses: usesOf(deploy.definition, found) };
  }

  /** Makes an earlier version live again, as a new one: nothing is checked or resolved anew. */
  async restore(projectId: string, target: WorkflowRecord, body: VersionBody): Promise<WorkflowRecord> {
    const { definition, sources, modules } = body;
    const deploy = readDeploy({
      ...{ name: "", definitionJson: JSON.stringify(definition), sources: { ...sources }, modules: { ...modules } },
      ...{ checkTimeout: undefined, upgradePackages: false, packageTimeout: undefined },
    });
    return this.#freeze(projectId, target, deploy, body);
  }

  /** A workflow may be there before the runners that it wants. */
  #poolNotes({ definition }: CheckedDeploy): workflowApi.DeployNote[] {
    const { pool, labels } = definition.settings;
    const found = waitReasonOf({ pool, labels, pythonMinor: "" }, this.#options.runners.living());
    if (found?.reason !== "NO_RUNNER_IN_POOL" && found?.reason !== "NO_RUNNER_WITH_LABELS") return [];
    return [{ reason: found.reason, file: "", line: 0, message: `${found.message}: runs wait until there is one` }];
  }

  async #packagesOf(target: WorkflowRecord | undefined): Promise<VersionPackages | null> {
    return target?.version ? (await this.#options.versions.get(target.version.id)).packages : null;
  }

  async *#packages(subject: DeploySubject, plan: PackagePlan): AsyncGenerator<DeployNews, VersionPackages | null> {
    if (plan.requirements.length === 0) return null;
    const { before, request } = subject;
    const requirements = plan.requirements.map(requirementKey);
    const notes = guessNotes(plan, new Set(before?.requirements));
    yield news(workflowApi.DeployStage.RESOLVING, notes);
    const isKnown = before !== null && !request.upgradePackages && sameTexts(before.requirements, requirements);
    const { set, dropped } =
      (isKnown ? yield* this.#reuse(subject, before) : undefined) ?? (yield* this.#resolve(subject, plan));
    const missing = dropNotes(plan, dropped);
    if (missing.length > 0) yield news(workflowApi.DeployStage.PUBLISHING, missing);
    if (set.lock === "") return null;
    return { hash: set.hash, pythonMinor: set.pythonMinor, lock: set.lock, requirements };
  }

  /** The lock of the version before, as it stands; undefined when the pool has another Python by now. */
  async *#reuse(
    subject: DeploySubject,
    before: VersionPackages,
  ): AsyncGenerator<DeployNews, PreparedPackages | undefined> {
    const { lock, pythonMinor } = before;
    try {
      return yield* this.#prepare(subject, { requirements: [], lock, pythonMinor, preferredLock: "" });
    } catch (thrown) {
      if (coerceError(thrown).reason === "WRONG_PYTHON") return undefined;
      throw thrown;
    }
  }

  async *#resolve(subject: DeploySubject, plan: PackagePlan): AsyncGenerator<DeployNews, PreparedPackages> {
    const { before, deploy, request } = subject;
    const requirements = plan.requirements.map(({ requirement, importName, optional, guessed, examine }) => ({
      requirement,
      importName,
      optional,
      guessed,
      examine,
    }));
    const preferredLock = request.upgradePackages ? "" : (before?.lock ?? "");
    try {
      return yield* this.#prepare(subject, { requirements, lock: "", pythonMinor: "", preferredLock });
    } catch (thrown) {
      const error = coerceError(thrown);
      throw error.reason === "PACKAGES_UNRESOLVABLE" ? unresolvable(error, plan, deploy.definition) : error;
    }
  }

  async *#prepare(
    { deploy, request, signal }: DeploySubject,
    wish: Pick<PackageWish, "requirements" | "lock" | "pythonMinor" | "preferredLock">,
  ): AsyncGenerator<DeployNews, PreparedPackages> {
    const timeoutMs = waitMsOf(request.packageTimeout, PACKAGES);
    const { pool } = deploy.definition.settings;
    const fresh = request.upgradePackages;
    const preparing = this.#options.packages.prepare({ ...wish, fresh, pool, timeoutMs, signal });
    for (;;) {
      const next = await preparing.next();
      if (next.done === true) return next.value;
      const { stage, done, total } = next.value;
      yield { stage: STAGES[stage] ?? workflowApi.DeployStage.RESOLVING, done, total, notes: [] };
    }
  }

  async #freeze(
    projectId: string,
    target: WorkflowRecord | undefined,
    deploy: CheckedDeploy,
    { packages, uses }: Prepared,
  ): Promise<WorkflowRecord> {
    const { definition, sources, modules, triggers } = deploy.record;
    // Packages were resolved for one Python; without any, every Python will do.
    const spec = { ...deploy.record.spec, pythonMinor: packages?.pythonMinor ?? "" };
    const { historyDays, historyRuns } = deploy.definition.settings;
    const workflowId = target?.id ?? (await this.#create(projectId, deploy.definition.name));
    const { workflow, generation } = await this.#options.workflows.deploy({
      projectId,
      workflowId,
      definition,
      sources,
      modules,
      packages,
      uses,
      spec,
      retention: { days: historyDays || null, runs: historyRuns || null },
      triggers,
    });
    await this.#options.publish(generation);
    return workflow;
  }

  /** Two first deploys of a workflow at the same time make it once. */
  async #create(projectId: string, name: string): Promise<string> {
    const { workflows } = this.#options;
    try {
      return (await workflows.create(projectId, name)).workflow.id;
    } catch (thrown) {
      if (!(thrown instanceof PlatformError) || thrown.reason !== "WORKFLOW_EXISTS") throw thrown;
      return (await workflows.get(projectId, name)).id;
    }
  }
}

/** What of its project a version uses. */
function usesOf({ steps }: WorkflowDefinition, { variables }: control.CheckSourcesResponse): Use[] {
  return [...findInputUses(steps), ...findVariableUses(steps, variables)];
}

/** Which packages the code and the definition of a deploy want. */
export function planOf(
  definition: WorkflowDefinition,
  found: control.CheckSourcesResponse,
  urlsAllowed: boolean,
): PackagePlan {
  const inDefinition = definition.requirements.map((text, index) => ({
    text,
    fileName: "",
    line: 0,
    path: `requirements[${index}]`,
  }));
  const inComments = found.requirements.map(({ text, fileName, line }) => ({ text, fileName, line, path: "" }));
  const plan = planPackages({ imports: found.imports, asked: [...inDefinition, ...inComments], urlsAllowed });
  assertReadable(plan);
  return plan;
}

function sameTexts(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text, index) => text === b[index]);
}

function news(stage: workflowApi.DeployStage, notes: workflowApi.DeployNote[] = []): DeployNews {
  return { stage, done: 0, total: 0, notes };
}

import { PlatformError } from "@millrace/core";
import type { draftApi } from "@millrace/protocol";
import type {
  DraftBody,
  DraftChange,
  DraftRecord,
  Drafts,
  VersionBody,
  WorkflowRecord,
  Workflows,
} from "@millrace/store";
import type { ApiCaller } from "../api/api-caller.ts";
import { parseWorkflowName } from "../api/resource-names.ts";
import { bodyOfVersion, checkBody, differs, emptyBody, etagOfStep } from "./draft-body.ts";
import { inputUsesOf } from "./draft-uses.ts";

export interface DraftDeskOptions {
  readonly workflows: Workflows;
  readonly drafts: Drafts;
  readonly versions: { get(versionId: string): Promise<VersionBody> };
  /** The address that takes requests to test a draft with. */
  readonly testUrl: (draft: DraftRecord) => string;
}

/** A draft with the workflow that it is of. */
export interface OpenDraft {
  readonly workflow: WorkflowRecord;
  readonly draft: DraftRecord;
  /** Whether it says something else than the version that it was made of. */
  readonly changed: boolean;
  /** Takes requests to test it with. */
  readonly testUrl: string;
}

/** Finds and changes drafts, each by its workflow. */
export class DraftDesk {
  readonly #options: DraftDeskOptions;

  constructor(options: DraftDeskOptions) {
    this.#options = options;
  }

  /** The draft, made where there is none. One without changes of its own follows the newest version. */
  async open(caller: ApiCaller, idOrName: string): Promise<OpenDraft> {
    const { workflows, drafts } = this.#options;
    const workflow = await workflows.get(caller.projectId, parseWorkflowName(`workflows/${idOrName}`));
    const live = workflow.version?.id ?? null;
    const found = await drafts.get(workflow.id);
    if (found === undefined) {
      const body = live === null ? emptyBody(workflow.name) : bodyOfVersion(await this.#options.versions.get(live));
      const made = { workflowId: workflow.id, body, baseVersionId: live, author: authorOf(caller) };
      return this.#open(workflow, await drafts.create(made), live === null);
    }
    const base = found.base && (await this.#options.versions.get(found.base.id));
    const changed = differs(workflow.name, found.body, base ?? undefined);
    if (live === null || live === found.base?.id || changed) return this.#open(workflow, found, changed);
    return this.#open(workflow, await this.#follow(found, live, caller), false);
  }

  #open(workflow: WorkflowRecord, draft: DraftRecord, changed: boolean): OpenDraft {
    return { workflow, draft, changed, testUrl: this.#options.testUrl(draft) };
  }

  /** Somebody has deployed from elsewhere, and nothing is lost by showing that. */
  async #follow(found: DraftRecord, versionId: string, caller: ApiCaller): Promise<DraftRecord> {
    const body = keepIds(bodyOfVersion(await this.#options.versions.get(versionId)), found.body);
    return this.#options.drafts.change(found.workflowId, authorOf(caller), (draft) =>
      draft.revision === found.revision ? { body, baseVersionId: versionId, inputUses: inputUsesOf(body) } : undefined,
    );
  }

  /** Changes a draft on the condition of its etag; empty for none. Throws `ETAG_MISMATCH`. */
  async change(
    caller: ApiCaller,
    idOrName: string,
    etag: string,
    change: (body: DraftBody) => DraftBody,
    about: Pick<DraftChange, "baseVersionId" | "typing"> = {},
  ): Promise<OpenDraft> {
    const { workflow } = await this.open(caller, idOrName);
    const draft = await this.#options.drafts.change(workflow.id, authorOf(caller), (found) => {
      assertEtag(etag, etagOfDraft(found), found);
      const body = checkBody(change(found.body));
      return { ...about, body, inputUses: inputUsesOf(body) };
    });
    const base = draft.base && (await this.#options.versions.get(draft.base.id));
    return this.#open(workflow, draft, differs(workflow.name, draft.body, base ?? undefined));
  }
}

/** Steps that are still there keep their ids, so that their tests and their editors do not lose them. */
export function keepIds(body: DraftBody, before: DraftBody): DraftBody {
  const ids = new Map(before.steps.map(({ name, id }) => [name, id]));
  return { ...body, steps: body.steps.map((step) => ({ ...step, id: ids.get(step.name) ?? step.id })) };
}

/** Throws `ETAG_MISMATCH` with whose change came first. */
export function assertEtag(given: string, now: string, { author, updateTimeMs }: DraftRecord): void {
  if (given === "" || given === now) return;
  const metadata = { etag: now, author, updateTime: new Date(updateTimeMs).toISOString() };
  const message = `${author} has changed it meanwhile; look at what it is now, and decide`;
  throw new PlatformError("Conflict", "ETAG_MISMATCH", message, { metadata });
}

/** The etag of a whole draft. */
export function etagOfDraft({ revision }: Pick<DraftRecord, "revision">): string {
  return `r${revision}`;
}

/** Who makes a change, for people. */
export function authorOf({ session, apiKeyId }: ApiCaller): string {
  return session?.user ? `users/${session.user.name}` : `apiKeys/${apiKeyId}`;
}

/** A draft as the API shows it. */
export function toDraftMessage({ workflow, draft, changed, testUrl }: OpenDraft): draftApi.Draft {
  const name = `workflows/${workflow.id}/draft`;
  return {
    name,
    etag: etagOfDraft(draft),
    settingsJson: JSON.stringify(draft.body.settings),
    steps: draft.body.steps.map((step) => toStepMessage(name, step)),
    modules: { ...draft.body.modules },
    baseVersion: draft.base?.number ?? 0,
    liveVersion: workflow.version?.number ?? 0,
    changed,
    author: draft.author,
    updateTime: new Date(draft.updateTimeMs),
    testUrl,
  };
}

/** A step of a draft as the API shows it. */
export function toStepMessage(draftName: string, step: DraftBody["steps"][number]): draftApi.DraftStep {
  return {
    name: `${draftName}/steps/${step.id}`,
    etag: etagOfStep(step),
    displayName: step.name,
    file: step.file,
    code: step.code,
    optionsJson: Object.keys(step.options).length === 0 ? "" : JSON.stringify(step.options),
  };
}

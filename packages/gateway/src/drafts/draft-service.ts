import { PlatformError } from "@millrace/core";
import { workflowApi, type draftApi, type versionApi } from "@millrace/protocol";
import type { DraftBody, Drafts, VersionBody } from "@millrace/store";
import type { ApiContext } from "../api/api-caller.ts";
import { Poll, type PollPace } from "../api/poll.ts";
import type { ReaderGate } from "../api/reader-gate.ts";
import { readDeploy } from "../deploy/read-deploy.ts";
import type { Deployed, Deployer } from "../deploy/deployer.ts";
import { bodyOfVersion, emptyBody, etagOfStep, toDeploy } from "./draft-body.ts";
import { findStep, moved, updated, updatedStep, withStep, without } from "./draft-changes.ts";
import type { DraftCheck } from "./draft-check.ts";
import { assertEtag, etagOfDraft, keepIds, toDraftMessage, toStepMessage, type DraftDesk } from "./draft-desk.ts";
import { parseDraftName, parseDraftStepName } from "./draft-names.ts";
import { changesOf, filesOfDraft } from "./file-changes.ts";
import type { DraftTester } from "./draft-tester.ts";

const PACE: PollPace = { firstMs: 300, maxMs: 1_000 };

export interface DraftServiceOptions {
  readonly desk: DraftDesk;
  readonly drafts: Drafts;
  readonly versions: { get(versionId: string): Promise<VersionBody> };
  readonly deployer: Deployer;
  readonly toWorkflow: (deployed: Deployed) => workflowApi.Workflow;
  readonly check: DraftCheck;
  readonly tester: DraftTester;
  readonly gate: ReaderGate;
}

/** `millrace.api.v1.DraftService`. */
export class DraftService {
  readonly #options: DraftServiceOptions;

  constructor(options: DraftServiceOptions) {
    this.#options = options;
  }

  async getDraft({ name }: draftApi.GetDraftRequest, { principal }: ApiContext): Promise<draftApi.Draft> {
    return toDraftMessage(await this.#options.desk.open(principal, parseDraftName(name)));
  }

  async *watchDraft(
    { name }: draftApi.WatchDraftRequest,
    { principal, signal }: ApiContext,
  ): AsyncIterable<draftApi.Draft> {
    const { gate, desk } = this.#options;
    using _place = gate.enter();
    const stop = gate.signalOf(signal);
    const poll = new Poll(PACE);
    let shown = "";
    while (!stop.aborted) {
      const draft = toDraftMessage(await desk.open(principal, parseDraftName(name)));
      const fingerprint = `${draft.etag} ${draft.liveVersion} ${draft.baseVersion}`;
      if (fingerprint !== shown) {
        poll.reset();
        yield draft;
      }
      shown = fingerprint;
      await poll.pause(stop);
    }
    gate.assertOpen();
  }

  async updateDraft(request: draftApi.UpdateDraftRequest, { principal }: ApiContext): Promise<draftApi.Draft> {
    const { draft, updateMask, etag } = request;
    if (draft === undefined) throw missing("draft");
    const workflow = parseDraftName(draft.name);
    const changed = await this.#options.desk.change(principal, workflow, etag, (body) =>
      updated(body, draft, updateMask),
    );
    return toDraftMessage(changed);
  }

  async addDraftStep(request: draftApi.AddDraftStepRequest, { principal }: ApiContext): Promise<draftApi.Draft> {
    const { name, step, place, etag } = request;
    const workflow = parseDraftName(name);
    return toDraftMessage(
      await this.#options.desk.change(principal, workflow, etag, (body) => withStep(body, step, place)),
    );
  }

  async updateDraftStep(
    request: draftApi.UpdateDraftStepRequest,
    { principal }: ApiContext,
  ): Promise<draftApi.DraftStep> {
    const { step, updateMask, etag } = request;
    if (step === undefined) throw missing("step");
    const { workflow: idOrName, stepId } = parseDraftStepName(step.name);
    const { draft: known } = await this.#options.desk.open(principal, idOrName);
    const edit = (body: DraftBody): DraftBody => {
      const before = findStep(body, stepId);
      assertEtag(etag, etagOfStep(before), known);
      const after = updatedStep(before, step, updateMask);
      return { ...body, steps: body.steps.map((other) => (other.id === stepId ? after : other)) };
    };
    const { workflow, draft } = await this.#options.desk.change(principal, idOrName, "", edit, { typing: true });
    return toStepMessage(`workflows/${workflow.id}/draft`, findStep(draft.body, stepId));
  }

  async moveDraftStep(request: draftApi.MoveDraftStepRequest, { principal }: ApiContext): Promise<draftApi.Draft> {
    const { workflow, stepId } = parseDraftStepName(request.name);
    const { etag, place } = request;
    return toDraftMessage(
      await this.#options.desk.change(principal, workflow, etag, (body) => moved(body, stepId, place)),
    );
  }

  async removeDraftStep(request: draftApi.RemoveDraftStepRequest, { principal }: ApiContext): Promise<draftApi.Draft> {
    const { workflow, stepId } = parseDraftStepName(request.name);
    const changed = this.#options.desk.change(principal, workflow, request.etag, (body) => without(body, stepId));
    return toDraftMessage(await changed);
  }

  async discardDraft(request: draftApi.DiscardDraftRequest, { principal }: ApiContext): Promise<draftApi.Draft> {
    const idOrName = parseDraftName(request.name);
    const { workflow } = await this.#options.desk.open(principal, idOrName);
    const live = workflow.version && (await this.#options.versions.get(workflow.version.id));
    const fresh = live === null ? emptyBody(workflow.name) : bodyOfVersion(live);
    const base = { baseVersionId: live?.id };
    const change = this.#options.desk.change(principal, idOrName, request.etag, (body) => keepIds(fresh, body), base);
    return toDraftMessage(await change);
  }

  async listDraftRevisions(
    { name }: draftApi.ListDraftRevisionsRequest,
    { principal }: ApiContext,
  ): Promise<draftApi.ListDraftRevisionsResponse> {
    const { draft } = await this.#options.desk.open(principal, parseDraftName(name));
    const revisions = await this.#options.drafts.listRevisions(draft.id);
    return {
      revisions: revisions.map(({ revision, author, createTimeMs }) => ({
        ...{ revision, author },
        createTime: new Date(createTimeMs),
      })),
    };
  }

  async compareDraftRevisions(
    { parent, from, to }: draftApi.CompareDraftRevisionsRequest,
    { principal }: ApiContext,
  ): Promise<versionApi.CompareVersionsResponse> {
    const { workflow, draft } = await this.#options.desk.open(principal, parseDraftName(parent));
    const { drafts } = this.#options;
    const before = await drafts.getRevision(draft.id, from);
    const after = to === 0 ? draft.body : await drafts.getRevision(draft.id, to);
    return {
      files: changesOf(filesOfDraft(workflow.name, before), filesOfDraft(workflow.name, after)),
      packageChanges: [],
    };
  }

  async restoreDraftRevision(
    request: draftApi.RestoreDraftRevisionRequest,
    { principal }: ApiContext,
  ): Promise<draftApi.Draft> {
    const workflow = parseDraftName(request.name);
    const { draft } = await this.#options.desk.open(principal, workflow);
    const body = await this.#options.drafts.getRevision(draft.id, request.revision);
    return toDraftMessage(await this.#options.desk.change(principal, workflow, request.etag, () => body));
  }

  async checkDraft(
    { name }: draftApi.CheckDraftRequest,
    { principal }: ApiContext,
  ): Promise<draftApi.CheckDraftResponse> {
    const open = await this.#options.desk.open(principal, parseDraftName(name));
    return { ...(await this.#options.check.check(open)), etag: etagOfDraft(open.draft) };
  }

  async *deployDraft(
    request: draftApi.DeployDraftRequest,
    { principal, signal }: ApiContext,
  ): AsyncGenerator<workflowApi.DeployProgress> {
    const { desk, deployer, drafts, toWorkflow } = this.#options;
    const { workflow, draft } = await desk.open(principal, parseDraftName(request.name));
    assertEtag(request.etag, etagOfDraft(draft), draft);
    const live = workflow.version;
    if (!request.overwrite && live !== null && live.id !== draft.base?.id) {
      const message = `version ${live.number} was deployed since this draft was made of version ${draft.base?.number ?? 0}`;
      throw new PlatformError("Conflict", "DRAFT_BEHIND", message, { metadata: { version: String(live.number) } });
    }
    const { upgradePackages, packageTimeout } = request;
    const wanted = { ...toDeploy(workflow.name, draft.body), upgradePackages, packageTimeout };
    const deploying = deployer.deploy(principal.projectId, workflow, readDeploy(wanted), wanted, signal);
    for (;;) {
      const next = await deploying.next();
      if (next.done !== true) {
        yield { ...next.value, packageChanges: [], workflow: undefined };
        continue;
      }
      const baseVersionId = next.value.workflow.version?.id;
      await drafts.change(workflow.id, draft.author, ({ body }) => ({ body, baseVersionId }));
      const done = { done: 0, total: 0, notes: [], packageChanges: next.value.changes };
      yield { ...done, stage: workflowApi.DeployStage.DONE, workflow: toWorkflow(next.value) };
      return;
    }
  }

  async *testDraft(
    request: draftApi.TestDraftRequest,
    context: ApiContext,
  ): AsyncGenerator<draftApi.TestDraftResponse> {
    const { gate, desk, tester } = this.#options;
    using _place = gate.enter();
    const open = await desk.open(context.principal, parseDraftName(request.name));
    const { principal, requestId, method, header, bearer, peer } = context;
    const signal = gate.signalOf(context.signal);
    yield* tester.test(open, request, { principal, requestId, method, header, bearer, peer, signal });
  }

  async *watchDraftEvents(
    { name, cursor }: draftApi.WatchDraftEventsRequest,
    { principal, signal }: ApiContext,
  ): AsyncIterable<draftApi.DraftEvent> {
    const { gate, desk, drafts } = this.#options;
    if (!/^\d{0,15}$/.test(cursor))
      throw new PlatformError("InvalidArgument", "INVALID_CURSOR", "cursor is none of these");
    using _place = gate.enter();
    const stop = gate.signalOf(signal);
    const { draft } = await desk.open(principal, parseDraftName(name));
    const poll = new Poll(PACE);
    for (let after = Number(cursor); !stop.aborted; await poll.pause(stop)) {
      for (const { id, eventJson, createTimeMs } of await drafts.listEvents(draft.id, after)) {
        poll.reset();
        after = id;
        const text = Buffer.from(eventJson).toString("utf8");
        yield { eventJson: text, createTime: new Date(createTimeMs), cursor: String(id) };
      }
    }
    gate.assertOpen();
  }

  async listDraftTests(
    { name }: draftApi.ListDraftTestsRequest,
    { principal }: ApiContext,
  ): Promise<draftApi.ListDraftTestsResponse> {
    return { tests: await this.#options.tester.list(await this.#options.desk.open(principal, parseDraftName(name))) };
  }

  async resetDraftTests(
    { name }: draftApi.ResetDraftTestsRequest,
    { principal }: ApiContext,
  ): Promise<draftApi.ListDraftTestsResponse> {
    const open = await this.#options.desk.open(principal, parseDraftName(name));
    await this.#options.tester.reset(open);
    return { tests: [] };
  }
}

function missing(field: string): PlatformError {
  return new PlatformError("InvalidArgument", "INVALID_DRAFT", `${field} must be set`);
}

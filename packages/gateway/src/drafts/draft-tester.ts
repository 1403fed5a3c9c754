import { lockedPackages, parseWorkflowDefinition, PlatformError } from "@millrace/core";
import { workflowApi, type draftApi } from "@millrace/protocol";
import type {
  DraftBody,
  Drafts,
  DraftStepBody,
  DraftTestRecord,
  GivenResult,
  Objects,
  RunRecord,
  Runs,
  VersionBody,
  VersionPackages,
} from "@millrace/store";
import { createTraceId } from "@millrace/telemetry";
import type { ApiContext } from "../api/api-caller.ts";
import { parseRunName, runNameOf } from "../api/resource-names.ts";
import { toRun } from "../api/run-message.ts";
import type { RunLogs } from "../api/run-logs.ts";
import type { RunValues } from "../api/run-values.ts";
import type { Deployer } from "../deploy/deployer.ts";
import { readDeploy } from "../deploy/read-deploy.ts";
import { checkJsonText } from "../http/json-text.ts";
import { buildSubmit, type SubmitOrigin } from "../runs/build-submit.ts";
import type { RunDesk } from "../runs/run-desk.ts";
import { etagOfStep, toDeploy } from "./draft-body.ts";
import { findStep } from "./draft-changes.ts";
import type { OpenDraft } from "./draft-desk.ts";
import { parseDraftStepName } from "./draft-names.ts";

export interface DraftTesterOptions {
  readonly drafts: Drafts;
  readonly runs: Runs;
  readonly objects: Objects;
  readonly versions: { get(versionId: string): Promise<VersionBody> };
  readonly deployer: Deployer;
  readonly desk: RunDesk;
  readonly logs: RunLogs;
  readonly values: RunValues;
  readonly origin: SubmitOrigin;
}

/** A test that is ready to run. */
interface Prepared {
  readonly version: VersionBody;
  readonly steps: readonly DraftStepBody[];
  readonly stepId: string;
}

/**
 * Runs a draft, or a step of it, as a run like any other: of a version that is nobody's newest, with the draft's id where
 * others have their workflow's, so that it waits behind no run of the workflow and counts against none of its limits.
 */
export class DraftTester {
  readonly #options: DraftTesterOptions;

  constructor(options: DraftTesterOptions) {
    this.#options = options;
  }

  /** Prepares, runs, and tells what happens on the way. */
  async *test(
    open: OpenDraft,
    request: draftApi.TestDraftRequest,
    context: ApiContext,
  ): AsyncGenerator<draftApi.TestDraftResponse> {
    const event = await this.#eventOf(request, context.principal.projectId);
    const prepared = yield* this.#prepare(open, request, context);
    const given = prepared.stepId === "" ? [] : await this.#given(open, prepared.stepId);
    const runId = await this.#start(open, prepared, given, event);
    const run = runNameOf(open.workflow.id, runId);
    yield { ...NOTHING, run };
    const { projectId } = context.principal;
    for await (const { entries } of this.#options.logs.tail(projectId, `workflows/-/runs/${runId}`, context.signal)) {
      yield { ...NOTHING, run, entries: entries.map((entry) => ({ ...entry, run })) };
    }
    if (context.signal.aborted) return;
    const tests = await this.list(open);
    yield { ...NOTHING, run, tests: tests.filter((test) => test.run === run) };
  }

  /** The newest test of each step. */
  async list(open: OpenDraft): Promise<draftApi.DraftTest[]> {
    const newest = newestTests(await this.#options.drafts.listTests(open.draft.id), open.draft.body);
    const known = new Map<string, Promise<RunRecord | undefined>>();
    const tests = newest.map(async ({ stepId, test, stale }) => {
      const record = await (known.get(test.runId) ?? remember(known, test.runId, this.#findRun(test.runId)));
      return record && this.#toTest(open, { stepId, test, stale, record });
    });
    return (await Promise.all(tests)).filter((test) => test !== undefined);
  }

  /** Forgets all results, and what is in `/tmp`. */
  async reset({ draft }: OpenDraft): Promise<void> {
    await this.#options.drafts.forgetTests(draft.id);
    await this.#options.objects.release({ kind: "test", id: draft.id });
  }

  async #eventOf(request: draftApi.TestDraftRequest, projectId: string): Promise<TestEvent> {
    if (request.eventJson !== "") {
      if (checkJsonText(request.eventJson)) return { json: Buffer.from(request.eventJson), fallsBackToBody: true };
      throw new PlatformError("InvalidArgument", "INVALID_EVENT", "event_json is not JSON");
    }
    if (request.run === "") return { json: Buffer.from("{}"), fallsBackToBody: true };
    const record = await this.#options.runs.get(projectId, parseRunName(request.run).runId);
    const { record: shown } = await this.#options.values.show(record);
    return { json: Buffer.from(shown.input.eventJson), fallsBackToBody: record.input.eventFallsBackToBody };
  }

  /** Checks the code and has its packages installed, those of all steps together: one set serves all tests. */
  async *#prepare(
    open: OpenDraft,
    request: draftApi.TestDraftRequest,
    { signal }: ApiContext,
  ): AsyncGenerator<draftApi.TestDraftResponse, Prepared> {
    const { drafts, deployer } = this.#options;
    const { workflow, draft } = open;
    const stepId = request.step === "" ? "" : parseDraftStepName(request.step).stepId;
    const steps = stepId === "" ? draft.body.steps : [findStep(draft.body, stepId)];
    const whole = toDeploy(workflow.name, draft.body);
    const checked = readDeploy(whole);
    const files = new Set(steps.map(({ file }) => file));
    const before = await this.#packagesBefore(open);
    const preparing = deployer.prepare({ deploy: checked, request: whole, before, signal }, files);
    let packages: VersionPackages | null;
    for (;;) {
      const next = await preparing.next();
      if (next.done === true) {
        ({ packages } = next.value);
        break;
      }
      yield { ...NOTHING, stage: next.value.stage, notes: next.value.notes };
    }
    const part = readDeploy(toDeploy(workflow.name, { ...draft.body, steps }));
    const { definition, sources, modules, spec } = part.record;
    const version = await drafts.ensureTestVersion({
      ...{ workflowId: workflow.id, definition, sources, modules, packages },
      spec: { ...spec, pythonMinor: packages?.pythonMinor ?? "", concurrencyLimit: 0 },
    });
    return { version, steps, stepId };
  }

  /** What the newest test ran with, else what is deployed: the same requirements keep the same lock. */
  async #packagesBefore({ draft }: OpenDraft): Promise<VersionPackages | null> {
    const { drafts, runs, versions } = this.#options;
    const [newest] = await drafts.listTests(draft.id);
    const tested = newest && (await runs.get(null, newest.runId).catch(() => undefined));
    const versionId = tested?.versionId ?? draft.base?.id;
    if (versionId === undefined) return null;
    return (await versions.get(versionId).catch(() => undefined))?.packages ?? null;
  }

  /** The results of the steps above, as they were tested last. */
  async #given({ draft }: OpenDraft, stepId: string): Promise<GivenResult[]> {
    const newest = newestTests(await this.#options.drafts.listTests(draft.id), draft.body);
    const at = draft.body.steps.findIndex(({ id }) => id === stepId);
    return draft.body.steps.slice(0, at).flatMap(({ id, name }) => {
      const found = newest.find((tested) => tested.stepId === id);
      if (found === undefined) return [];
      return [{ name, runId: found.test.runId, path: pathIn(found.test, id) }];
    });
  }

  async #start(
    { workflow, draft }: OpenDraft,
    { version, steps, stepId }: Prepared,
    given: readonly GivenResult[],
    event: TestEvent,
  ): Promise<string> {
    const { origin, desk, drafts } = this.#options;
    const submit = buildSubmit(
      {
        spec: { ...version.spec, workflowId: draft.id },
        shownWorkflowId: workflow.id,
        workflowName: workflow.name,
        eventJson: event.json,
        fallsBackToBody: event.fallsBackToBody,
        triggerKind: "test",
        idempotencyKey: "",
        traceId: createTraceId(),
        traceParent: "",
        wantsAnswer: false,
        wantsEnd: false,
      },
      origin,
      Date.now(),
    );
    const hashes = steps.map((step) => [step.id, hashUpTo(draft.body, step.id)] as const);
    await drafts.recordTest({ runId: submit.runId, draftId: draft.id, stepId, hashes, given });
    await desk.submit(submit);
    return submit.runId;
  }

  #findRun(runId: string): Promise<RunRecord | undefined> {
    return this.#options.runs.get(null, runId).catch(() => undefined);
  }

  async #toTest(
    { workflow }: OpenDraft,
    { stepId, test, stale, record }: { stepId: string; test: DraftTestRecord; stale: boolean; record: RunRecord },
  ): Promise<draftApi.DraftTest | undefined> {
    const path = pathIn(test, stepId);
    const version = await this.#options.versions.get(record.versionId);
    const { python = "" } =
      parseWorkflowDefinition(version.definition).steps[Number(path.slice("steps/".length))] ?? {};
    const run = toRun(await this.#options.values.show(record), python);
    const result = run.steps.find((step) => step.path === path);
    return {
      step: `workflows/${workflow.id}/draft/steps/${stepId}`,
      run: runNameOf(workflow.id, record.id),
      stale,
      result,
      failure: run.failure?.step === result?.name ? run.failure : undefined,
      traceId: record.traceId,
      attempt: record.assignment,
      packages: lockedPackages(version.packages?.lock ?? ""),
      createTime: new Date(test.createTimeMs),
    };
  }
}

interface TestEvent {
  readonly json: Buffer;
  readonly fallsBackToBody: boolean;
}

const NOTHING: draftApi.TestDraftResponse = {
  stage: workflowApi.DeployStage.UNSPECIFIED,
  notes: [],
  run: "",
  entries: [],
  tests: [],
};

function remember<T>(known: Map<string, Promise<T>>, key: string, value: Promise<T>): Promise<T> {
  known.set(key, value);
  return value;
}

/** Where a step stands in the version that its test has run. */
function pathIn(test: DraftTestRecord, stepId: string): string {
  return `steps/${test.hashes.findIndex(([id]) => id === stepId)}`;
}

/** Names what a step is, with all that is above it: what it was given follows from that. */
function hashUpTo({ steps, modules }: DraftBody, stepId: string): string {
  const at = steps.findIndex(({ id }) => id === stepId);
  return [
    ...steps.slice(0, at + 1).map(etagOfStep),
    Object.keys(modules).length === 0 ? "" : JSON.stringify(modules),
  ].join(" ");
}

/** The newest test of each step that the draft has now. */
function newestTests(tests: readonly DraftTestRecord[], body: DraftBody) {
  return body.steps.flatMap(({ id }) => {
    const test = tests.find(({ hashes }) => hashes.some(([stepId]) => stepId === id));
    if (test === undefined) return [];
    const [, hash] = test.hashes.find(([stepId]) => stepId === id)!;
    return [{ stepId: id, test, stale: hash !== hashUpTo(body, id) }];
  });
}

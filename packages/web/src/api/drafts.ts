import { queryOptions } from "@tanstack/react-query";
import type {
  CheckDraftResponse,
  CompareVersionsResponse,
  Draft,
  DraftStep,
  ListDraftRevisionsResponse,
  ListDraftTestsResponse,
  ListWorkflowActivityResponse,
  Version,
  Workflow,
  WorkflowActivity,
} from "./generated/types.ts";
import { call, segment, type CallOptions } from "./http.ts";

/** What of a step one may change. */
export type StepFields = Pick<DraftStep, "displayName" | "code" | "optionsJson">;

function draftPath(workflow: string): string {
  return `workflows/${segment(workflow)}/draft`;
}

function stepPath(workflow: string, step: string): string {
  return `${draftPath(workflow)}/steps/${segment(step)}`;
}

/** The id of a step, which it keeps when it is renamed or moved. */
export function stepId({ name = "" }: DraftStep): string {
  return name.slice(name.lastIndexOf("/") + 1);
}

export function getDraft(workflow: string): Promise<Draft> {
  return call<Draft>("GET", draftPath(workflow));
}

/** Where changes of a draft are told. */
export function draftWatchPath(workflow: string): string {
  return `${draftPath(workflow)}:watch`;
}

/** Where requests to the draft's test address are told. */
export function draftEventsPath(workflow: string): string {
  return `${draftPath(workflow)}/events:watch`;
}

/** Where a draft is tested; answers with a stream. */
export function draftTestPath(workflow: string): string {
  return `${draftPath(workflow)}:test`;
}

/** Where a draft is deployed; answers with a stream. */
export function draftDeployPath(workflow: string): string {
  return `${draftPath(workflow)}:deploy`;
}

/** How a change is sent: `keepalive` for one that the page does not wait for any more. */
type Sending = Pick<CallOptions, "keepalive">;

/** Changes a step, on the condition that it is what `etag` names. */
export function updateStep(
  workflow: string,
  id: string,
  fields: StepFields,
  etag: string,
  sending: Sending = {},
): Promise<DraftStep> {
  const body = { step: fields, updateMask: Object.keys(fields).join(",") };
  return call<DraftStep>("PATCH", stepPath(workflow, id), { ...sending, body, ifMatch: `"${etag}"` });
}

/** Changes the settings of a draft, on the condition that it is what `etag` names. */
export function updateSettings(
  workflow: string,
  settingsJson: string,
  etag: string,
  sending: Sending = {},
): Promise<Draft> {
  const body = { draft: { settingsJson }, updateMask: "settingsJson" };
  return call<Draft>("PATCH", draftPath(workflow), { ...sending, body, ifMatch: `"${etag}"` });
}

/** What a draft was, newest first. */
export function draftRevisionsQuery(workflow: string) {
  return queryOptions({
    queryKey: ["draft-revisions", workflow],
    queryFn: () => call<ListDraftRevisionsResponse>("GET", `${draftPath(workflow)}/revisions`),
    staleTime: 0,
  });
}

/** What differs between a revision and what the draft is; `etag` names that. */
export function compareRevisionQuery(workflow: string, revision: string, etag: string) {
  return queryOptions({
    queryKey: ["compare-revision", workflow, revision, etag],
    queryFn: () =>
      call<CompareVersionsResponse>("GET", `${draftPath(workflow)}/revisions:compare`, { query: { from: revision } }),
    staleTime: Number.POSITIVE_INFINITY,
  });
}

/** Makes the draft what it was at a revision, on the condition that it still is what `etag` names. */
export function restoreRevision(workflow: string, revision: string, etag: string): Promise<Draft> {
  return call<Draft>("POST", `${draftPath(workflow)}:restore`, { body: { revision, etag } });
}

/** Adds a step at a place, from 1; 0 for the last. */
export function addStep(workflow: string, step: DraftStep, place: number): Promise<Draft> {
  return call<Draft>("POST", `${draftPath(workflow)}/steps`, { body: { step, place } });
}

export function moveStep(workflow: string, id: string, place: number): Promise<Draft> {
  return call<Draft>("POST", `${stepPath(workflow, id)}:move`, { body: { place } });
}

export function removeStep(workflow: string, id: string): Promise<Draft> {
  return call<Draft>("DELETE", stepPath(workflow, id));
}

/** Makes the draft what is deployed again. */
export function discardDraft(workflow: string): Promise<Draft> {
  return call<Draft>("POST", `${draftPath(workflow)}:discard`, { body: {} });
}

/** Forgets the results of tests, and what they left in `/tmp`. */
export function resetDraftTests(workflow: string): Promise<ListDraftTestsResponse> {
  return call<ListDraftTestsResponse>("POST", `${draftPath(workflow)}/tests:reset`, { body: {} });
}

/** What a deploy would say of the draft; `etag` names which state of it. */
export function draftCheckQuery(workflow: string, etag: string) {
  return queryOptions({
    queryKey: ["draft-check", workflow, etag],
    queryFn: () => call<CheckDraftResponse>("POST", `${draftPath(workflow)}:check`, { body: {} }),
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 60_000,
  });
}

/** The newest test of each step. */
export function draftTestsQuery(workflow: string) {
  return queryOptions({
    queryKey: ["draft-tests", workflow],
    queryFn: () => call<ListDraftTestsResponse>("GET", `${draftPath(workflow)}/tests`),
  });
}

/** What differs between two versions; 0 stands for the newest, and as the second one for the draft. */
export function compareQuery(workflow: string, from: number, to: number, etag = "") {
  return queryOptions({
    queryKey: ["compare", workflow, from, to, etag],
    queryFn: () =>
      call<CompareVersionsResponse>("GET", `workflows/${segment(workflow)}/versions:compare`, { query: { from, to } }),
  });
}

export function versionQuery(workflow: string, number: number) {
  return queryOptions({
    queryKey: ["version", workflow, number],
    queryFn: () => call<Version>("GET", `workflows/${segment(workflow)}/versions/${number}`),
    staleTime: Number.POSITIVE_INFINITY,
  });
}

/** Makes what an earlier version was live again, as a new version. */
export function rollBack(workflow: string, number: number): Promise<Workflow> {
  return call<Workflow>("POST", `workflows/${segment(workflow)}/versions/${number}:rollBack`, { body: {} });
}

export function createWorkflow(displayName: string): Promise<Workflow> {
  return call<Workflow>("POST", "workflows", { body: { displayName } });
}

export function deleteWorkflow(workflow: string): Promise<unknown> {
  return call("DELETE", `workflows/${segment(workflow)}`);
}

/** Lets triggers start runs of a workflow, or not any more. */
export function switchWorkflow(workflow: string, on: boolean): Promise<Workflow> {
  return call<Workflow>("POST", `workflows/${segment(workflow)}:${on ? "enable" : "disable"}`, { body: {} });
}

/** Asked for in one call; more would be too long for an address. */
const ACTIVITIES = 100;
const GATHER_MS = 15;
let waiting: {
  readonly name: string;
  readonly done: (activity: WorkflowActivity | null) => void;
  readonly failed: (error: unknown) => void;
}[] = [];

/** What is asked for at the same moment is asked for together. */
function loadActivity(name: string): Promise<WorkflowActivity | null> {
  return new Promise((done, failed) => {
    waiting.push({ name, done, failed });
    if (waiting.length === 1) setTimeout(() => void sendWaiting(), GATHER_MS);
    else if (waiting.length === ACTIVITIES) void sendWaiting();
  });
}

async function sendWaiting(): Promise<void> {
  const asked = waiting;
  waiting = [];
  if (asked.length === 0) return;
  try {
    const query = { names: asked.map(({ name }) => name) };
    const { activities = [] } = await call<ListWorkflowActivityResponse>("GET", "workflows:activity", { query });
    const found = new Map(activities.map((activity) => [activity.name, activity]));
    for (const { name, done } of asked) done(found.get(name) ?? null);
  } catch (thrown) {
    for (const { failed } of asked) failed(thrown);
  }
}

/** How the newest runs of a workflow went; null when it is gone. */
export function activityQuery(id: string) {
  return queryOptions({ queryKey: ["activity", id], queryFn: () => loadActivity(`workflows/${id}`) });
}

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useState, useSyncExternalStore } from "react";
import { Link, useParams, useSearchParams } from "react-router";
import { Page } from "../../app/page.tsx";
import { draftTestsQuery, draftWatchPath, getDraft, stepId } from "../../api/drafts.ts";
import { sessionOver } from "../../api/connection.ts";
import { follow } from "../../api/event-stream.ts";
import { isSignedOut } from "../../api/http.ts";
import { workflowQuery } from "../../api/queries.ts";
import type { Draft, DraftStep, DraftTest, ListDraftTestsResponse, Workflow } from "../../api/generated/types.ts";
import { ErrorNote } from "../../ui/note.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { BuilderProvider, TRIGGER, type Builder } from "./builder-context.ts";
import { BuilderFrame } from "./builder-frame.tsx";
import { DraftSession } from "./draft-session.ts";
import { TestDesk } from "./test-desk.ts";
import { loadEvent, storeEvent, type TestEvent } from "./test-event.ts";

const TESTS_AFTER_MS = 700;

/** Where a workflow is edited, tested and deployed. */
export function BuilderPage() {
  const { workflow: name = "" } = useParams();
  const workflow = useQuery(workflowQuery(name));
  const id = workflow.data?.id;
  const draft = useQuery({
    queryKey: ["draft", id],
    queryFn: () => getDraft(id!),
    enabled: id !== undefined,
    // From here on the session keeps it.
    ...{ staleTime: Number.POSITIVE_INFINITY, gcTime: 0 },
  });
  const isThere = workflow.data !== undefined && draft.data !== undefined;
  const error = workflow.error ?? draft.error;
  // What is open stays open when a later look at the workflow fails: somebody types in it.
  if (!isThere && error !== null) {
    return (
      <Page title="Workflow" trail={<Link to="/">Workflows</Link>}>
        <ErrorNote error={error} onRetry={() => void (workflow.isError ? workflow : draft).refetch()} />
      </Page>
    );
  }
  if (!isThere) return <Skeleton rows={8} label="Loading the draft" />;
  return <OpenBuilder key={id} workflow={workflow.data} draft={draft.data} />;
}

function OpenBuilder({ workflow, draft }: { readonly workflow: Workflow; readonly draft: Draft }) {
  const id = workflow.id!;
  const session = useSession(id, draft);
  const view = useSyncExternalStore(session.subscribe, session.view);
  const tests = useTests(id, view.draft.etag ?? "");
  const desk = useDesk(id, session);
  const { live } = useSyncExternalStore(desk.subscribe, desk.view);
  const [event, setEvent] = useState(() => loadEvent(id));
  const { selected, line, select } = useSelection(view.steps);
  const builder = useMemo(
    (): Builder => ({
      ...{ workflow, session, view, desk, live, tests, event, selected, line, select },
      setEvent: (next: TestEvent) => {
        storeEvent(id, next);
        setEvent(next);
      },
    }),
    [workflow, session, view, desk, live, tests, event, selected, line, select, id],
  );
  return (
    <BuilderProvider value={builder}>
      <BuilderFrame />
    </BuilderProvider>
  );
}

/** The person's editing of the draft, which hears of others' at once. */
function useSession(id: string, draft: Draft): DraftSession {
  const [session] = useState(() => new DraftSession(id, draft));
  useEffect(() => {
    const controller = new AbortController();
    session.open();
    void watch(id, session, controller.signal);
    const leave = (): void => session.close();
    const hide = (): void => void (document.visibilityState === "hidden" && session.flush());
    const ask = (event: BeforeUnloadEvent): void => {
      if (!session.canLeave()) event.preventDefault();
    };
    const forgetSignIn = sessionOver.subscribe(session.signedIn);
    addEventListener("beforeunload", ask);
    addEventListener("pagehide", leave);
    // A page that comes back as it was goes on.
    addEventListener("pageshow", session.open);
    document.addEventListener("visibilitychange", hide);
    return () => {
      controller.abort();
      forgetSignIn();
      removeEventListener("beforeunload", ask);
      removeEventListener("pagehide", leave);
      removeEventListener("pageshow", session.open);
      document.removeEventListener("visibilitychange", hide);
      session.close();
    };
  }, [id, session]);
  return session;
}

/** Follows what others do, also behind a sign-in. */
async function watch(id: string, session: DraftSession, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await follow<Draft>(draftWatchPath(id), signal, {
        event: (next) => session.take(next),
        state: () => undefined,
      });
      return;
    } catch (thrown) {
      if (!isSignedOut(thrown)) return;
      await signInAgain(signal);
    }
  }
}

/** Passes when somebody has signed in again, or nobody waits any more. */
function signInAgain(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const finish = (): void => {
      if (sessionOver.get() && !signal.aborted) return;
      forget();
      signal.removeEventListener("abort", finish);
      resolve();
    };
    const forget = sessionOver.subscribe(finish);
    signal.addEventListener("abort", finish);
    finish();
  });
}

function useDesk(id: string, session: DraftSession): TestDesk {
  const client = useQueryClient();
  const [desk] = useState(() => {
    const { queryKey } = draftTestsQuery(id);
    const onResults = (results: readonly DraftTest[]): void => {
      const fresh = new Set(results.map(({ step }) => step));
      client.setQueryData<ListDraftTestsResponse>(queryKey, (old) => ({
        tests: [...(old?.tests ?? []).filter(({ step }) => !fresh.has(step)), ...results],
      }));
      void client.invalidateQueries({ queryKey });
    };
    return new TestDesk({ workflow: id, beforeTest: () => session.ready(), onResults });
  });
  useEffect(() => () => desk.close(), [desk]);
  return desk;
}

/** Results of tests; whether they are stale follows from what the draft is now. */
function useTests(id: string, etag: string): ReadonlyMap<string, DraftTest> {
  const client = useQueryClient();
  const query = useQuery({ ...draftTestsQuery(id), staleTime: Number.POSITIVE_INFINITY });
  useEffect(() => {
    const timer = setTimeout(() => void client.invalidateQueries(draftTestsQuery(id)), TESTS_AFTER_MS);
    return () => clearTimeout(timer);
  }, [client, id, etag]);
  const tests = query.data?.tests;
  return useMemo(
    () => new Map((tests ?? []).map((test) => [(test.step ?? "").slice((test.step ?? "").lastIndexOf("/") + 1), test])),
    [tests],
  );
}

/** What is looked at stands in the address, so that it can be sent to others. */
function useSelection(steps: readonly DraftStep[]) {
  const [parameters, setParameters] = useSearchParams();
  const asked = parameters.get("at") ?? "";
  const line = Number(parameters.get("line") ?? "") || undefined;
  const select = useCallback(
    (key: string, at?: number) =>
      setParameters({ at: key, ...(at !== undefined && { line: String(at) }) }, { replace: true }),
    [setParameters],
  );
  // Whoever leads here from elsewhere may know a step by its name alone.
  const step = steps.find((each) => stepId(each) === asked) ?? steps.find(({ displayName }) => displayName === asked);
  const selected = asked === TRIGGER ? TRIGGER : stepId(step ?? steps[0] ?? { name: TRIGGER });
  return { selected, line, select };
}

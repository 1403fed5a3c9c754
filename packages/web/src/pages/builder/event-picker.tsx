import { useMutation, useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { draftEventsPath } from "../../api/drafts.ts";
import { follow } from "../../api/event-stream.ts";
import { call, segment } from "../../api/http.ts";
import { newestRunsQuery } from "../../api/queries.ts";
import type { DraftEvent, Run } from "../../api/generated/types.ts";
import { Button } from "../../ui/button.tsx";
import { CopyButton } from "../../ui/copy-button.tsx";
import { formatJson } from "../../ui/json-text.ts";
import { ErrorNote } from "../../ui/note.tsx";
import { StateBadge } from "../../ui/run-state.tsx";
import { Ago } from "../../ui/time.tsx";
import { allRunsOf } from "../workflows/all-runs.ts";
import { settingsOf, triggersOf, useBuilder } from "./builder-context.ts";
import { CurlProblem, eventOfCurl } from "./curl-command.ts";
import { Editor } from "./editor-loader.tsx";
import { SAMPLE_EVENT, parseJson, type TestEvent } from "./test-event.ts";

const SOURCES = [
  ["wait", "Live request"],
  ["curl", "curl command"],
  ["runs", "Past run"],
] as const;
type Source = (typeof SOURCES)[number][0];
const RUNS = 20;
/** Requests that are listed; older ones were seen. */
const REQUESTS = 20;

/** The event that tests run on: what it is, and where another may come from. */
export function EventPicker() {
  const { event, setEvent, workflow } = useBuilder();
  const [source, setSource] = useState<Source>("wait");
  return (
    <section aria-labelledby="test-event">
      <h3 id="test-event">Test event</h3>
      <div className="two event">
        <div className="event-source">
          <div className="segments" role="group" aria-label="Where the event comes from">
            {SOURCES.map(([name, label]) => (
              <button key={name} type="button" aria-pressed={name === source} onClick={() => setSource(name)}>
                {label}
              </button>
            ))}
          </div>
          {source === "wait" && <WaitForRequest />}
          {source === "curl" && <FromCurl />}
          {source === "runs" && <FromRuns />}
        </div>
        <div className="event-json">
          <div className="event-head">
            <span className="label">{event.title}</span>
            {parseJson(event.json) === undefined && <span className="badge bad">not valid JSON</span>}
            <span className="spacer" />
            {event.title !== SAMPLE_EVENT.title && (
              <Button kind="plain" onClick={() => setEvent(SAMPLE_EVENT)}>
                Use the example
              </Button>
            )}
          </div>
          <div className="event-editor">
            <Editor
              id={`event ${workflow.id}`}
              label="The event as JSON"
              language="json"
              value={event.json}
              onChange={(json) => setEvent({ title: edited(event.title), json })}
            />
          </div>
        </div>
      </div>
    </section>
  );
}

function edited(title: string): string {
  return title.endsWith(", edited") ? title : `${title}, edited`;
}

function pretty(json: string): string {
  return parseJson(json) === undefined ? json : formatJson(json);
}

/** The requests to the test address, as they come; the first one that comes while one waits is chosen. */
function WaitForRequest() {
  const { workflow, view, setEvent } = useBuilder();
  const [events, setEvents] = useState<readonly DraftEvent[]>([]);
  const [live, setLive] = useState(false);
  const [error, setError] = useState<unknown>();
  const id = workflow.id!;
  useEffect(() => {
    const controller = new AbortController();
    const openedMs = Date.now();
    setEvents([]);
    follow<DraftEvent>(draftEventsPath(id), controller.signal, {
      event: (next) => {
        setEvents((before) => [next, ...before.filter(({ cursor }) => cursor !== next.cursor)].slice(0, REQUESTS));
        if (Date.parse(next.createTime ?? "") > openedMs) setEvent(ofRequest(next));
      },
      state: setLive,
    }).catch((thrown: unknown) => !controller.signal.aborted && setError(thrown));
    return () => controller.abort();
    // oxlint-disable-next-line react-hooks/exhaustive-deps -- the setter is new with each event, what it does is not
  }, [id]);
  const { testUrl = "" } = view.draft;
  const command = `curl ${testUrl} -H 'content-type: application/json' -d '{"name": "Ada"}'`;
  return (
    <>
      <p className="waiting" role="status">
        <span className="pulse" aria-hidden /> Waiting for a request. It is kept as an event; nothing runs.
      </p>
      <div className="copy-box">
        <code>{testUrl}</code>
        <CopyButton text={testUrl} label="Copy the test address" />
      </div>
      <div className="copy-box">
        <code>{command}</code>
        <CopyButton text={command} label="Copy the command" />
      </div>
      {error !== undefined && <ErrorNote error={error} />}
      {!live && error === undefined && events.length > 0 && (
        <p className="muted">The connection broke; it is opened again.</p>
      )}
      <ul className="event-list" aria-label="Requests">
        {events.map((each) => (
          <li key={each.cursor}>
            <button type="button" onClick={() => setEvent(ofRequest(each))}>
              <span className="mono truncate">{headline(each.eventJson ?? "")}</span>
              <Ago time={each.createTime} />
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}

function ofRequest({ eventJson = "{}" }: DraftEvent): TestEvent {
  return { title: "A request to the test address", json: pretty(eventJson) };
}

function headline(json: string): string {
  const { method = "", path = "" } = (parseJson(json) ?? {}) as { method?: unknown; path?: unknown };
  return typeof method === "string" && method !== "" ? `${method} ${String(path)}` : json;
}

function FromCurl() {
  const { view, setEvent } = useBuilder();
  const [text, setText] = useState("");
  const [problem, setProblem] = useState("");
  const use = (): void => {
    try {
      const [http] = triggersOf(settingsOf(view.settingsJson));
      const value = eventOfCurl(text, http?.event ?? "request");
      setEvent({ title: "From a curl command", json: JSON.stringify(value, undefined, 2) });
      setProblem("");
    } catch (thrown) {
      if (!(thrown instanceof CurlProblem)) throw thrown;
      setProblem(thrown.message);
    }
  };
  return (
    <div className="from-curl">
      <label htmlFor="curl-command" className="visually-hidden">
        A curl command
      </label>
      <textarea
        id="curl-command"
        className="input mono"
        rows={6}
        spellCheck={false}
        placeholder={"curl https://…  -H 'content-type: application/json'  -d '{\"name\": \"Ada\"}'"}
        value={text}
        aria-invalid={problem !== ""}
        onChange={(event) => setText(event.target.value)}
      />
      {problem !== "" && (
        <p className="hint wrong" role="alert">
          {problem}
        </p>
      )}
      <p className="muted">Nothing is sent: the command is read in this page.</p>
      <Button disabled={text.trim() === ""} onClick={use}>
        Use as the event
      </Button>
    </div>
  );
}

function FromRuns() {
  const { workflow, setEvent } = useBuilder();
  const runs = useQuery(newestRunsQuery(allRunsOf(workflow.id!), RUNS));
  const read = useMutation({
    mutationFn: (run: Run) => call<Run>("GET", `workflows/-/runs/${segment(run.id!)}`),
    onSuccess: ({ id = "", eventJson = "{}" }) =>
      setEvent({ title: `The event of run ${id.slice(-8)}`, json: pretty(eventJson) }),
  });
  const found = runs.data?.runs ?? [];
  const error = runs.error ?? read.error;
  return (
    <>
      {error !== null && <ErrorNote error={error} />}
      {runs.isSuccess && found.length === 0 && <p className="muted">It has not run yet.</p>}
      <ul className="event-list" aria-label="Past runs">
        {found.map((run) => (
          <li key={run.id}>
            <button type="button" onClick={() => read.mutate(run)}>
              <StateBadge state={run.state} />
              <span className="mono">{run.id?.slice(-8)}</span>
              <Ago time={run.createTime} />
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}

/** The event that tests of a draft run on. */
export interface TestEvent {
  /** Where it came from. */
  readonly title: string;
  readonly json: string;
}

/** What steps are tested on until somebody chooses something else. */
export const SAMPLE_EVENT: TestEvent = {
  title: "An example",
  json: JSON.stringify(
    {
      method: "POST",
      path: "/",
      query: {},
      headers: { "content-type": "application/json" },
      body: { name: "Ada" },
      client_ip: "127.0.0.1",
    },
    undefined,
    2,
  ),
};

const PREFIX = "millrace.event.";
/** A larger one is not kept: the browser gives a site a few megabytes. */
const KEPT_CHARACTERS = 1_000_000;

/** The event that was chosen for a workflow in this window. */
export function loadEvent(workflow: string): TestEvent {
  try {
    const { title, json } = JSON.parse(sessionStorage.getItem(PREFIX + workflow) ?? "{}") as Partial<TestEvent>;
    if (typeof title === "string" && typeof json === "string") return { title, json };
  } catch {
    // What cannot be read is as good as nothing.
  }
  return SAMPLE_EVENT;
}

/** Keeps the chosen event for as long as the window is open: events may have secrets. */
export function storeEvent(workflow: string, event: TestEvent): void {
  try {
    if (event.json.length <= KEPT_CHARACTERS) sessionStorage.setItem(PREFIX + workflow, JSON.stringify(event));
  } catch {
    // Storage is full or forbidden: the choice lasts until the page is left.
  }
}

/** The value of a JSON text; undefined when it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** A step to begin with. */
export interface StepTemplate {
  readonly id: string;
  readonly title: string;
  readonly about: string;
  readonly name: string;
  readonly code: string;
  readonly options?: Readonly<Record<string, unknown>>;
}

/** A workflow to begin with. */
export interface WorkflowTemplate {
  readonly id: string;
  readonly title: string;
  readonly about: string;
  /** What it is called unless somebody says otherwise. */
  readonly name: string;
  readonly steps: readonly StepTemplate[];
}

const ANSWER: StepTemplate = {
  id: "answer",
  title: "Answer the request",
  about: "Replies with JSON through pd.respond.",
  name: "answer",
  code: `def handler(pd):
    event = pd.steps["trigger"]["event"]
    body = event.get("body") or {}
    name = body.get("name", "world") if isinstance(body, dict) else "world"
    pd.respond({"status": 200, "body": {"message": f"Hello {name}"}})
    return {"greeted": name}
`,
};

const CALL_API: StepTemplate = {
  id: "call-api",
  title: "Call an API",
  about: "One request with requests, and what came back as an export.",
  name: "call_api",
  code: `import requests


def handler(pd):
    answer = requests.get("https://pokeapi.co/api/v2/pokemon/ditto", timeout=10)
    answer.raise_for_status()
    found = answer.json()
    print("found", found["name"])
    # Later steps read this as pd.steps["call_api"]["pokemon"].
    pd.export("pokemon", {"name": found["name"], "weight": found["weight"]})
`,
};

const PROCESS_LIST: StepTemplate = {
  id: "process-list",
  title: "Process a list",
  about: "Goes through the items of the event and keeps what is needed.",
  name: "process_items",
  code: `def handler(pd):
    event = pd.steps["trigger"]["event"]
    body = event.get("body") or {}
    items = body.get("items", []) if isinstance(body, dict) else body
    results = []
    for number, item in enumerate(items, start=1):
        print(f"item {number} of {len(items)}")
        results.append({"number": number, "item": item})
    pd.export("results", results)
    return {"count": len(results)}
`,
};

const COUNTER: StepTemplate = {
  id: "counter",
  title: "Count in a data store",
  about: "Keeps a number between runs.",
  name: "count",
  options: { inputs: { data_store: { store: "counters" } } },
  code: `def handler(pd):
    store = pd.inputs["data_store"]
    # The store itself adds, so that no two runs count the same.
    visits = store.increment("visits")
    pd.export("visits", visits)
    return {"visits": visits}
`,
};

const MAIL: StepTemplate = {
  id: "mail",
  title: "Send a mail",
  about: "To the project's recipient, or to whom you name.",
  name: "send_mail",
  code: `import json


def handler(pd):
    event = pd.steps["trigger"]["event"]
    pd.send.email(
        subject="Something happened",
        text=json.dumps(event, indent=2, default=str),
        # to="ada@example.org",
    )
    return {"sent": True}
`,
};

const EMPTY: StepTemplate = {
  id: "empty",
  title: "Python",
  about: "The documented beginning of a step.",
  name: "code",
  // Without code the house writes its own template.
  code: "",
};

/** Steps that the menu offers. */
export const STEP_TEMPLATES: readonly StepTemplate[] = [ANSWER, CALL_API, PROCESS_LIST, COUNTER, MAIL];

/** The documented beginning of a step. */
export const EMPTY_STEP = EMPTY;

const REPLY_COUNT: StepTemplate = {
  ...ANSWER,
  code: `def handler(pd):
    visits = pd.steps["count"]["visits"]
    pd.respond({"status": 200, "body": {"visits": visits}})
`,
};

const REPLY_POKEMON: StepTemplate = {
  ...ANSWER,
  code: `def handler(pd):
    pd.respond({"status": 200, "body": pd.steps["call_api"]["pokemon"]})
`,
};

const REPLY_LIST: StepTemplate = {
  ...ANSWER,
  code: `def handler(pd):
    pd.respond({"status": 200, "body": pd.steps["process_items"]["results"]})
`,
};

const REPLY_SENT: StepTemplate = {
  ...ANSWER,
  code: `def handler(pd):
    pd.respond({"status": 202, "body": {"sent": pd.steps["send_mail"]["$return_value"]["sent"]}})
`,
};

/** Workflows that a new one may begin as. */
export const WORKFLOW_TEMPLATES: readonly WorkflowTemplate[] = [
  {
    id: "http-answer",
    title: "HTTP answer",
    about: "Takes a request and replies with JSON.",
    name: "hello",
    steps: [ANSWER],
  },
  {
    id: "call-api",
    title: "Call an API",
    about: "Asks another service with requests and passes on what it said.",
    name: "call-an-api",
    steps: [CALL_API, REPLY_POKEMON],
  },
  {
    id: "process-list",
    title: "Process a list",
    about: "Goes through the items of a request, one by one.",
    name: "process-a-list",
    steps: [PROCESS_LIST, REPLY_LIST],
  },
  {
    id: "counter",
    title: "Counter in a data store",
    about: "Remembers a number from run to run.",
    name: "counter",
    steps: [COUNTER, REPLY_COUNT],
  },
  {
    id: "mail",
    title: "Send a mail",
    about: "Mails what was sent to it.",
    name: "send-a-mail",
    steps: [MAIL, REPLY_SENT],
  },
];

/** A step that uses a connected account. */
export function accountTemplate(
  account: string,
  app: string,
  title: string,
  fieldNames: readonly string[],
): StepTemplate {
  const key = app.replaceAll(/\W/g, "_");
  const field = fieldNames.find((name) => /token/.test(name)) ?? fieldNames[0] ?? "api_key";
  return {
    id: `account-${account}`,
    title: `Run Python with the ${title} API`,
    about: `With the account “${account}”.`,
    name: key,
    options: { inputs: { [key]: { account } } },
    code: `import requests


def handler(pd):
    auth = pd.inputs["${key}"]["$auth"]
    answer = requests.get(
        "https://api.example.com/me",
        headers={"Authorization": f"Bearer {auth['${field}']}"},
        timeout=10,
    )
    answer.raise_for_status()
    return answer.json()
`,
  };
}

/**
 * A worker without environments, for tests: speaks the session's contract and does to each run what the run's event says.
 * Events are `{"steps": n, "lines": [...], "fail": text, "silent": true, "die": true, "refuse": true,
 * "ask": method}`; all keys optional. With `ask`, a step asks the platform and ends with the answer among its exports.
 */
import { credentials, Metadata } from "@grpc/grpc-js";
import { session, step } from "@millrace/protocol";

type Frame = NonNullable<session.WorkerFrame["frame"]>;

interface Script {
  lines?: string[];
  fail?: string;
  silent?: boolean;
  die?: boolean;
  refuse?: boolean;
  ask?: string;
  /** Waits for no end. */
  leave?: boolean;
}

const { MILLRACE_RUNNER_SOCKET, MILLRACE_WORKER_TOKEN, MILLRACE_WORKER_ID, SCRIPTED_PROTOCOL, SCRIPTED_DEAF } =
  process.env;
const options = { "grpc.max_receive_message_length": 32 * 1024 * 1024 };
const client = new session.WorkerSessionServiceClient(
  `unix:${MILLRACE_RUNNER_SOCKET}`,
  credentials.createInsecure(),
  options,
);
const metadata = new Metadata();
metadata.set("authorization", `Bearer ${MILLRACE_WORKER_TOKEN}`);
const stream = client.session(metadata);
const versions = new Map<string, session.LoadVersion>();
const runs = new Map<string, { start: session.StartRun; sequence: number; answer?: session.HostCallResult }>();
let draining = false;

function say(...frames: Frame[]): void {
  stream.write({ frames: frames.map((frame) => ({ frame })) });
}

function runStep(start: session.StartRun, index: number): void {
  const { assignment, versionId } = start;
  const version = versions.get(versionId);
  const script = JSON.parse(Buffer.from(start.eventJson).toString()) as Script;
  if (script.refuse || version === undefined) return gone(assignment!, session.GoneCause.REFUSED);
  if (script.die) process.kill(process.pid, "SIGKILL");
  const code = version.steps[index]!;
  const run = runs.get(assignment!.runId)!;
  const now = new Date();
  say({ $case: "stepStarted", value: { assignment, path: code.path, startTime: now, warm: false } });
  if (script.silent) return;
  if (script.ask !== undefined && run.answer === undefined) return ask(assignment, code.path, script.ask);
  const texts = [...(script.lines ?? []), ...(script.fail === undefined ? [] : [script.fail])];
  const lines = texts.map((text) => ({
    sequence: ++run.sequence,
    time: now,
    stream: step.LogStream.STDOUT,
    path: code.path,
    text,
    continued: false,
  }));
  if (lines.length > 0) say({ $case: "logLines", value: { assignment, lines } });
  const finished = { assignment, result: result(start, code, script, run.sequence) };
  if (script.leave) runs.delete(assignment!.runId);
  say({ $case: "stepFinished", value: { ...finished, left: script.leave ?? false, warm: undefined } });
}

function ask(assignment: session.Assignment | undefined, path: string, method: string): void {
  const call = { assignment, path, number: 7, execution: 1, method };
  say({ $case: "call", value: { ...call, requestJson: Buffer.from('{"key":"k"}'), body: Buffer.from("body") } });
}

/** The step goes on where it asked. */
function answered(answer: session.HostCallResult): void {
  const run = runs.get(answer.assignment!.runId)!;
  run.answer = answer;
  runStep(run.start, run.start.doneSteps.length);
}

function result(
  start: session.StartRun,
  code: session.StepCode,
  script: Script,
  lastLogSequence: number,
): step.StepResult {
  const exported = {
    environment: start.environment,
    done: start.doneSteps.map((done) => done.name),
    source: code.source,
    answer: describe(runs.get(start.assignment!.runId)?.answer),
  };
  const { fail } = script;
  return {
    path: code.path,
    name: code.name,
    executionId: `${start.assignment!.number}.${code.path}`,
    exportsJson: Buffer.from(JSON.stringify(exported)),
    returnValueJson: undefined,
    response: undefined,
    exit: undefined,
    failure:
      fail === undefined
        ? undefined
        : {
            cause: step.FailureCause.EXCEPTION,
            type: "ValueError",
            message: fail,
            traceback: `line 1\n${fail}`,
            line: 1,
          },
    pause: undefined,
    children: [],
    startTime: new Date(),
    endTime: new Date(),
    peakMemoryBytes: 0,
    lastLogSequence,
  };
}

function describe(answer: session.HostCallResult | undefined): unknown {
  return answer && { text: answer.responseJson.toString() + answer.body.toString(), error: answer.error };
}

function gone(assignment: session.Assignment, cause: session.GoneCause): void {
  runs.delete(assignment.runId);
  say({ $case: "runGone", value: { assignment, cause, message: "as scripted" } });
  endWhenDrained();
}

function endWhenDrained(): void {
  if (draining && runs.size === 0) stream.end();
}

function handle(frame: NonNullable<session.RunnerFrame["frame"]>): void {
  switch (frame.$case) {
    case "loadVersion":
      versions.set(frame.value.versionId, frame.value);
      return;
    case "unloadVersion":
      versions.delete(frame.value.versionId);
      return;
    case "startRun":
      runs.set(frame.value.assignment!.runId, { start: frame.value, sequence: 0 });
      return runStep(frame.value, frame.value.doneSteps.length);
    case "proceed": {
      const { start } = runs.get(frame.value.assignment!.runId)!;
      return runStep(start, Number(frame.value.path.slice("steps/".length)) + 1);
    }
    case "callResult":
      return answered(frame.value);
    case "endRun":
      return gone(frame.value.assignment!, session.GoneCause.ENDED);
    case "killRun":
      if (SCRIPTED_DEAF !== undefined) return;
      return gone(frame.value.assignment!, session.GoneCause.KILLED);
    case "checkVersion":
      return checkVersion(frame.value);
    case "drain":
      draining = true;
      return endWhenDrained();
    case "configure":
    case "renew":
  }
}

function checkVersion({ requestId, steps }: session.CheckVersion): void {
  const problems = steps
    .filter((one) => one.source.includes("!"))
    .map(({ path, name, fileName }) => ({ path, name, fileName, line: 1, column: 2, message: "SyntaxError: no" }));
  say({
    $case: "versionChecked",
    value: { requestId, problems, error: "", imports: [], requirements: [], variables: [], pythonMinor: "" },
  });
}

stream.on("data", (message: session.SessionResponse) => {
  for (const { frame } of message.frames) if (frame !== undefined) handle(frame);
});
stream.on("end", () => process.exit(0));
stream.on("error", (error) => {
  process.stderr.write(`${JSON.stringify({ level: "error", event: "session.refused", text: error.message })}\n`);
  process.exit(3);
});
const protocolVersion = Number(SCRIPTED_PROTOCOL ?? 1);
const hello = { protocolVersion, workerId: MILLRACE_WORKER_ID!, pid: process.pid, pythonMinor: "3.11" };
say({ $case: "hello", value: hello });
say({
  $case: "inventory",
  value: {
    warmVersions: [{ versionId: "warm", idle: 1 }],
    ...{ environments: 3, blankEnvironments: 2, memoryBytes: 4096, crowded: false },
  },
});

import type { runApi } from "@millrace/protocol";
import { lastPart, outcomeName, stateName, streamName } from "./run-document.ts";
import { sanitize, sanitizeLine } from "./sanitize.ts";
import type { Style } from "./style.ts";
import { table, type Cell } from "./table.ts";

/** A state in its colour. */
export function stateCell(state: string, style: Style): Cell {
  if (state === "SUCCEEDED" || state === "ENABLED") return { text: state, style: style.good };
  if (state === "FAILED") return { text: state, style: style.bad };
  if (state === "PENDING" || state === "RUNNING" || state === "SUSPENDED") return { text: state, style: style.busy };
  return { text: state, style: style.dim };
}

/** A point in time as people of this machine read it: `2026-05-04 10:11:12`. */
export function timeCell(time: Date | undefined): string {
  if (time === undefined) return "-";
  const two = (value: number): string => String(value).padStart(2, "0");
  const day = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  return `${day} ${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}

/** How long something took: `4 ms`, `1.2 s`, `3 m 20 s`. */
export function durationText(from: Date | undefined, to: Date | undefined): string {
  if (from === undefined || to === undefined) return "-";
  const ms = Math.max(0, to.getTime() - from.getTime());
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} m ${Math.round((ms % 60_000) / 1000)} s`;
}

/** A list of runs, one a line. */
export function runsText(runs: readonly runApi.Run[], style: Style): string {
  if (runs.length === 0) return 'No runs yet. "millrace run <workflow>" starts one.';
  const rows = runs.map((run) => [
    run.id,
    run.workflowDisplayName || lastPart(run.workflow),
    stateCell(stateName(run.state), style),
    run.triggerKind,
    timeCell(run.createTime),
    durationText(run.startTime ?? run.createTime, run.endTime),
    whyText(run),
  ]);
  return table(["RUN", "WORKFLOW", "STATE", "TRIGGER", "CREATED", "TOOK", "WHY"], rows);
}

function whyText({ failure, pause, exitReason }: runApi.Run): string {
  if (failure !== undefined) return `${failure.type}: ${failure.message}`.slice(0, 80);
  return pause === undefined ? exitReason : `until ${timeCell(pause.wakeTime)}`;
}

/** One run with its steps, what they exported and how it failed. */
export function runText(run: runApi.Run, style: Style): string {
  const facts: [string, string][] = [
    ["run", run.id],
    ["workflow", `${run.workflowDisplayName || lastPart(run.workflow)} (version ${run.version})`],
    ["state", stateName(run.state)],
    ["trigger", run.triggerKind],
    ["trace", run.traceId],
    ["created", timeCell(run.createTime)],
    ["took", durationText(run.startTime ?? run.createTime, run.endTime)],
  ];
  if (run.exitReason !== "") facts.push(["reason", run.exitReason]);
  if (run.wait !== undefined) facts.push(["waits", run.wait.message]);
  if (run.pause !== undefined) facts.push(["paused", pauseText(run.pause)]);
  if (run.parentRun !== "") facts.push(["started by", lastPart(run.parentRun)]);
  if (run.replayOf !== "") facts.push(["replay of", lastPart(run.replayOf)]);
  const head = facts.map(([key, value]) => `${style.dim(key.padEnd(10))} ${styleFact(key, value, style)}`).join("\n");
  return [head, stepsText(run, style), attemptsText(run), failureText(run.failure, style)]
    .filter((part) => part !== "")
    .join("\n\n");
}

function pauseText({ step, childRun, cancels, wakeTime }: runApi.RunPause): string {
  const what = childRun === "" ? "" : `, waits for run ${lastPart(childRun)}`;
  return `in ${step}${what}, until ${timeCell(wakeTime)}${cancels ? "; then it is cancelled" : ""}`;
}

function styleFact(key: string, value: string, style: Style): string {
  if (key !== "state") return sanitizeLine(value);
  const cell = stateCell(value, style);
  return typeof cell === "string" ? cell : cell.style(cell.text);
}

function stepsText({ steps, largeValues }: runApi.Run, style: Style): string {
  if (steps.length === 0) return "";
  const rows = steps.map((step) => [
    step.name,
    stateCell(stateName(step.state), style),
    step.startTime === undefined ? "-" : timeCell(step.startTime).slice(11),
    durationText(step.startTime, step.endTime),
    outputText(
      step,
      largeValues.filter(({ path }) => path === step.path),
    ),
  ]);
  return table(["STEP", "STATE", "STARTED", "TOOK", "OUTPUT"], rows);
}

/** How steps were tried that were tried more than once, or whose only attempt came to nothing. */
function attemptsText({ steps }: runApi.Run): string {
  const told = steps.filter(({ attempts }) => attempts.length > 1 || attempts.some(({ runner }) => runner !== ""));
  if (told.length === 0) return "";
  const rows = told.flatMap(({ name, attempts, attemptsLeftOut }) =>
    attempts.flatMap((attempt, index) => {
      const { number, startTime, endTime, runner } = attempt;
      const isBehindGap = attemptsLeftOut > 0 && index > 0 && number > attempts[index - 1]!.number + 1;
      const head = [name, String(number), startTime === undefined ? "-" : timeCell(startTime).slice(11)];
      const row = [...head, durationText(startTime, endTime), outcomeText(attempt), runner];
      return isBehindGap ? [["", "…", "", "", `${attemptsLeftOut} left out`, ""], row] : [row];
    }),
  );
  return table(["STEP", "ATTEMPT", "STARTED", "TOOK", "CAME TO", "RUNNER"], rows);
}

function outcomeText({ outcome }: runApi.StepAttempt): string {
  return outcomeName(outcome).toLowerCase().replaceAll("_", " ");
}

function outputText(step: runApi.StepRun, large: readonly runApi.LargeValue[]): string {
  const left = large.map(({ size }) => `(${(size / 1024 ** 2).toFixed(1)} MiB, see "millrace value")`);
  const exports = step.exportsJson === "" || step.exportsJson === "{}" ? "" : step.exportsJson;
  const returned = step.returnValueJson === undefined ? "" : `→ ${step.returnValueJson}`;
  const text = [exports, returned, ...left].filter((part) => part !== "").join(" ");
  return text.length > 100 ? `${text.slice(0, 99)}…` : text;
}

function failureText(failure: runApi.RunFailure | undefined, style: Style): string {
  if (failure === undefined) return "";
  const place =
    failure.step === "" ? "" : ` in step ${failure.step}${failure.line > 0 ? `, line ${failure.line}` : ""}`;
  const head = style.bad(`${sanitizeLine(failure.type)}${sanitizeLine(place)}`);
  return `${head}\n${sanitize(failure.traceback || failure.message).trimEnd()}`;
}

/** Log lines as people read them: time, the run's end of its id where several are mixed, step, stream, text. */
export function logText(entry: runApi.LogEntry, style: Style, mixed = false): string {
  const time = entry.time === undefined ? "-" : entry.time.toTimeString().slice(0, 8) + milliseconds(entry.time);
  const stream = streamName(entry.stream);
  const who = sanitizeLine(entry.step || "-");
  const mark = stream === "stdout" ? "" : ` ${stream === "error" ? style.bad(stream) : style.dim(stream)}`;
  const run = mixed ? `${style.dim(`…${entry.run.slice(-8)}`)} ` : "";
  const prefix = `${style.dim(time)} ${run}${style.bold(who)}${mark} `;
  return sanitize(entry.text)
    .split("\n")
    .map((line) => prefix + line)
    .join("\n");
}

function milliseconds(time: Date): string {
  return `.${String(time.getMilliseconds()).padStart(3, "0")}`;
}

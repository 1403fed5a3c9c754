import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Run } from "../../api/generated/types.ts";
import { ticks, timelineOf } from "./timeline.ts";

const at = (ms: number): string => new Date(1_000_000 + ms).toISOString();
const kinds = (run: Run, nowMs = 0) =>
  timelineOf(run, 1_000_000 + nowMs).rows.map(({ stretches }) =>
    stretches.map(({ kind, fromMs, toMs }) => `${kind} ${fromMs}-${toMs}`).join(", "),
  );

const run: Run = {
  ...{ state: "RUN_STATE_SUCCEEDED", createTime: at(0), startTime: at(50), endTime: at(5_000) },
  steps: [
    { name: "a", path: "steps/0", state: "RUN_STATE_SUCCEEDED", startTime: at(80), endTime: at(100) },
    {
      ...{ name: "b", path: "steps/1", state: "RUN_STATE_SUCCEEDED", startTime: at(150), endTime: at(200) },
      pause: { kind: "PAUSE_KIND_DELAY", startTime: at(200), wakeTime: at(3_900), endTime: at(3_900) },
    },
    { name: "c", path: "steps/2", state: "RUN_STATE_SUCCEEDED", startTime: at(4_000), endTime: at(5_000) },
    { name: "d", path: "steps/3", state: "RUN_STATE_SKIPPED" },
  ],
};

describe("timelineOf", () => {
  test("shows the queue, the start, each step, and what lies between them", () => {
    assert.deepEqual(kinds(run), [
      "wait 0-50, start 50-80",
      "work 80-100, gap 100-150",
      "work 150-200, pause 200-3900, wait 3900-4000",
      "work 4000-5000",
      "",
    ]);
  });

  test("goes on until now while a step runs, waits or is paused", () => {
    const [a, { pause: _, ...b }] = [run.steps![0]!, run.steps![1]!];
    const running: Run = {
      ...run,
      state: "RUN_STATE_RUNNING",
      endTime: undefined,
      steps: [a, { ...b, state: "RUN_STATE_RUNNING", startTime: undefined, endTime: undefined }],
    };
    assert.equal(kinds(running, 900)[2], "work 100-900");
    const pause = { kind: "PAUSE_KIND_SUSPEND", startTime: at(100), wakeTime: at(9_000) } as const;
    const suspended = { ...a, state: "RUN_STATE_SUSPENDED", pause } as const;
    const paused: Run = { ...running, state: "RUN_STATE_SUSPENDED", steps: [suspended] };
    assert.equal(kinds(paused, 700)[1], "work 80-100, pause 100-700");
    const waiting: Run = { state: "RUN_STATE_PENDING", createTime: at(0), steps: [] };
    assert.deepEqual(kinds(waiting, 300), ["wait 0-300"]);
  });

  test("shows each attempt, those that came to nothing too, and what lies between them", () => {
    const attempts = [
      { number: 1, execution: 1, outcome: "STEP_ATTEMPT_OUTCOME_WORKER_DIED", startTime: at(60), endTime: at(1_000) },
      { number: 2, execution: 1, outcome: "STEP_ATTEMPT_OUTCOME_RUNNER_LOST", endTime: at(2_000) },
      { number: 3, execution: 1, outcome: "STEP_ATTEMPT_OUTCOME_SUCCEEDED", startTime: at(2_500), endTime: at(3_000) },
    ] as const;
    const step = { name: "a", path: "steps/0", state: "RUN_STATE_SUCCEEDED", attempts } as const;
    const times = { startTime: at(2_500), endTime: at(3_000) };
    const shown = "lost 60-1000, lost 1000-2000, wait 2000-2500, work 2500-3000";
    assert.deepEqual(kinds({ ...run, steps: [{ ...step, ...times }] }), ["wait 0-50, start 50-60", shown]);
    assert.equal(timelineOf({ ...run, steps: [{ ...step, ...times }] }, 0).rows[1]?.note, "3 attempts");
    const running: Run = {
      ...run,
      state: "RUN_STATE_RUNNING",
      endTime: undefined,
      steps: [{ ...step, attempts: attempts.slice(0, 1), state: "RUN_STATE_RUNNING" }],
    };
    assert.equal(kinds(running, 4_000)[1], "lost 60-1000, work 1000-4000");
  });

  test("shows the pause before a step is executed again", () => {
    const attempts = [1, 2].map((number) => ({
      ...{ number, execution: number, outcome: "STEP_ATTEMPT_OUTCOME_SUCCEEDED" as const },
      ...{ startTime: at(number * 1_000), endTime: at(number * 1_000 + 100) },
    }));
    const times = { startTime: at(2_000), endTime: at(2_100), runs: 2 };
    const step = { name: "a", path: "steps/0/runs/2", state: "RUN_STATE_SUCCEEDED", attempts, ...times } as const;
    assert.equal(kinds({ ...run, steps: [step] })[1], "work 1000-1100, pause 1100-2000, work 2000-2100");
  });

  test("a result that a replay has taken over has no time in it", () => {
    const replay = {
      ...run,
      steps: [
        { ...run.steps![0]!, takenOverFrom: "workflows/w/runs/r", startTime: at(-90_000), endTime: at(-80_000) },
        run.steps![2]!,
      ],
    };
    const { rows, spanMs } = timelineOf(replay, 0);
    assert.deepEqual(rows[1]?.stretches, []);
    assert.equal(spanMs, 5_000);
  });
});

describe("ticks", () => {
  test("are round, and few", () => {
    for (const span of [1, 7, 320, 1_100, 4_852, 61_000, 600_000, 86_400_000, 2_592_000_000]) {
      const marks = ticks(span);
      assert.ok(marks.length >= 2 && marks.length <= 8, `${span} ms has ${marks.length}`);
      assert.ok(marks.at(-1)! <= span);
    }
    assert.deepEqual(ticks(320), [0, 100, 200, 300]);
  });
});

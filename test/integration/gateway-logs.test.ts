import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { runApi } from "@millrace/protocol";
import { FIRST_LINES } from "../harness/requests.ts";
import {
  house,
  owner,
  publish,
  reasonOf,
  record,
  runs,
  shown,
  startRun,
  stepResult,
  useScriptedOwner,
} from "../harness/scripted-record.ts";
import { until } from "../harness/until.ts";

useScriptedOwner();

describe("a run's log", () => {
  test("says in its place how many lines were lost", async () => {
    const { submit, name } = await startRun();
    await house.store.logs.insert([3, 4, 6].map((sequence) => record(submit, sequence)));
    const { entries } = await runs().listRunLogs({ ...FIRST_LINES, parent: name });
    assert.deepEqual(shown(entries), ["2 lines lost", "line 3", "line 4", "1 line lost", "line 6"]);
    assert.equal(entries[1]!.step, "first");
    assert.equal(entries[0]!.lostLines, 2);
    await owner.end(submit, "SUCCEEDED", stepResult(0, { lastLogSequence: 9 }));
    const ended = await runs().listRunLogs({ ...FIRST_LINES, parent: name });
    assert.deepEqual(shown(ended.entries).slice(-2), ["line 6", "3 lines lost"]);
  });

  test("waits for the last line of a run that has just ended", async () => {
    const { submit, name } = await startRun();
    await house.store.logs.insert([record(submit, 1)]);
    await owner.end(submit, "SUCCEEDED", stepResult(0, { lastLogSequence: 2 }));
    const listing = runs().listRunLogs({ ...FIRST_LINES, parent: name });
    await house.store.logs.insert([record(submit, 2)]);
    assert.deepEqual(shown((await listing).entries), ["line 1", "line 2"]);
  });

  test("is read from its end, a page at a time and back again, with the same gaps", async () => {
    const { submit, name } = await startRun();
    await house.store.logs.insert([1, 2, 4, 5, 6].map((sequence) => record(submit, sequence)));
    const ask = (given: object) => runs().listRunLogs({ ...FIRST_LINES, parent: name, pageSize: 2, ...given });
    const newest = await ask({ fromEnd: true });
    assert.deepEqual([shown(newest.entries), newest.nextPageToken], [["line 5", "line 6"], ""]);
    const middle = await ask({ pageToken: newest.previousPageToken });
    assert.deepEqual(shown(middle.entries), ["line 2", "1 line lost", "line 4"]);
    const first = await ask({ pageToken: middle.previousPageToken });
    assert.deepEqual([shown(first.entries), first.previousPageToken], [["line 1"], ""]);
    const again = await ask({ pageToken: middle.nextPageToken });
    assert.deepEqual([shown(again.entries), again.nextPageToken], [["line 5", "line 6"], ""]);
    assert.deepEqual(shown((await ask({ pageToken: again.previousPageToken })).entries), shown(middle.entries));
  });

  test("is searched by text, stream and step, both ways, and sent as text", async () => {
    const { submit, name } = await startRun();
    const lines = [1, 2, 3, 4].map((sequence) => record(submit, sequence));
    await house.store.logs.insert([
      ...lines,
      { ...record(submit, 5), stream: "stderr", text: "Größe: LINE 2?" },
      { ...record(submit, 6), path: "steps/1/runs/2", text: "100% _of_ it" },
    ]);
    const ask = async (given: object) =>
      shown((await runs().listRunLogs({ ...FIRST_LINES, parent: name, ...given })).entries);
    assert.deepEqual(await ask({ text: "LINE 2" }), ["line 2", "Größe: LINE 2?"]);
    assert.deepEqual(await ask({ text: "line", fromEnd: true, pageSize: 2 }), ["line 4", "Größe: LINE 2?"]);
    assert.deepEqual(await ask({ text: "% _" }), ["100% _of_ it"], "nothing of it is a pattern");
    assert.deepEqual(await ask({ streams: [runApi.LogStream.STDERR] }), ["Größe: LINE 2?"]);
    assert.deepEqual(await ask({ streams: [99] }), []);
    assert.deepEqual(await ask({ step: "second" }), ["100% _of_ it"]);
    assert.equal(await reasonOf(runs().listRunLogs({ ...FIRST_LINES, parent: name, step: "third" })), "STEP_UNKNOWN");
    assert.equal(
      await reasonOf(runs().listRunLogs({ ...FIRST_LINES, parent: name, text: "x".repeat(201) })),
      "TEXT_TOO_LONG",
    );
    const pieces: Buffer[] = [];
    const request = { parent: name, text: "", streams: [], step: "" };
    for await (const { content } of runs().downloadRunLogs(request)) pieces.push(content);
    const text = Buffer.concat(pieces).toString();
    assert.match(text, /^\S+T\S+Z stdout first line 1\n/);
    assert.equal(text.split("\n").length, 7);
  });

  test("comes in pages without losing or doubling a line", async () => {
    const { submit, name } = await startRun();
    await house.store.logs.insert([1, 2, 4, 5].map((sequence) => record(submit, sequence)));
    const texts: string[] = [];
    let pageToken = "";
    do {
      const part = await runs().listRunLogs({ ...FIRST_LINES, parent: name, pageSize: 2, pageToken });
      texts.push(...shown(part.entries));
      pageToken = part.nextPageToken;
    } while (pageToken !== "");
    assert.deepEqual(texts, ["line 1", "line 2", "1 line lost", "line 4", "line 5"]);
    assert.equal(
      await reasonOf(runs().listRunLogs({ ...FIRST_LINES, parent: name, pageToken: "x" })),
      "INVALID_PAGE_TOKEN",
    );
  });

  test("is followed live from its first line to its last", async () => {
    const { submit, name } = await startRun();
    publish(submit, [1, 2]);
    const texts: string[] = [];
    const following = (async () => {
      for await (const { entries } of runs().tailRunLogs({ cursor: "", parent: name })) texts.push(...shown(entries));
    })();
    await until(() => texts.length === 2);
    await owner.end(submit, "SUCCEEDED", stepResult(1, { lastLogSequence: 4 }));
    publish(submit, [3, 4]);
    await following;
    assert.deepEqual(texts, ["live 1", "live 2", "live 3", "live 4"]);
  });

  test("says at the end of following what never came", async () => {
    const { submit, name } = await startRun();
    publish(submit, [1]);
    await owner.end(submit, "SUCCEEDED", stepResult(1, { lastLogSequence: 3 }));
    const texts: string[] = [];
    for await (const { entries } of runs().tailRunLogs({ cursor: "", parent: name })) texts.push(...shown(entries));
    assert.deepEqual(texts, ["live 1", "2 lines lost"]);
  });

  test("is read from the record when the stream has forgotten it", async () => {
    const { submit, name } = await startRun();
    await house.store.logs.insert([record(submit, 1)]);
    await owner.end(submit, "SUCCEEDED", stepResult(0, { lastLogSequence: 1 }));
    const texts: string[] = [];
    for await (const { entries } of runs().tailRunLogs({ cursor: "", parent: name })) texts.push(...shown(entries));
    assert.deepEqual(texts, ["line 1"]);
  });

  for (const scope of ["workflow", "project"] as const) {
    test(`is part of what followers of its ${scope} see, and of nobody else`, async () => {
      const { submit, workflow, name } = await startRun();
      const parent = scope === "workflow" ? `${workflow.name}/runs/-` : "workflows/-/runs/-";
      const leaving = new AbortController();
      const seen: runApi.LogEntry[] = [];
      const following = (async () => {
        const tail = runs().tailRunLogs({ cursor: "", parent }, { signal: leaving.signal });
        for await (const { entries } of tail) seen.push(...entries);
      })().catch(() => {});
      let sequence = 0;
      await until(() => {
        publish(submit, [++sequence]);
        publish(submit, [1000 + sequence], "another project");
        return seen.length > 2;
      });
      leaving.abort();
      await following;
      assert.ok(
        seen.every(({ text, run, step: at }) => /^live \d{1,3}$/.test(text) && run === name && at === "second"),
      );
    });
  }

  test("is followed by a bounded number of callers", async () => {
    const { workflow } = await startRun();
    const leaving = new AbortController();
    const parent = `${workflow.name}/runs/-`;
    const follow = async () => {
      for await (const _part of runs().tailRunLogs({ cursor: "", parent }, { signal: leaving.signal }));
    };
    const following = [1, 2, 3].map(() => follow().catch(() => {}));
    await until(
      async () =>
        (await reasonOf(runs().tailRunLogs({ cursor: "", parent }, { deadlineMs: 300 }))) === "TOO_MANY_READERS",
    );
    leaving.abort();
    await Promise.all(following);
  });
});

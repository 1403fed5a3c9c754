import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { failures, formatRate, formatValue, intervalsOf, quantiles, runRates, summaryOf } from "./series-data.ts";

const at = (second: number): string => new Date(second * 1000).toISOString();

const answer = {
  ...{ resolution: "10s", startTime: at(1_000), endTime: at(1_050), countedUntil: at(1_036) },
  runs: [
    { time: at(1_000), acceptedCount: "20", failedCount: "1", duration: { p50: "0.5s", p95: "1.5s", p99: "2s" } },
    { time: at(1_020), acceptedCount: "5", failedCount: "0" },
    { time: at(1_030), acceptedCount: "6", failedCount: "2" },
  ],
};

describe("series", () => {
  const intervals = intervalsOf(answer);

  test("an interval without a point is a gap, not a zero", () => {
    const [failed] = failures(answer, intervals).lines;
    assert.deepEqual(intervals.times, [1_000, 1_010, 1_020, 1_030, 1_040]);
    assert.deepEqual(failed?.values, [1, null, 0, 2, null]);
  });

  test("a rate is of the part of an interval that was counted", () => {
    assert.deepEqual(runRates(answer, intervals).lines[0]?.values, [2, null, 0.5, 1, null]);
  });

  test("an interval that has hardly begun says nothing yet", () => {
    const early = { ...answer, countedUntil: at(1_033) };
    assert.deepEqual(runRates(early, intervalsOf(early)).lines[0]?.values, [2, null, 0.5, null, null]);
  });

  test("an interval that has hardly begun is shown when it is all that there is", () => {
    const young = { ...answer, runs: [{ time: at(1_030), acceptedCount: "6" }], countedUntil: at(1_033) };
    assert.deepEqual(runRates(young, intervalsOf(young)).lines[0]?.values, [null, null, null, 2, null]);
    const uncounted = { ...young, countedUntil: at(1_030) };
    assert.deepEqual(runRates(uncounted, intervalsOf(uncounted)).lines[0]?.values, [null, null, null, null, null]);
  });

  test("quantiles are seconds, and missing where nothing ended", () => {
    const [, p95] = quantiles(answer, intervals, "duration").lines;
    assert.deepEqual(p95?.values, [1.5, null, null, null, null]);
  });

  test("the summary of a line leaves its gaps out", () => {
    assert.deepEqual(summaryOf({ name: "x", colour: 1, values: [1, null, 3, null] }), { last: 3, mean: 2, most: 3 });
    assert.equal(summaryOf({ name: "x", colour: 1, values: [null] }), undefined);
  });
});

describe("formatValue", () => {
  test("says numbers with their units", () => {
    assert.deepEqual(
      [0, 0.0421, 1.5, 90, 3_600].map((value) => formatValue(value, "seconds")),
      ["0", "42.1 ms", "1.5 s", "90 s", "60 min"],
    );
    assert.equal(formatValue(1_572_864, "bytes"), "1.5 MiB");
    assert.equal(formatValue(123_456, "count"), "123 k");
    assert.equal(formatValue(1_234, "count"), "1,234");
  });

  test("a rate has the unit in which it is at least one", () => {
    const cases = [12.5, 1, 0.0178, 0.000278, 0.00001, 0];
    assert.deepEqual(cases.map(formatRate), [
      "12.5 a second",
      "1 a second",
      "1.07 a minute",
      "1 an hour",
      "0.864 a day",
      "0 a day",
    ]);
  });
});

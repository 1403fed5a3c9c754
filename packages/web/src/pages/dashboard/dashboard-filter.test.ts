import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readDashboard, writeDashboard, zoomed } from "./dashboard-filter.ts";

const read = (text: string) => readDashboard(new URLSearchParams(text));

describe("readDashboard", () => {
  test("says the same as the address that is written of it", () => {
    const text = "range=86400&from=2026-01-01T00%3A00%3A00.000Z&to=2026-01-01T01%3A00%3A00.000Z&workflow=w1";
    assert.equal(writeDashboard(read(text)).toString(), text);
    assert.equal(writeDashboard(read("pool=blue")).toString(), "pool=blue");
  });

  test("takes what makes no sense for nothing", () => {
    assert.equal(writeDashboard(read("range=17&from=x&to=2026-01-01")).toString(), "");
    assert.equal(writeDashboard(read("from=2026-01-02&to=2026-01-01")).toString(), "");
    assert.equal(writeDashboard(read("from=2020-01-02&to=2026-01-01")).toString(), "");
  });
});

describe("zoomed", () => {
  test("is at least a minute long and ends before now", () => {
    const { from, to } = zoomed(read(""), 1_000, 1_010, 1_020);
    assert.equal(to, new Date(1_020_000).toISOString());
    assert.equal(from, new Date(960_000).toISOString());
  });
});

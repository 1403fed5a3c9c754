import assert from "node:assert/strict";
import { test } from "node:test";

import { PlatformError } from "@millrace/core";
import type { control, session } from "@millrace/protocol";

import { DefinitionSource } from "./definition-source.ts";

/** A source over a gateway that answers with these, one after the other; the last one again and again. */
function scene(answers: (() => control.GetVersionResponse)[], timeoutMs = 2000) {
  const asked: string[] = [];
  const version = {
    request: async ({ runToken }: control.GetVersionRequest) => {
      asked.push(runToken);
      return answers[Math.min(asked.length, answers.length) - 1]!();
    },
  };
  const environment = { request: () => Promise.reject(new Error("not asked here")) };
  return { asked, source: new DefinitionSource({ version, environment, timeoutMs }) };
}

const body: session.LoadVersion = {
  versionId: "v1",
  steps: [],
  memoryBytes: 0,
  stepTimeout: undefined,
  modules: [],
  packages: undefined,
  limits: undefined,
};

function fails(reason: string): () => never {
  return () => {
    throw new PlatformError("Unavailable", reason, "not now");
  };
}

test("asks again while nobody answers", async () => {
  const { asked, source } = scene([
    fails("BUS_NO_RESPONDERS"),
    fails("BUS_TIMEOUT"),
    () => ({ version: body, error: undefined }),
  ]);
  assert.equal(await source.fetchVersion("t"), body);
  assert.deepEqual(asked, ["t", "t", "t"]);
});

test("has little patience with the first gateway, which may be frozen, and more with each further one", async () => {
  const patience: number[] = [];
  const request = (_: unknown, { timeoutMs }: { timeoutMs: number }) => {
    patience.push(timeoutMs);
    return Promise.reject(new PlatformError("DeadlineExceeded", "BUS_TIMEOUT", "no answer in time"));
  };
  const source = new DefinitionSource({ version: { request }, environment: { request }, timeoutMs: 500 });
  await assert.rejects(source.fetchEnvironment("t", 1), { reason: "BUS_TIMEOUT" });
  assert.equal(patience[0], 250);
  assert.ok(patience[1]! > 250 && patience[1]! <= 500, `then ${patience[1]} ms`);
});

test("gives up when its time is over, with the last cause", async () => {
  const { asked, source } = scene([fails("BUS_NO_RESPONDERS")], 120);
  await assert.rejects(source.fetchVersion("t"), { reason: "BUS_NO_RESPONDERS" });
  assert.equal(asked.length, 2);
});

test("does not ask again for what no further try cures", async () => {
  const { asked, source } = scene([fails("RUN_TOKEN_EXPIRED")]);
  await assert.rejects(source.fetchVersion("t"), { reason: "RUN_TOKEN_EXPIRED" });
  assert.equal(asked.length, 1);
});

import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import type { RunTokenClaims } from "@millrace/core";
import type { Mail } from "../mail/mailer.ts";
import type { HostCall } from "./host-calls.ts";
import { sendCalls } from "./send-calls.ts";

let mails: Mail[];
let failure: Error | undefined;
let recipient: string | null;

const calls = () =>
  sendCalls({
    perMinute: 3,
    mailer: {
      send: (mail) => {
        if (failure !== undefined) return Promise.reject(failure);
        mails.push(mail);
        return Promise.resolve();
      },
    },
    projects: { getSettings: () => Promise.resolve({ name: "p", emailRecipient: recipient, queueLimit: null }) },
  });

const claims = (projectId = "p", assignment = 1): RunTokenClaims => ({
  ...{ projectId, assignment, workflowId: "w", versionId: "v", runId: "r", runner: "runner", expiresAtMs: 0 },
});

function mail(number: number, request: object = { to: ["a@example.org"] }, content: object = {}): HostCall {
  const body = Buffer.from(JSON.stringify({ text: "there", html: "", ...content }));
  return { path: "steps/0", execution: 1, number, request: { subject: "Hi", ...request }, body };
}

describe("email.send", () => {
  beforeEach(() => {
    mails = [];
    failure = undefined;
    recipient = null;
  });

  it("sends a mail once, however often its call comes, also from a later assignment", async () => {
    const { "email.send": send } = calls();
    await send!(claims(), mail(1));
    await send!(claims(), mail(1));
    await send!(claims("p", 2), mail(1));
    assert.equal(mails.length, 1);
    assert.match(mails[0]!.messageId, /^<[0-9a-f]{40}@millrace>$/);
    await send!(claims(), mail(1, undefined, { text: "another" }));
    await send!(claims(), mail(2));
    assert.equal(new Set(mails.map(({ messageId }) => messageId)).size, 3);
  });

  it("tries again what was not taken", async () => {
    const { "email.send": send } = calls();
    failure = new Error("away");
    await assert.rejects(send!(claims(), mail(1)));
    failure = undefined;
    await send!(claims(), mail(1));
    assert.equal(mails.length, 1);
  });

  it("bounds the mails of a project in a minute", async () => {
    const { "email.send": send } = calls();
    for (const number of [1, 2, 3]) await send!(claims(), mail(number));
    await assert.rejects(send!(claims(), mail(4)), { reason: "TOO_MANY_EMAILS", kind: "ResourceExhausted" });
    await send!(claims("other"), mail(4));
  });

  it("sends to the project's recipient only where the step names nobody", async () => {
    const { "email.send": send } = calls();
    await assert.rejects(send!(claims(), mail(1, { default: true })), { reason: "EMAIL_NO_RECIPIENT" });
    recipient = "owner@example.org";
    await send!(claims(), mail(1, { default: true }));
    await send!(claims(), mail(2));
    assert.deepEqual(
      mails.map(({ to }) => to),
      [["owner@example.org"], ["a@example.org"]],
    );
  });

  it("refuses what is no mail", async () => {
    const { "email.send": send } = calls();
    const many = Array.from({ length: 51 }, (_, n) => `a${n}@example.org`);
    for (const request of [
      {},
      { to: [] },
      { to: "a@b" },
      { to: [1] },
      { to: ["a b@c"] },
      { to: many },
      { subject: 1 },
    ]) {
      await assert.rejects(
        send!(claims(), { ...mail(1), request }),
        { reason: "INVALID_CALL" },
        JSON.stringify(request),
      );
    }
    await assert.rejects(send!(claims(), { ...mail(1), body: Buffer.from("{}") }), { reason: "INVALID_CALL" });
    assert.deepEqual(mails, []);
  });
});

import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { after, afterEach, before, describe, test } from "node:test";
import { SMTPServer } from "smtp-server";

import { house, runSteps, useHouse, valueOf } from "../../harness/shared-house.ts";

interface Received {
  readonly from: string;
  readonly to: readonly string[];
  readonly content: string;
}

describe("pd.send.email", () => {
  let received: Received[] = [];
  let refuse = false;

  const server = new SMTPServer({
    disabledCommands: ["STARTTLS"],
    authOptional: false,
    onAuth: ({ username, password }, _session, callback) => {
      if (username === "mailer" && password === "pa55word") callback(null, { user: username });
      else callback(new Error("wrong password"));
    },
    onData: (stream, session, callback) => {
      let content = "";
      stream.setEncoding("utf8").on("data", (piece: string) => (content += piece));
      stream.once("end", () => {
        const { mailFrom, rcptTo } = session.envelope;
        if (refuse) return callback(Object.assign(new Error("no such user here"), { responseCode: 550 }));
        const from = mailFrom === false ? "" : mailFrom.address;
        received.push({ from, to: rcptTo.map(({ address }) => address), content });
        return callback(null);
      });
    },
  });
  server.on("error", () => {});
  const settings: Record<string, string> = { MILLRACE_SMTP_FROM: "House <house@example.org>" };

  before(async () => {
    server.listen(0, "127.0.0.1");
    await once(server.server, "listening");
    const { port } = server.server.address() as AddressInfo;
    settings["MILLRACE_SMTP_URL"] = `smtp://mailer:pa55word@127.0.0.1:${port}`;
  });
  useHouse({ environment: settings });
  after(() => server.close());
  afterEach(() => {
    received = [];
    refuse = false;
  });

  const sending = (call: string) => runSteps(`def handler(pd):\n    pd.send.email(${call})\n    return "sent"\n`);

  test("is an error while the project has no recipient and the step names nobody", async () => {
    const { failure } = await sending("subject='Hi', text='there'");
    assert.equal(failure?.type, "PlatformError");
    assert.match(failure.message, /give `to`, or set the project's recipient/);
    assert.equal(failure.line, 2);
  });

  test("goes to whom the step names, as text", async () => {
    const run = await sending("subject='Grüße', text='wie geht es?', to=['a@example.org', 'b@example.org']");
    assert.equal(valueOf(run), "sent");
    const [mail] = received;
    assert.equal(received.length, 1);
    assert.equal(mail!.from, "house@example.org");
    assert.deepEqual(mail!.to, ["a@example.org", "b@example.org"]);
    assert.match(mail!.content, /^Subject: =\?UTF-8\?/m);
    assert.match(mail!.content, /^From: House <house@example.org>/m);
    assert.match(mail!.content, /^Content-Type: text\/plain/m);
    assert.match(mail!.content, /wie geht es\?/);
    assert.doesNotMatch(mail!.content, /text\/html/);
  });

  test("goes to the project's recipient, which the command line sets and takes back", async () => {
    await house.cliJson(["project", "--email-to", "owner@example.org"]);
    const { name, emailTo } = await house.cliJson<{ name: string; emailTo: string }>(["project"]);
    assert.deepEqual([name, emailTo], ["default", "owner@example.org"]);
    assert.equal(valueOf(await sending("subject='Hi', text='there'")), "sent");
    assert.deepEqual(received[0]?.to, ["owner@example.org"]);
    await house.cliJson(["project", "--no-email-to"]);
    assert.match((await sending("subject='Hi'")).failure?.message ?? "", /Nobody to send to/);
    const wrong = await house.cli(["project", "--email-to", "a@b, c@d", "--json"]);
    assert.equal(wrong.code, 2);
    assert.match(wrong.stdout, /INVALID_EMAIL_ADDRESS/);
  });

  test("shows html instead of the text, and the text alone without it or with None", async () => {
    await sending("subject='Hi', text='plain', html='<b>rich</b>', to='a@example.org'");
    assert.match(received[0]!.content, /multipart\/alternative/);
    assert.match(received[0]!.content, /<b>rich<\/b>/);
    await sending("subject='Hi', text='plain', html=None, to='a@example.org'");
    assert.doesNotMatch(received[1]!.content, /text\/html/);
  });

  test("cannot smuggle headers or further recipients in", async () => {
    const subject = await sending("subject='Hi\\r\\nBcc: x@example.org', to='a@example.org'");
    assert.match(subject.failure?.message ?? "", /must not contain a line break/);
    for (const to of [
      "a@example.org, x@example.org",
      "a@example.org\\r\\nBcc: x@example.org",
      "<a@example.org>",
      "a",
    ]) {
      assert.match((await sending(`subject='Hi', to='${to}'`)).failure?.message ?? "", /is not an e-mail address/);
    }
    assert.deepEqual(received, []);
  });

  test("tells the step when the mail server refuses", async () => {
    refuse = true;
    const { failure } = await sending("subject='Hi', text='there', to='nobody@example.org'");
    assert.match(failure?.message ?? "", /The mail server refuses this mail: 550 .*no such user here/);
  });
});

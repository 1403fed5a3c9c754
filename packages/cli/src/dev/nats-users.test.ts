import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { startScratchNats, type ScratchNats } from "@millrace/testkit";
import { natsUsers } from "./nats-users.ts";

let nats: ScratchNats;
before(async () => {
  nats = await startScratchNats(natsUsers({ gateway: "g", scheduler: "s", runner: "r" }));
});
after(() => nats.stop());

/** Says something in NATS' own protocol as a user, and returns what the server answers. */
async function say(user: string, password: string, ...lines: string[]): Promise<string> {
  const socket = connect(nats.port, "127.0.0.1");
  let answer = "";
  socket.on("data", (chunk: Buffer) => {
    answer += chunk.toString();
    if (/PONG|-ERR/.test(answer)) {
      socket.end();
    }
  });
  const options = JSON.stringify({ user, pass: password, verbose: false, pedantic: false });
  socket.write(`CONNECT ${options}\r\n${lines.map((line) => `${line}\r\n`).join("")}PING\r\n`);
  await once(socket, "close");
  return answer;
}

test("nobody connects without the password of a role", async () => {
  assert.match(await say("runner", "wrong"), /Authorization Violation/);
  assert.match(await say("", ""), /Authorization Violation/);
});

for (const subject of ["millrace.p.1.submit", "millrace.p.1.checkpoint", "millrace.g.one.accepted", "$SYS.>", ">"]) {
  test(`a runner cannot listen to ${subject}`, async () => {
    assert.match(await say("runner", "r", `SUB ${subject} 1`), /Permissions Violation for Subscription/);
  });
}

for (const subject of [
  "millrace.p.1.submit",
  "millrace.r.other.assign",
  "millrace.g.one.release",
  "millrace.definitions",
  "$JS.API.STREAM.DELETE.LOGS",
  "$KV.millrace_leases.s1",
]) {
  test(`a runner cannot say ${subject}`, async () => {
    assert.match(await say("runner", "r", `PUB ${subject} 0`, ""), /Permissions Violation for Publish/);
  });
}

test("a runner says and hears what runners do", async () => {
  const said = [
    "PUB millrace.p.7.checkpoint 0",
    "",
    "PUB millrace.schedulers.heartbeat 0",
    "",
    "PUB millrace.svc.call 0",
    "",
    "SUB millrace.r.me.assign 1",
  ];
  assert.doesNotMatch(await say("runner", "r", ...said), /-ERR/);
});

/** What somebody could do who has taken a runner's credential, at a whole house: nothing beyond that runner's own runs. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { connectBus, inboxes, openChannels, openLogSink, type Credentials } from "@millrace/bus";
import { control, step } from "@millrace/protocol";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, jwtAuthenticator, type NatsConnection } from "@nats-io/transport-node";
import { TestHouse } from "../harness/test-house.ts";
import { until } from "../harness/until.ts";

interface Identity extends Credentials {
  readonly runner: string;
  readonly pool: string;
}

let house: TestHouse;
let thief: Identity;
let url: string;
let connection: NatsConnection;
const refusals: string[] = [];

before(async () => {
  house = await TestHouse.start();
  thief = JSON.parse(await readFile(join(house.data, "runner/identity.json"), "utf8")) as Identity;
  const state = JSON.parse(await readFile(join(house.data, "house.json"), "utf8")) as { ports: { nats: number } };
  url = `nats://127.0.0.1:${state.ports.nats}`;
  connection = await connect({
    servers: url,
    authenticator: jwtAuthenticator(thief.jwt, Buffer.from(thief.seed)),
    inboxPrefix: inboxes.runner(thief.runner),
    reconnect: false,
  });
  void (async () => {
    for await (const status of connection.status()) if (status.type === "error") refusals.push(status.error.message);
  })();
});

after(async () => {
  await connection?.close();
  await house?.stop();
});

/** Publishes, and waits until NATS has refused it. */
async function untilRefused(subject: string): Promise<void> {
  connection.publish(subject, "x");
  await until(() => refusals.some((text) => text.includes(`"${subject}"`)));
}

describe("a stolen credential of a runner", () => {
  test("is kept where only the house's owner reads it, as all credentials are", async () => {
    for (const file of [
      "runner/identity.json",
      "gateway.creds",
      "scheduler.creds",
      "join-token",
      "house.json",
      "nats/nats.json",
    ])
      assert.equal((await stat(join(house.data, file))).mode & 0o077, 0, file);
  });

  for (const subject of [
    ">",
    "millrace.>",
    "millrace.r.*.assign",
    "millrace.r.other.assign",
    "millrace.p.*.submit",
    "millrace.p.*.checkpoint.*",
    "millrace.g.*.*",
    "millrace.svc.>",
    "millrace.definitions",
    "millrace.join.*.*",
    "millrace.schedulers.heartbeat.*.*",
    "millrace.logs.>",
    "millrace.inbox.>",
    "millrace.inbox.gateway.>",
    "_INBOX.>",
    "$KV.>",
    "$JS.>",
    "$SYS.>",
  ]) {
    test(`does not hear ${subject}`, async () => {
      let refused = false;
      const subscription = connection.subscribe(subject, {
        callback: (error) => {
          refused ||= error !== null;
        },
      });
      await connection.flush();
      await until(() => refused);
      subscription.unsubscribe();
    });
  }

  for (const subject of [
    "millrace.p.1.submit",
    "millrace.p.1.cancel",
    "millrace.p.1.checkpoint.other",
    "millrace.p.1.refused.other",
    "millrace.schedulers.heartbeat.default.other",
    "millrace.schedulers.lease",
    "millrace.s.any.offer.other",
    "millrace.r.other.assign",
    "millrace.r.other.renew",
    "millrace.g.any.accepted",
    "millrace.g.any.ended",
    "millrace.g.any.answer.other",
    "millrace.svc.version.other",
    "millrace.svc.call.other",
    "millrace.credential.default.other",
    "millrace.credential.gpu.other",
    "millrace.join.default.other",
    "millrace.definitions",
    "millrace.runners.definitions",
    "millrace.owners",
    "millrace.logs.1.run.other",
    "millrace.inbox.gateway.x",
    "_INBOX.x.y",
    "$KV.millrace_leases.any",
    "$JS.API.STREAM.DELETE.LOGS",
    "$JS.API.STREAM.PURGE.LOGS",
    "$JS.API.STREAM.MSG.GET.LOGS",
    "$JS.API.CONSUMER.CREATE.LOGS",
    "$JS.API.STREAM.LIST",
    "$JS.API.STREAM.CREATE.MINE",
    "$JS.API.DIRECT.GET.KV_millrace_leases",
    "$JS.ACK.LOGS.postgres.1.1.1.1.1",
    "$SYS.REQ.CLAIMS.UPDATE",
  ]) {
    test(`does not say ${subject}`, () => untilRefused(subject));
  }

  test("does not pass for another pool's runner", () =>
    untilRefused(`millrace.schedulers.heartbeat.gpu.${thief.runner}`));

  test("says and hears what runners do", async () => {
    const before = refusals.length;
    connection.subscribe(`millrace.r.${thief.runner}.*`);
    connection.publish(`millrace.p.7.checkpoint.${thief.runner}`);
    connection.publish(`millrace.schedulers.heartbeat.${thief.pool}.${thief.runner}`);
    connection.publish(`millrace.svc.object.read.${thief.runner}`);
    await untilRefused("millrace.nobody");
    assert.equal(refusals.length, before + 1);
  });

  test("has no part in JetStream beyond its own lines", async () => {
    const manager = await jetstreamManager(connection, { checkAPI: false, timeout: 500 });
    await assert.rejects(manager.streams.info("LOGS"));
    await assert.rejects(manager.streams.delete("LOGS"));
    await assert.rejects(jetstream(connection, { timeout: 500 }).publish("millrace.logs.1.run.other", "x"));
  });

  test("holds no more subscriptions than a runner needs", async () => {
    const greedy = await connect({
      servers: url,
      authenticator: jwtAuthenticator(thief.jwt, Buffer.from(thief.seed)),
      reconnect: false,
    });
    const said: string[] = [];
    void (async () => {
      for await (const status of greedy.status()) if (status.type === "error") said.push(status.error.message);
    })();
    for (let i = 0; i < 70; i++) greedy.subscribe(`${inboxes.runner(thief.runner)}.${i}`);
    await until(() => said.some((text) => /maximum subscriptions exceeded/i.test(text)));
    await greedy.close();
  });

  test("ends, resumes and answers no run that was not given to it", async () => {
    const workflow = await house.deploy({
      name: "victim",
      trigger: { http: {} },
      steps: { wait: "import time\ndef handler(pd):\n    print('mine')\n    time.sleep(3)\n    return 'honest'\n" },
    });
    const submitted = await house.client.runs.createRun({
      parent: `workflows/${workflow.id}`,
      eventJson: "{}",
      requestId: "",
      waitTimeout: undefined,
    } as Parameters<typeof house.client.runs.createRun>[0]);
    // Another runner's name is what the thief's credential does not have: it joins as one of its own instead.
    const token = (await readFile(join(house.data, "join-token"), "utf8")).trim();
    assert.ok(token.startsWith("mrj1."));
    const bus = await connectBus({
      url,
      name: "thief",
      credentials: () => thief,
      inboxPrefix: inboxes.runner(thief.runner),
    });
    const channels = openChannels(bus, thief);
    // Forged log lines of that run, with no token: nobody sees them.
    const sink = openLogSink(bus, thief.runner);
    sink.publish({
      handing: { partition: 1, runId: submitted.id, assignment: 1 },
      projectId: "p",
      workflowId: "w",
      runToken: "mrt1.e30.x",
      lines: [
        {
          sequence: 999,
          time: new Date(),
          stream: step.LogStream.STDOUT,
          path: "steps/0",
          text: "forged",
          continued: false,
        },
      ],
    });
    await sink.flush(5_000);
    // A question with a made-up token.
    await assert.rejects(channels.version().request({ runToken: "mrt1.e30.x" }, { timeoutMs: 3_000 }), {
      reason: "RUN_TOKEN_INVALID",
    });
    await assert.rejects(
      channels.renewCredential().request({ runner: `other-${randomUUID()}`, publicKey: "U" }, { timeoutMs: 3_000 }),
      { reason: "RUNNER_NAME_FOREIGN" },
    );
    // A checkpoint that another runner's name signs is thrown away, counted.
    const result = { ...step.StepResult.decode(new Uint8Array(0)), path: "steps/0", executionId: randomUUID() };
    channels.checkpoint(1).send({
      ...control.Checkpoint.decode(new Uint8Array(0)),
      handing: { partition: 1, runId: submitted.id, assignment: 1 },
      runner: "other",
      result: { ...result, startTime: new Date(), endTime: new Date(), returnValueJson: Buffer.from('"forged"') },
    });
    const run = await house.waitRun(submitted.id);
    assert.equal(run.state, "SUCCEEDED");
    assert.ok(!JSON.stringify(run).includes("forged"));
    await bus.drain(500);
  });
});

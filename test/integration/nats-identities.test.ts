/** How runners get their identities at NATS, keep them, and lose them. */
import assert from "node:assert/strict";
import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import {
  connectBus,
  createKey,
  createNatsKeys,
  formatCredentials,
  inboxes,
  issueJoinToken,
  issueRole,
  openChannels,
  publicKeyOf,
  readJoinToken,
  revokeKeys,
  trustOf,
  type Bus,
  type BusStatus,
} from "@millrace/bus";
import { gatewaySettings, parseSettings, runnerSettings } from "@millrace/config";
import { startGateway, type RunningGateway } from "@millrace/gateway";
import { RunnerIdentity } from "@millrace/runner";
import { migrate, openStore, type Store } from "@millrace/store";
import { createLogger } from "@millrace/telemetry";
import { scratchFolder, scratchPostgres, startScratchNats, type ScratchNats } from "@millrace/testkit";
import { TOKEN_KEY } from "../harness/scripted-runner.ts";
import { until } from "../harness/until.ts";

const LIFE_MS = 4_000;
const keys = createNatsKeys();
const joinToken = issueJoinToken(keys.accountSeed, "default");
const log = createLogger({ level: "error", write: () => {} });

let nats: ScratchNats;
let store: Store;
let gateway: RunningGateway;
let startGatewayAgain: () => Promise<RunningGateway>;
let scheduler: Bus;

before(async () => {
  nats = await startScratchNats({ trust: trustOf(keys) });
  const databaseUrl = await (await scratchPostgres()).createDatabase(async (url) => void (await migrate(url)));
  store = await openStore({ url: databaseUrl });
  const folder = scratchFolder();
  const creds = join(folder, "gateway.creds");
  await writeFile(creds, formatCredentials(issueRole(keys.accountSeed, "gateway")), { mode: 0o600 });
  const env = {
    MILLRACE_NATS_URL: nats.url,
    MILLRACE_NATS_CREDENTIALS_FILE: creds,
    MILLRACE_NATS_ACCOUNT_KEY: keys.accountSeed,
    MILLRACE_RUNNER_CREDENTIAL_LIFE_MS: String(LIFE_MS),
    MILLRACE_DATABASE_URL: databaseUrl,
    MILLRACE_TOKEN_KEY: TOKEN_KEY,
    MILLRACE_MASTER_KEY: "cd".repeat(32),
    MILLRACE_HTTP_PORT: "0",
    MILLRACE_GRPC_PORT: "0",
  };
  startGatewayAgain = () => startGateway(parseSettings(gatewaySettings, { env, args: [] }), log);
  gateway = await startGatewayAgain();
  const own = issueRole(keys.accountSeed, "scheduler");
  scheduler = await connectBus({
    url: nats.url,
    name: "scheduler",
    credentials: () => own,
    inboxPrefix: inboxes.scheduler,
  });
});

after(async () => {
  await scheduler.drain(500);
  await gateway.drain();
  await store.close();
  await nats.stop();
});

/** A runner as far as NATS concerns it. */
class Member {
  readonly identity: RunnerIdentity;
  readonly bus: Bus;
  readonly statuses: BusStatus[] = [];

  private constructor(identity: RunnerIdentity, bus: Bus) {
    this.identity = identity;
    this.bus = bus;
    bus.onStatus((status) => this.statuses.push(status));
  }

  static async join(name: string, folder = scratchFolder(), token = joinToken.token): Promise<Member> {
    const env = {
      MILLRACE_NATS_URL: nats.url,
      MILLRACE_NAME: name,
      MILLRACE_DATA_DIR: folder,
      MILLRACE_JOIN_TOKEN: token,
    };
    const identity = await RunnerIdentity.open(parseSettings(runnerSettings, { env, args: [] }), log);
    assert.ok(identity !== undefined);
    const bus = await connectBus({
      url: nats.url,
      name,
      credentials: identity.credentials,
      inboxPrefix: inboxes.runner(name),
      // A test process that gets no processor for a while is no lost server.
      limits: { pingsMissedMax: 40 },
    });
    return new Member(identity, bus);
  }

  get channels() {
    return openChannels(this.bus, { runner: this.identity.runner, pool: "default" });
  }

  async leave(): Promise<void> {
    this.identity.close();
    await this.bus.drain(500);
  }
}

describe("a runner", () => {
  test("joins with its pool's token, and keeps its key to itself", async () => {
    const folder = scratchFolder();
    const member = await Member.join("joiner", folder);
    assert.equal((await stat(join(folder, "identity.json"))).mode & 0o077, 0);
    assert.ok(!member.identity.credentials().jwt.includes(member.identity.credentials().seed));
    await member.leave();
  });

  test("goes on after its credential is renewed without missing or losing a message", async (context) => {
    const member = await Member.join("steady");
    context.after(() => member.leave());
    member.identity.keep(member.bus, member.channels);
    const first = member.identity.credentials().jwt;
    const seen = new Set<string>();
    scheduler.subscribe("millrace.s.counter.offer.steady", (data) => void seen.add(Buffer.from(data).toString()));
    const heard = new Set<string>();
    member.bus.subscribe("millrace.r.steady.renew", (data) => void heard.add(Buffer.from(data).toString()));
    await Promise.all([scheduler.flush(), member.bus.flush()]);
    let sent = 0;
    const timer = setInterval(() => {
      sent++;
      member.bus.publish("millrace.s.counter.offer.steady", Buffer.from(String(sent)));
      scheduler.publish("millrace.r.steady.renew", Buffer.from(String(sent)));
    }, 10);
    const startMs = performance.now();
    await until(() => performance.now() - startMs > 2 * LIFE_MS, 30_000);
    clearInterval(timer);
    await until(() => seen.size === sent && heard.size === sent);
    assert.notEqual(member.identity.credentials().jwt, first);
    assert.deepEqual(member.statuses, [], "the connection was never missed");
  });

  test("is refused a name that another one has, and gets it once that one's credential has run out", async () => {
    const folder = scratchFolder();
    const elsewhere = scratchFolder();
    const owner = await Member.join("taken", folder);
    await assert.rejects(Member.join("taken", elsewhere), { reason: "RUNNER_NAME_TAKEN" });
    await owner.leave();
    // The same machine comes back with its own key.
    await (await Member.join("taken", folder)).leave();
    await until(
      () =>
        Member.join("taken", elsewhere).then(
          (other) => other.leave().then(() => true),
          () => false,
        ),
      15_000,
    );
  });

  test("reconnects while every gateway is away, until its credential runs out, and joins again afterwards", async () => {
    const member = await Member.join("patient");
    // In whole seconds: a server takes a credential until the end of its last one.
    const runsOutMs = performance.now() + LIFE_MS + 1_100;
    await gateway.drain();
    await nats.stop("SIGKILL");
    await until(() => !member.bus.connected);
    await nats.restart();
    await until(() => member.bus.connected);
    // NATS itself ends the connection at that time.
    await until(() => !member.bus.connected && performance.now() > runsOutMs, LIFE_MS + 15_000);
    await assert.rejects(
      connectBus({
        url: nats.url,
        name: "late",
        credentials: member.identity.credentials,
        inboxPrefix: inboxes.runner("patient"),
      }),
      { reason: "BUS_REFUSED" },
    );
    member.identity.keep(member.bus, member.channels);
    gateway = await startGatewayAgain();
    await until(() => member.bus.connected, 20_000);
    await member.leave();
  });

  test("is cut off when it is revoked, stays so after a restart of NATS, and gets no further credential", async () => {
    const member = await Member.join("outlaw");
    const credentials = member.identity.credentials();
    const revoked = await store.runnerIdentities.revoke("outlaw");
    assert.deepEqual(revoked, [publicKeyOf(credentials.seed)]);
    await revokeKeys(nats.url, keys, revoked);
    await until(() => !member.bus.connected);
    const again = () =>
      connectBus({
        url: nats.url,
        name: "again",
        credentials: () => credentials,
        inboxPrefix: inboxes.runner("outlaw"),
      });
    await assert.rejects(again(), { reason: "BUS_REFUSED" });
    await nats.stop("SIGKILL");
    await nats.restart();
    await assert.rejects(again(), { reason: "BUS_REFUSED" });
    await assert.rejects(
      store.runnerIdentities.claim({
        name: "outlaw",
        pool: "default",
        publicKey: publicKeyOf(credentials.seed),
        lifeMs: 1_000,
      }),
      { reason: "RUNNER_REVOKED" },
    );
    await member.leave();
  });

  test("does not join with a token of another pool, with none, or with one that was revoked", async () => {
    const gpu = issueJoinToken(keys.accountSeed, "gpu");
    await assert.rejects(Member.join("stray", scratchFolder(), gpu.token), { reason: "INVALID_JOIN_TOKEN" });
    await assert.rejects(Member.join("stray", scratchFolder(), "mrj1.x"), { reason: "INVALID_JOIN_TOKEN" });
    const other = issueJoinToken(createNatsKeys().accountSeed, "default");
    await assert.rejects(Member.join("stray", scratchFolder(), other.token), { reason: "BUS_REFUSED" });
    await revokeKeys(nats.url, keys, [joinToken.key]);
    await assert.rejects(Member.join("stray"), { reason: "BUS_REFUSED" });
  });
});

test("a join token opens nothing but the door to its own pool", async () => {
  const { token, key } = issueJoinToken(keys.accountSeed, "gpu");
  const credentials = readJoinToken(token)!;
  const bus = await connectBus({
    ...{ url: nats.url, name: "newcomer", credentials: () => credentials, inboxPrefix: inboxes.joiner(key) },
  });
  const asked = { runner: "steady-2", publicKey: createKey("user").publicKey };
  const timeoutMs = 1_500;
  await assert.rejects(openChannels(bus).join("default", key).request(asked, { timeoutMs }));
  await assert.rejects(openChannels(bus).join("gpu", joinToken.key).request(asked, { timeoutMs }));
  await assert.rejects(
    openChannels(bus)
      .join("gpu", key)
      .request({ ...asked, publicKey: "x" }, { timeoutMs }),
    {
      reason: "INVALID_KEY",
    },
  );
  await assert.rejects(
    openChannels(bus)
      .join("gpu", key)
      .request({ ...asked, runner: "a.b" }, { timeoutMs }),
    {
      reason: "INVALID_RUNNER_NAME",
    },
  );
  const { jwt } = await openChannels(bus).join("gpu", key).request(asked, { timeoutMs });
  assert.match(Buffer.from(jwt.split(".")[1]!, "base64url").toString(), /heartbeat\.gpu\.steady-2/);
  await bus.drain(500);
});

/** A whole house over TLS, with an authority that only this test knows: every connection between its processes, and its doors. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chownSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { request } from "node:https";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { connectBus, createNatsKeys, formatCredentials, issueJoinToken, issueRole, trustOf } from "@millrace/bus";
import { loadTools, pickFreePort } from "@millrace/provision";
import { migrate, openStore } from "@millrace/store";
import {
  scratchFolder,
  scratchPostgres,
  startScratchNats,
  startScratchServer,
  type ScratchNats,
  type ScratchServer,
} from "@millrace/testkit";
import pg from "pg";
import { TestAuthority, type TestCertificate } from "../harness/certificates.ts";
import { runCli, writeFolder } from "../harness/test-house.ts";
import { until } from "../harness/until.ts";

const folder = scratchFolder();
const keys = createNatsKeys();

let authority: TestAuthority;
let nats: ScratchNats;
let gatewayCertificate: TestCertificate;
let apiKey: string;
let httpPort: number;
const processes: ScratchServer[] = [];

/** A database that speaks TLS alone, at an address that asks for it and checks who answers. */
async function secureDatabase(): Promise<string> {
  const postgres = await scratchPostgres();
  const plain = await postgres.createDatabase();
  const client = new pg.Client(plain);
  await client.connect();
  const { rows } = await client.query<{ folder: string }>("SELECT current_setting('data_directory') AS folder");
  const place = join(dirname(rows[0]!.folder), "postgres");
  const { uid, gid } = statSync(place);
  const { certFile, keyFile } = authority.issue("postgres");
  for (const [name, file] of [
    ["server.crt", certFile],
    ["server.key", keyFile],
  ] as const) {
    writeFileSync(join(place, name), await readFile(file), { mode: 0o600 });
    chownSync(join(place, name), uid, gid);
  }
  await client.query("ALTER SYSTEM SET ssl = on");
  await client.query("SELECT pg_reload_conf()");
  await client.end();
  const url = new URL(plain);
  url.searchParams.set("sslmode", "verify-full");
  url.searchParams.set("sslrootcert", authority.caFile);
  await until(async () => {
    const secure = new pg.Client(url.href);
    secure.on("error", () => {});
    return secure.connect().then(
      () => secure.end().then(() => true),
      () => false,
    );
  });
  return url.href;
}

async function startHouse(databaseUrl: string): Promise<void> {
  const { certFile, keyFile } = authority.issue("process");
  gatewayCertificate = authority.issue("gateway");
  httpPort = await pickFreePort();
  for (const role of ["gateway", "scheduler"] as const)
    writeFileSync(join(folder, `${role}.creds`), formatCredentials(issueRole(keys.accountSeed, role)), { mode: 0o600 });
  const common = {
    MILLRACE_NATS_URL: nats.url,
    MILLRACE_NATS_CA_FILE: authority.caFile,
    MILLRACE_NATS_CERT_FILE: certFile,
    MILLRACE_NATS_KEY_FILE: keyFile,
    MILLRACE_DRAIN_TIMEOUT_MS: "2000",
  };
  const record = { ...common, MILLRACE_DATABASE_URL: databaseUrl, MILLRACE_TOKEN_KEY: "ab".repeat(32) };
  const { python, bwrap } = loadTools();
  await Promise.all([
    start("scheduler", { ...record, MILLRACE_NATS_CREDENTIALS_FILE: join(folder, "scheduler.creds") }),
    start("gateway", {
      ...record,
      MILLRACE_NATS_CREDENTIALS_FILE: join(folder, "gateway.creds"),
      MILLRACE_NATS_ACCOUNT_KEY: keys.accountSeed,
      MILLRACE_MASTER_KEY: "cd".repeat(32),
      MILLRACE_HTTP_PORT: String(httpPort),
      MILLRACE_GRPC_PORT: "0",
      // A name: the gRPC library connects to no bare address over TLS.
      MILLRACE_PUBLIC_URL: `https://localhost:${httpPort}`,
      MILLRACE_TLS_CERT_FILE: gatewayCertificate.certFile,
      MILLRACE_TLS_KEY_FILE: gatewayCertificate.keyFile,
    }),
  ]);
  await start("runner", {
    ...common,
    MILLRACE_JOIN_TOKEN: issueJoinToken(keys.accountSeed, "default").token,
    MILLRACE_DATA_DIR: join(folder, "runner"),
    MILLRACE_PYTHON: python,
    MILLRACE_BUBBLEWRAP: bwrap,
  });
}

async function start(role: string, settings: Readonly<Record<string, string>>): Promise<void> {
  const healthPort = await pickFreePort();
  const home = join(folder, `home-${role}`);
  mkdirSync(home, { recursive: true });
  const launch = {
    command: process.execPath,
    args: [join(import.meta.dirname, "../../packages", role, "src/main.ts")],
    env: { PATH: process.env["PATH"] ?? "", HOME: home, ...settings, MILLRACE_HEALTH_PORT: String(healthPort) },
    cwd: home,
    deathSignal: "TERM" as const,
  };
  processes.push(
    await startScratchServer(launch, join(folder, `${role}.log`), () =>
      fetch(`http://127.0.0.1:${healthPort}/readyz`).then(
        ({ ok }) => ok,
        () => false,
      ),
    ),
  );
}

/** Asks over HTTPS, with the test's authority. */
async function ask(path: string): Promise<{ status: number | undefined; text: string }> {
  const ca = await readFile(authority.caFile);
  return new Promise((resolve, reject) => {
    const asked = request({ host: "127.0.0.1", port: httpPort, path, ca, method: "POST" }, (response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => (text += chunk.toString()));
      response.on("end", () => resolve({ status: response.statusCode, text }));
    });
    asked.once("error", reject);
    asked.end();
  });
}

function serialOfGateway(): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ port: httpPort, host: "127.0.0.1", rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().serialNumber);
      socket.destroy();
    });
    socket.once("error", reject);
  });
}

// What makes its certificates is on nearly every machine.
const skip = spawnSync("openssl", ["version"]).status === 0 ? false : "there is no openssl to make certificates with";

describe("a house over TLS", { skip }, () => {
  before(async () => {
    authority = new TestAuthority(folder);
    const { caFile } = authority;
    const tls = { ...authority.issue("nats"), caFile, verifyClients: true };
    const [databaseUrl, broker] = await Promise.all([
      secureDatabase(),
      startScratchNats({ trust: trustOf(keys), tls }),
    ]);
    nats = broker;
    await migrate(databaseUrl);
    const store = await openStore({ url: databaseUrl });
    apiKey = (await store.apiKeys.create((await store.projects.ensure("default")).id, "test")).key;
    await store.close();
    await startHouse(databaseUrl);
  });

  after(async () => {
    await Promise.all(processes.map((each) => each.stop("SIGTERM")));
    await nats?.stop();
  });

  test("takes a deploy by the command and runs it", async () => {
    const source = await writeFolder(join(folder, "hello"), {
      "workflow.yaml":
        "name: hello\ntrigger:\n  http:\n    respond: workflow\nsteps:\n  - name: one\n    python: one.py\n",
      "one.py": "def handler(pd):\n    pd.respond({'status': 200, 'body': 'safe'})\n",
    });
    const deployed = await runCli(
      ["--url", `https://localhost:${httpPort}`, "--key", apiKey, "deploy", source, "--json"],
      { environment: { NODE_EXTRA_CA_CERTS: authority.caFile } },
    );
    assert.equal(deployed.code, 0, deployed.stderr + deployed.stdout);
    const address = /https:\/\/[^"\s]+\/t\/[^"\s]+/.exec(deployed.stdout)?.[0];
    assert.ok(address !== undefined, deployed.stdout);
    assert.deepEqual(await ask(new URL(address).pathname), { status: 200, text: "safe" });
  });

  test("speaks to nobody in the clear, nor to servers and clients of another authority", async () => {
    await assert.rejects(fetch(`http://127.0.0.1:${httpPort}/`));
    const role = issueRole(keys.accountSeed, "gateway");
    const options = { name: "stranger", credentials: () => role, limits: { firstConnectTimeoutMs: 500 } };
    const { url } = nats;
    const strangers = new TestAuthority(scratchFolder(), "strangers");
    const { certFile, keyFile } = strangers.issue("stranger");
    const { caFile } = authority;
    const refused = [
      { ...options, url: url.replace("tls:", "nats:") },
      { ...options, url, tls: { caFile: strangers.caFile } },
      { ...options, url, tls: { caFile, certFile, keyFile } },
      // Without a certificate of its own.
      { ...options, url, tls: { caFile } },
    ];
    await Promise.all(refused.map((each) => assert.rejects(connectBus(each))));
  });

  test("takes a renewed certificate without a restart", async () => {
    const before = await serialOfGateway();
    authority.issue("gateway");
    await until(async () => (await serialOfGateway()) !== before, 20_000);
  });
});

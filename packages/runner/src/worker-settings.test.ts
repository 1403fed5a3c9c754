import assert from "node:assert/strict";
import { test } from "node:test";

import { parseSettings, runnerSettings } from "@millrace/config";
import { session } from "@millrace/protocol";

import { configureFrame, shortRunsMax, workerCommand } from "./worker-settings.ts";

const IDENTITY = { socketPath: "/tmp/s/runner.sock", token: "t0ken", workerId: "w1" };
const MIB = 1024 * 1024;

function settings(env: Record<string, string> = {}) {
  return parseSettings(runnerSettings, { args: [], env: { MILLRACE_DATA_DIR: "/data", ...env } });
}

test("a worker inherits what Python needs and none of the runner's credentials", () => {
  const inherited = {
    PATH: "/bin",
    HOME: "/home/u",
    LC_ALL: "C",
    MILLRACE_NATS_PASSWORD: "secret",
    AWS_SECRET_ACCESS_KEY: "secret",
    MILLRACE_SANDBOX_UID_BASE: "300000",
    OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4318",
  };
  const { env } = workerCommand(settings({ MILLRACE_BUBBLEWRAP: "/opt/bwrap" }), IDENTITY, inherited);
  assert.ok(!JSON.stringify(env).includes("secret"));
  assert.equal(env["PATH"], "/bin");
  assert.equal(env["LC_ALL"], "C");
  assert.equal(env["MILLRACE_SANDBOX_UID_BASE"], "300000");
  assert.equal(env["MILLRACE_SANDBOX_BWRAP"], "/opt/bwrap");
  assert.equal(env["MILLRACE_WORKER_TOKEN"], "t0ken");
  assert.equal(env["MILLRACE_UNSAFE_RUN_USER_CODE_WITHOUT_SANDBOX"], undefined);
  assert.equal(env["OTEL_EXPORTER_OTLP_ENDPOINT"], "http://127.0.0.1:4318");
});

test("running without a sandbox takes the setting with the frightening name", () => {
  const open = settings({ MILLRACE_SANDBOX: "none-and-user-code-can-do-anything" });
  const { env } = workerCommand(open, IDENTITY, {});
  assert.equal(env["MILLRACE_UNSAFE_RUN_USER_CODE_WITHOUT_SANDBOX"], "yes-i-understand");
  const sneaked = workerCommand(settings(), IDENTITY, {
    MILLRACE_UNSAFE_RUN_USER_CODE_WITHOUT_SANDBOX: "yes-i-understand",
  });
  assert.equal(sneaked.env["MILLRACE_UNSAFE_RUN_USER_CODE_WITHOUT_SANDBOX"], undefined);
});

test("environments follow from memory, are shared by the workers, and are never too few for the slots", () => {
  const count = (env: Record<string, string>, memoryMib: number) =>
    configureFrame(settings(env), memoryMib * MIB).environmentsMax;
  assert.equal(count({}, 4096), 64);
  assert.equal(count({}, 65_536), 256);
  assert.equal(count({ MILLRACE_WORKERS: "2" }, 4096), 32);
  assert.equal(
    count({ MILLRACE_ENVIRONMENTS_MAX: "4", MILLRACE_SLOTS: "10", MILLRACE_BLANK_ENVIRONMENTS: "1" }, 4096),
    11,
  );
});

test("while steps are short there are several runs for each slot, as far as there are environments for them", () => {
  const most = (env: Record<string, string>, memoryMib = 65_536) => shortRunsMax(settings(env), memoryMib * MIB);
  assert.equal(most({}), 48);
  assert.equal(most({}, 2048), 30);
  assert.equal(most({ MILLRACE_WORKERS: "2" }, 3072), 22);
  assert.equal(most({ MILLRACE_SHORT_RUNS_PER_SLOT: "1" }), 16);
  assert.equal(most({ MILLRACE_SLOTS: "100", MILLRACE_ENVIRONMENTS_MAX: "50" }), 100);
});

test("a step's result and its saved /tmp have the bounds of the settings, and /tmp need not be saved", () => {
  const { resultBytesMax, tmpSavedBytesMax } = configureFrame(settings());
  assert.deepEqual([resultBytesMax, tmpSavedBytesMax], [50 * MIB, 16 * MIB]);
  assert.equal(configureFrame(settings({ MILLRACE_TMP_SAVED_BYTES_MAX: "0" })).tmpSavedBytesMax, 0);
});

test("environments are made ready ahead within the settings' bounds", () => {
  const { spareEnvironments, spareMemoryBytes } = configureFrame(settings());
  assert.deepEqual([spareEnvironments, spareMemoryBytes], [2, 512 * MIB]);
  assert.equal(configureFrame(settings({ MILLRACE_SPARE_ENVIRONMENTS: "0" })).spareEnvironments, 0);
  assert.equal(configureFrame(settings({ MILLRACE_RUNS_BEHIND: "0" })).runsBehindMax, 0);
});

test("the network of a pool goes to its workers, with what the operator allows and refuses", () => {
  assert.equal(configureFrame(settings({ MILLRACE_NETWORK: "none" })).network, session.NetworkMode.NONE);
  const { network, networkAllow, networkDeny } = configureFrame(
    settings({
      MILLRACE_NETWORK: "internet",
      MILLRACE_NETWORK_ALLOW: "10.1.0.0/16,fd12::/64",
      MILLRACE_NETWORK_DENY: "8.8.8.8/32",
    }),
  );
  assert.equal(network, session.NetworkMode.INTERNET);
  assert.deepEqual([networkAllow, networkDeny], [["10.1.0.0/16", "fd12::/64"], ["8.8.8.8/32"]]);
  assert.throws(() => settings({ MILLRACE_NETWORK_ALLOW: "example.com" }), /MILLRACE_NETWORK_ALLOW/);
});

test("an environment has room for its own processes", () => {
  assert.throws(() => settings({ MILLRACE_PROCESSES_MAX: "3" }), /MILLRACE_PROCESSES_MAX/);
  assert.equal(configureFrame(settings({ MILLRACE_PROCESSES_MAX: "4" })).processesMax, 4);
});

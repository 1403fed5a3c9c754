import assert from "node:assert/strict";
import { test } from "node:test";
import { checkEncryption } from "./encryption-check.ts";

const local = {
  natsUrl: "nats://127.0.0.1:4222",
  databaseUrl: "postgres://u:p@localhost:5432/db",
  host: "127.0.0.1",
  tlsCertFile: undefined,
  publicUrl: undefined,
  natsAccountKey: "SA",
  natsUser: undefined,
};

function reasonsOf(given: Partial<typeof local> | Record<string, unknown>): string[] {
  return checkEncryption({ ...local, ...given } as typeof local).map(({ reason }) => reason);
}

test("nothing of a house on one machine is in the clear", () => {
  assert.deepEqual(reasonsOf({}), []);
  assert.deepEqual(reasonsOf({ natsUrl: "nats://[::1]:4222", host: "::1" }), []);
});

test("what leaves the machine in the clear is named, wherever in a list it stands", () => {
  assert.deepEqual(reasonsOf({ natsUrl: "nats://127.0.0.1:4222, nats://n2:4222" }), ["NATS_IN_THE_CLEAR"]);
  assert.deepEqual(reasonsOf({ databaseUrl: "postgres://u:p@127.0.0.1:1,db2:2/db" }), ["DATABASE_IN_THE_CLEAR"]);
  assert.deepEqual(reasonsOf({ databaseUrl: "postgres://u:p@db/db?sslmode=require" }), ["DATABASE_IN_THE_CLEAR"]);
  assert.deepEqual(reasonsOf({ host: "0.0.0.0" }), ["DOORS_IN_THE_CLEAR"]);
  assert.deepEqual(reasonsOf({ natsUser: "runner", natsAccountKey: undefined }), ["RUNNERS_WITHOUT_IDENTITY"]);
});

test("what is encrypted is not", () => {
  assert.deepEqual(
    reasonsOf({
      natsUrl: "tls://n1:4222,tls://n2:4222",
      databaseUrl: "postgres://u:p@db1,db2/db?sslmode=verify-full&sslrootcert=/ca",
      host: "0.0.0.0",
      tlsCertFile: "/cert",
    }),
    [],
  );
  assert.deepEqual(reasonsOf({ host: "0.0.0.0", publicUrl: "https://runs.example.org" }), []);
});

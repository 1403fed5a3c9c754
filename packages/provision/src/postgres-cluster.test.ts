import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { pickFreePort } from "./free-port.ts";
import { launchProcess } from "./launch.ts";
import { clusterLaunch, clusterSocketFolder, createCluster, isClusterReady } from "./postgres-cluster.ts";
import { isAlive, signal } from "./process-table.ts";
import { loadTools } from "./tools.ts";
import { waitUntil } from "./wait-until.ts";

const scratch = mkdtempSync(join(tmpdir(), "millrace-cluster-"));
after(() => rmSync(scratch, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }));

test("a cluster in a folder that others cannot enter runs under an unprivileged uid, and takes passwords only", async () => {
  // mkdtemp makes the folder its owner's alone: as below a person's home.
  const cluster = { folder: join(scratch, "a home", "postgres"), postgres: loadTools().postgres };
  mkdirSync(join(scratch, "a home"), { mode: 0o700 });
  mkdirSync(`${cluster.folder}.new`);
  writeFileSync(join(`${cluster.folder}.new`, "PG_VERSION"), "half made");
  await createCluster(cluster, { role: "millrace", password: "secret", superuser: false });
  assert.equal(existsSync(`${cluster.folder}.new`), false);

  const port = await pickFreePort();
  const child = launchProcess(clusterLaunch(cluster, port), ["ignore", "ignore", "ignore"]);
  const pid = child.pid ?? 0;
  await waitUntil(() => isClusterReady(cluster, pid), { what: "start of Postgres", timeoutMs: 30_000 });
  const uids = /^Uid:\s+(\d+)\s+(\d+)/m
    .exec(readFileSync(`/proc/${pid}/status`, "utf8"))
    ?.slice(1)
    .map(Number);
  assert.ok(
    uids?.every((uid) => uid !== 0 && uid === statSync(cluster.folder).uid),
    `it runs as ${uids?.join()}`,
  );
  assert.ok(statSync(join(clusterSocketFolder(cluster, port)!, `.s.PGSQL.${port}`)).isSocket());
  assert.doesNotMatch(readFileSync(join(cluster.folder, "pg_hba.conf"), "utf8"), /trust|peer/);

  signal(pid, "SIGINT");
  await waitUntil(() => !isAlive(pid), { what: "end of Postgres", timeoutMs: 10_000 });
});

test("a cluster whose path no socket can have listens on its port alone", () => {
  const longest = `/${"a".repeat(92)}`;
  assert.equal(clusterSocketFolder({ folder: longest }, 5432), longest);
  assert.equal(clusterSocketFolder({ folder: `${longest}a` }, 5432), undefined);
});

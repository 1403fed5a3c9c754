import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";

import { RELEASE } from "@millrace/core";
import { parse } from "yaml";
import { readStages } from "./harness/image-tree.ts";
import { readCompose, readRendered, type Manifest } from "./harness/manifests.ts";

const checkout = join(import.meta.dirname, "../..");
const chart = join(checkout, "deploy/helm/millrace");
const names = readdirSync(join(checkout, "test/deploy/values")).map((file) => file.replace(/\.yaml$/, ""));
const all = names.flatMap((name) => readRendered(name).map((manifest) => ({ name, manifest })));
const ofKind = (...kinds: string[]) => all.filter(({ manifest }) => kinds.includes(manifest.kind));
const label = ({ name, manifest }: { name: string; manifest: Manifest }): string =>
  `${name}: ${manifest.kind} ${manifest.metadata.name}`;
const pods = ofKind("Deployment", "StatefulSet", "Job");
const OURS = ["gateway", "scheduler", "runner", "migrate"];

describe("the rendered charts", () => {
  it("are those of today's chart", () => {
    const hash = createHash("sha256");
    const paths = [chart, join(checkout, "test/deploy/values")].flatMap((folder) =>
      readdirSync(folder, { recursive: true, withFileTypes: true })
        .map((entry) => ({ entry, path: join(entry.parentPath, entry.name) }))
        .sort((left, right) => (left.path < right.path ? -1 : 1)),
    );
    for (const { entry, path } of paths) {
      if (entry.isFile() && entry.name !== "README.md") hash.update(readFileSync(path));
    }
    const rendered = readFileSync(join(checkout, "test/deploy/rendered/sources.sha256"), "utf8").trim();
    assert.equal(hash.digest("hex"), rendered, 'the chart has changed: run "npm run charts"');
  });

  it("start nothing as root, with a capability or with a token of the cluster", () => {
    assert.ok(pods.length > 12);
    for (const one of pods) {
      const { spec } = one.manifest.spec.template;
      assert.equal(spec.securityContext.runAsNonRoot, true, label(one));
      assert.equal(spec.automountServiceAccountToken, false, label(one));
      for (const key of ["hostNetwork", "hostPID", "hostIPC"]) assert.ok(!spec[key], label(one));
      for (const container of spec.containers) {
        const { securityContext } = container;
        assert.equal(securityContext.allowPrivilegeEscalation, false, label(one));
        assert.equal(securityContext.readOnlyRootFilesystem, true, label(one));
        assert.deepEqual(securityContext.capabilities, { drop: ["ALL"] }, label(one));
        assert.ok(!securityContext.privileged, label(one));
        assert.ok(container.resources.limits.memory, label(one));
      }
    }
  });

  it("give what the sandbox needs to runners alone", () => {
    for (const one of pods) {
      const { spec } = one.manifest.spec.template;
      const isRunner = one.manifest.metadata.name.includes("runner-");
      assert.equal(spec.hostUsers, isRunner ? false : undefined, label(one));
      assert.equal(spec.containers[0].securityContext.procMount, isRunner ? "Unmasked" : undefined, label(one));
      if (!isRunner) assert.equal(spec.securityContext.seccompProfile.type, "RuntimeDefault", label(one));
    }
  });

  it("give each process the secrets that it needs and no others", () => {
    const has = (name: string): string[] =>
      pods
        .filter(({ manifest }) => JSON.stringify(manifest.spec.template.spec.volumes).includes(`"${name}"`))
        .map(({ manifest }) => OURS.find((role) => manifest.metadata.name.includes(role)) ?? manifest.metadata.name);
    assert.deepEqual([...new Set(has("master-key"))], ["gateway"]);
    assert.deepEqual([...new Set(has("nats-account-key"))], ["gateway"]);
    assert.deepEqual([...new Set(has("token-key"))].sort(), ["gateway", "scheduler"]);
    assert.deepEqual([...new Set(has("database-url"))].sort(), ["gateway", "migrate", "scheduler"]);
    assert.deepEqual([...new Set(has("join-token-gpu"))], ["runner"]);
    assert.equal(has("nats-keys.json").length, 0);
  });

  it("have probes that an outage of the database does not fail, and time for a drain", () => {
    for (const one of ofKind("Deployment")) {
      const { spec } = one.manifest.spec.template;
      const [container] = spec.containers;
      assert.equal(container.livenessProbe.httpGet.path, "/livez", label(one));
      assert.equal(container.startupProbe.httpGet.path, "/livez", label(one));
      assert.equal(container.readinessProbe.httpGet.path, "/readyz", label(one));
      const drain = container.env.find((entry: { name: string }) => entry.name === "MILLRACE_DRAIN_TIMEOUT_MS");
      const preStop = container.lifecycle?.preStop.sleep.seconds ?? 0;
      assert.ok(
        spec.terminationGracePeriodSeconds * 1_000 >= Number(drain.value) + preStop * 1_000 + 5_000,
        label(one),
      );
    }
  });

  it("keep all but one of each kind through a drain of nodes", () => {
    for (const one of ofKind("Deployment", "StatefulSet").filter(({ manifest }) => (manifest.spec.replicas ?? 2) > 1)) {
      const selector = JSON.stringify(one.manifest.spec.selector.matchLabels);
      const budgets = ofKind("PodDisruptionBudget").filter(({ name }) => name === one.name);
      const own = budgets.filter(({ manifest }) => JSON.stringify(manifest.spec.selector.matchLabels) === selector);
      assert.deepEqual(
        own.map(({ manifest }) => manifest.spec.maxUnavailable),
        [1],
        label(one),
      );
    }
  });

  it("let runners reach the broker, the gateway and public addresses, never the database", () => {
    const policies = ofKind("NetworkPolicy").filter(({ manifest }) => manifest.metadata.name.includes("runner-"));
    assert.ok(policies.length >= 4);
    for (const one of policies) {
      const text = JSON.stringify(one.manifest.spec.egress);
      assert.doesNotMatch(text, /postgres|5432/, label(one));
      assert.match(text, /4222/, label(one));
      const open = one.manifest.spec.egress.flatMap(
        (rule: { to?: { ipBlock?: { cidr: string; except?: string[] } }[] }) =>
          (rule.to ?? []).filter(({ ipBlock }) => ipBlock?.cidr === "0.0.0.0/0"),
      );
      for (const { ipBlock } of open) assert.ok(ipBlock.except.includes("169.254.0.0/16"), label(one));
    }
  });

  it("scale a pool by what the gateway tells of it", () => {
    const scaled = ofKind("ScaledObject");
    assert.equal(scaled.length, 2);
    for (const { manifest } of scaled) {
      assert.deepEqual(
        manifest.spec.triggers.map((one: { metadata: { valueLocation: string } }) => one.metadata.valueLocation),
        ["waitingCount", "runningCount"],
      );
      assert.equal(manifest.spec.minReplicaCount, 0);
    }
  });

  it("migrate before and after, the second when the old pods have gone", () => {
    const jobs = readRendered("large").filter(({ kind }) => kind === "Job");
    const hooks = jobs.map(({ metadata }) => metadata.annotations?.["helm.sh/hook"]);
    assert.deepEqual(hooks.sort(), ["pre-upgrade", undefined]);
  });
});

describe("the compose file", () => {
  const services = readCompose({ MILLRACE_RELEASE: RELEASE, MILLRACE_PUBLIC_URL: "https://runs.example.org" });

  it("publishes the gateway alone, and lets no runner near the database", () => {
    const published = Object.entries(services).filter(([, service]) => service.ports !== undefined);
    assert.deepEqual(
      published.map(([name]) => name),
      ["gateway"],
    );
    assert.deepEqual(services["runner"]!.networks, ["bus", "outside"]);
    assert.deepEqual(services["postgres"]!.networks, ["record"]);
  });

  it("gives nobody more than is needed", () => {
    for (const [name, service] of Object.entries(services)) {
      assert.ok(!service.privileged, name);
      if (name === "postgres") continue;
      assert.deepEqual(service.cap_drop, ["ALL"], name);
      assert.deepEqual(service.cap_add ?? [], name === "nats-volume" ? ["CHOWN"] : [], name);
      assert.equal(service.read_only, true, name);
      assert.ok(service.security_opt?.includes("no-new-privileges:true"), name);
    }
    for (const name of ["gateway", "scheduler", "runner", "nats", "postgres"]) {
      assert.ok(services[name]!.deploy?.resources?.limits?.memory, name);
      assert.equal(services[name]!.restart, "unless-stopped", name);
    }
  });
});

describe("the images", () => {
  it("say the release that they hold, and start node itself as an ordinary user", () => {
    for (const name of ["house", "runner"]) {
      const image = readStages(name).at(-1)!;
      const last = (wanted: string): string => image.findLast((one) => one.name === wanted)!.text;
      assert.match(last("LABEL"), new RegExp(`image.version="${RELEASE}"`));
      assert.equal(last("USER"), "10001:10001");
      assert.match(last("ENTRYPOINT"), /^\[("\/usr\/bin\/tini", "--", )?"node"\]$/);
    }
    const { version, appVersion } = parse(readFileSync(join(chart, "Chart.yaml"), "utf8")) as Record<string, string>;
    assert.deepEqual([version, appVersion], [RELEASE, RELEASE]);
  });
});

describe("alerts and dashboards", () => {
  it("use metrics that the processes serve", () => {
    const sources = ["gateway", "scheduler", "runner", "telemetry"].flatMap((room) =>
      readdirSync(join(checkout, "packages", room, "src"), { recursive: true })
        .map(String)
        .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"))
        .map((file) => readFileSync(join(checkout, "packages", room, "src", file), "utf8")),
    );
    const text = ["alerts.yaml", "dashboard.json"]
      .map((file) => readFileSync(join(chart, "files", file), "utf8"))
      .join("");
    const used = new Set(
      [...text.matchAll(/\b(?:millrace|process)_[a-z_]+[a-z]/g)].map(([name]) => name.replace(/_bucket$/, "")),
    );
    used.delete("millrace");
    assert.ok(used.size > 15);
    for (const name of used)
      assert.ok(
        sources.some((source) => source.includes(`"${name}"`)),
        name,
      );
  });
});

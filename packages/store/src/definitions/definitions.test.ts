import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createDeploy, createScratchHouse } from "../../test/scratch-house.ts";
import { hashApiKey } from "./api-keys.ts";

describe("workflows", () => {
  it("are found by id and by name within their project alone", async () => {
    await using house = await createScratchHouse();
    const { workflows, projects } = house.store;
    const other = await projects.ensure("other");
    const found = await workflows.get(house.projectId, "pokemon");
    assert.deepEqual(await workflows.get(house.projectId, house.spec.workflowId), found);
    assert.equal(found.version!.number, 1);
    assert.deepEqual(found.version!.spec, house.spec);
    for (const name of ["pokemon", house.spec.workflowId, "", "a\0b"]) {
      await assert.rejects(workflows.get(other.id, name), { reason: "WORKFLOW_NOT_FOUND" });
    }
    await assert.rejects(workflows.create(house.projectId, "pokemon"), { reason: "WORKFLOW_EXISTS" });
    await workflows.create(other.id, "pokemon");
    assert.equal((await projects.ensure("other")).id, other.id);
  });

  it("number their versions without a gap when deploys meet, and keep every version as it was", async () => {
    await using house = await createScratchHouse();
    const { workflows } = house.store;
    const { workflowId } = house.spec;
    const changes = await Promise.all(
      Array.from({ length: 6 }, (_, index) =>
        workflows.deploy({ ...createDeploy(house.projectId, workflowId), sources: { "a.py": `print(${index})` } }),
      ),
    );
    assert.deepEqual(
      changes.map(({ workflow }) => workflow.version!.number).sort((a, b) => a - b),
      [2, 3, 4, 5, 6, 7],
    );
    assert.equal(new Set(changes.map(({ generation }) => generation)).size, 6);
    for (const [index, { workflow }] of changes.entries()) {
      const body = await workflows.getVersion(workflow.version!.id);
      assert.deepEqual(body.sources, { "a.py": `print(${index})` });
      const large = {
        workflowName: undefined,
        sources: undefined,
        modules: undefined,
        packages: undefined,
        uses: undefined,
      };
      assert.deepEqual({ ...body, ...large }, { ...workflow.version, ...large });
    }
    const first = await workflows.getVersion(house.spec.versionId);
    assert.deepEqual(
      [first.number, first.workflowName, first.definition],
      [1, "pokemon", createDeploy("", "").definition],
    );
    await assert.rejects(workflows.getVersion("nonsense"), { reason: "VERSION_NOT_FOUND" });
  });

  it("keep a trigger's endpoint over deploys, also when one of them leaves it out", async () => {
    await using house = await createScratchHouse();
    const { workflows } = house.store;
    const deploy = createDeploy(house.projectId, house.spec.workflowId);
    const [before] = (await workflows.get(house.projectId, "pokemon")).triggers;
    assert.match(before!.endpoint, /^[a-z2-9]{32}$/);
    const changed = { name: "http", kind: "http", settings: { respond: "static", list: [1, "\0"] } };
    const added = { name: "second", kind: "http", settings: null };
    const { workflow } = await workflows.deploy({ ...deploy, triggers: [added, changed] });
    assert.deepEqual(
      workflow.triggers.map(({ name, settings }) => [name, settings]),
      [
        ["second", null],
        ["http", changed.settings],
      ],
    );
    assert.equal(workflow.triggers[1]!.endpoint, before!.endpoint);
    assert.notEqual(workflow.triggers[0]!.endpoint, before!.endpoint);
    assert.deepEqual((await workflows.deploy({ ...deploy, triggers: [] })).workflow.triggers, []);
    const back = await workflows.deploy(deploy);
    assert.equal(back.workflow.triggers[0]!.endpoint, before!.endpoint);
  });

  it("are listed by name, page by page", async () => {
    await using house = await createScratchHouse();
    const { workflows } = house.store;
    for (const name of ["b", "ä", "a", "c"]) await workflows.create(house.projectId, name);
    const names: string[] = [];
    let pageToken = "";
    do {
      const page = await workflows.list(house.projectId, { pageSize: 2, pageToken });
      names.push(...page.items.map(({ name }) => name));
      pageToken = page.nextPageToken;
    } while (pageToken);
    assert.deepEqual(names, ["a", "b", "c", "pokemon", "ä"]);
    await assert.rejects(workflows.list(house.projectId, { pageToken: "!" }), { reason: "INVALID_PAGE_TOKEN" });
    await assert.rejects(workflows.list(house.projectId, { pageSize: -1 }), { reason: "INVALID_PAGE_SIZE" });
  });
});

describe("what gateways keep in memory", () => {
  it("follows every change by its generation", async () => {
    await using house = await createScratchHouse();
    const { workflows, apiKeys } = house.store;
    const { projectId, spec } = house;
    const all = await workflows.loadDefinitions(0);
    assert.deepEqual(all.workflows, [await workflows.get(projectId, "pokemon")]);
    assert.equal(all.generation, await workflows.getGeneration());

    const disabled = await workflows.setEnabled(projectId, spec.workflowId, false);
    assert.equal(disabled.generation, all.generation + 1);
    const change = await workflows.loadDefinitions(all.generation);
    assert.deepEqual(change, {
      ...change,
      generation: disabled.generation,
      workflows: [disabled.workflow],
      apiKeys: [],
    });
    assert.equal(disabled.workflow.enabled, false);

    const key = await apiKeys.create(projectId, "cli");
    const withKey = await workflows.loadDefinitions(disabled.generation);
    assert.deepEqual([withKey.workflows, withKey.apiKeys.map(({ id }) => id)], [[], [key.id]]);
    await apiKeys.revoke(projectId, key.id);
    await workflows.delete(projectId, spec.workflowId);
    const last = await workflows.loadDefinitions(withKey.generation);
    assert.deepEqual(
      [last.workflows, last.deletedWorkflowIds, last.apiKeys, last.revokedApiKeyIds],
      [[], [spec.workflowId], [], [key.id]],
    );
    const anew = await workflows.loadDefinitions(0);
    assert.deepEqual(
      { ...anew, generation: 0 },
      { generation: 0, workflows: [], deletedWorkflowIds: [], apiKeys: [], revokedApiKeyIds: [] },
    );
    await assert.rejects(workflows.delete(projectId, spec.workflowId), { reason: "WORKFLOW_NOT_FOUND" });
    assert.equal((await workflows.getVersion(spec.versionId)).number, 1, "runs of a deleted workflow go on");
    await workflows.create(projectId, "pokemon");
  });

  it("is not moved by a change that failed", async () => {
    await using house = await createScratchHouse();
    const before = await house.store.workflows.getGeneration();
    await assert.rejects(house.store.workflows.create(house.projectId, "pokemon"), { reason: "WORKFLOW_EXISTS" });
    await assert.rejects(house.store.workflows.create(house.projectId, "a\0b"), {
      kind: "InvalidArgument",
      reason: "NOT_STORABLE",
    });
    assert.equal(await house.store.workflows.getGeneration(), before);
  });
});

describe("API keys", () => {
  it("open until they are revoked, and are kept by their hash alone", async () => {
    await using house = await createScratchHouse();
    const { apiKeys } = house.store;
    const created = await apiKeys.create(house.projectId, "cli");
    const verified = await apiKeys.verify(created.key);
    assert.deepEqual(
      [verified!.id, verified!.projectId, verified!.hash],
      [created.id, house.projectId, hashApiKey(created.key)],
    );
    assert.equal(await apiKeys.verify(`${created.key}x`), undefined);
    assert.deepEqual(await apiKeys.list(house.projectId), [verified]);
    const { rows } = await (await house.connect()).query("SELECT to_json(k) AS text FROM api_keys k");
    assert.ok(!JSON.stringify(rows).includes(created.key));
    await apiKeys.revoke(house.projectId, created.id);
    assert.equal(await apiKeys.verify(created.key), undefined);
    for (const id of [created.id, "nonsense"]) {
      await assert.rejects(apiKeys.revoke(house.projectId, id), { reason: "API_KEY_NOT_FOUND" });
    }
  });
});

describe("variables", () => {
  it("are loaded as a whole when their generation is new", async () => {
    await using house = await createScratchHouse();
    const { variables } = house.store;
    const start = await variables.load(house.projectId, 0);
    assert.deepEqual(start!.variables, []);
    assert.equal(await variables.load(house.projectId, start!.generation), undefined);
    await variables.set(house.projectId, { name: "TOKEN", value: "geheim ü", secret: true });
    const { generation } = await variables.set(house.projectId, { name: "A", value: "", secret: false });
    await variables.set((await house.store.projects.ensure("other")).id, {
      name: "TOKEN",
      value: "theirs",
      secret: false,
    });
    const loaded = await variables.load(house.projectId, start!.generation);
    assert.equal(loaded!.generation, generation);
    assert.deepEqual(
      loaded!.variables.map(({ name, value, secret }) => [name, value, secret]),
      [
        ["A", "", false],
        ["TOKEN", "geheim ü", true],
      ],
    );
    const after = await variables.unset(house.projectId, "A");
    assert.deepEqual(
      [after, (await variables.load(house.projectId, generation))!.variables.length],
      [generation + 1, 1],
    );
    await assert.rejects(variables.unset(house.projectId, "A"), { reason: "VARIABLE_NOT_FOUND" });
  });

  it("refuse what no process could be given", async () => {
    await using house = await createScratchHouse();
    const bad = [
      { name: "1A", value: "" },
      { name: "A=B", value: "" },
      { name: "", value: "" },
      { name: "A", value: "a\0b" },
      { name: "A", value: "\ud800" },
      { name: "A", value: "x".repeat(65_537) },
    ];
    for (const variable of bad) {
      const set = house.store.variables.set(house.projectId, { ...variable, secret: false });
      await assert.rejects(set, { kind: "InvalidArgument", reason: "INVALID_VARIABLE" });
    }
  });

  it("are bounded as a whole, and what would be too much changes nothing", async () => {
    await using house = await createScratchHouse();
    const set = (n: number) => {
      const variable = { name: `V${String(n).padStart(2, "0")}`, value: "x".repeat(65_536), secret: true };
      return house.store.variables.set(house.projectId, variable);
    };
    for (let n = 0; n < 15; n++) await set(n);
    await assert.rejects(set(15), { kind: "ResourceExhausted", reason: "VARIABLES_TOO_LARGE" });
    await set(14);
    assert.equal((await house.store.variables.load(house.projectId, -1))!.variables.length, 15);
  });
});

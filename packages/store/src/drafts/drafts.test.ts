import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Use } from "@millrace/core";
import { createDeploy, createScratchHouse, type ScratchHouse } from "../../test/scratch-house.ts";
import type { DraftBody, DraftRecord } from "./draft-records.ts";

const MINUTE_MS = 60_000;
let house: ScratchHouse;
let draft: DraftRecord;
before(async () => {
  house = await createScratchHouse();
  const { workflowId } = house.spec;
  draft = await house.store.drafts.create({
    workflowId,
    body: bodyWith("0"),
    baseVersionId: null,
    author: "users/ada",
  });
});
after(() => house[Symbol.asyncDispose]());

function bodyWith(code: string): DraftBody {
  return { settings: {}, steps: [{ id: "a", name: "one", file: "one.py", code, options: {} }], modules: {} };
}

function type(code: string, author = "users/ada"): Promise<DraftRecord> {
  return house.store.drafts.change(draft.workflowId, author, () => ({ body: bodyWith(code), typing: true }));
}

/** As if the draft, and all that it was, were older. */
async function age(milliseconds: number): Promise<void> {
  const client = await house.connect();
  const by = [draft.id, `${milliseconds} ms`];
  await client.query("UPDATE drafts SET update_time = update_time - $2::interval WHERE id = $1", by);
  await client.query("UPDATE draft_revisions SET create_time = create_time - $2::interval WHERE draft_id = $1", by);
}

/** Makes revisions from a number on, and then one by a change. */
async function fill(from: number, count: number, code: string): Promise<void> {
  const client = await house.connect();
  await client.query(
    `INSERT INTO draft_revisions SELECT $1, n, json_build_object('steps', json_build_array(
       json_build_object('code', n || $2))), 'users/ada', now() FROM generate_series($3::int8, $4::int8) n`,
    [draft.id, code, 1_000 + from, 1_000 + from + count - 1],
  );
  const revision = "UPDATE drafts SET revision = $2, body = $3 WHERE id = $1";
  await client.query(revision, [draft.id, 1_000 + from + count, JSON.stringify(bodyWith("last"))]);
  await house.store.drafts.change(draft.workflowId, "users/ada", () => ({ body: bodyWith("after") }));
}

async function kept(): Promise<string[]> {
  const revisions = await house.store.drafts.listRevisions(draft.id);
  const bodies = revisions.map(({ revision }) => house.store.drafts.getRevision(draft.id, revision));
  return (await Promise.all(bodies)).map(({ steps }) => steps[0]!.code.slice(0, 20));
}

describe("the revisions of a draft", () => {
  it("are a minute of typing each, and whatever stood for longer", async () => {
    for (const code of ["1", "2", "3"]) await type(code);
    assert.deepEqual(await kept(), ["0"], "what is typed within a minute is one state");
    await age(MINUTE_MS);
    await type("4");
    assert.deepEqual(await kept(), ["3", "0"], "what stood for a minute is one to go back to");
    for (const code of ["5", "6"]) await type(code);
    assert.deepEqual(await kept(), ["4", "3", "0"]);
  });

  it("are kept before every change that is no typing, and before another person's", async () => {
    await house.store.drafts.change(draft.workflowId, "users/ada", () => ({ body: bodyWith("replaced") }));
    assert.deepEqual(await kept(), ["6", "4", "3", "0"]);
    await type("7", "users/bob");
    await type("8", "users/ada");
    assert.deepEqual(await kept(), ["7", "replaced", "6", "4", "3", "0"]);
  });

  it("are bounded by number and by size", async () => {
    await fill(1, 105, "small");
    assert.equal((await kept()).length, 100);
    const client = await house.connect();
    // Kept as it is, so that a few have as many bytes as it takes.
    await client.query("ALTER TABLE draft_revisions ALTER body SET STORAGE EXTERNAL");
    await fill(200, 6, "x".repeat(4_000_000));
    const left = await kept();
    assert.deepEqual(
      left.map((code) => code.slice(0, 4)),
      ["last", "1205", "1204", "1203", "1202"],
    );
  });
});

describe("where things are used", () => {
  const target = { kind: "variable", name: "KEY" } as const;
  const use: Use = { ...target, step: "one", file: "one.py", line: 3 };
  const store: Use = { kind: "store", name: "crm", step: "one", file: "one.py", line: 0 };

  it("is known of live versions and of drafts as they were looked at, page by page", async () => {
    const { store: record, projectId, spec } = house;
    const { drafts, uses, workflows } = record;
    assert.deepEqual((await uses.list(projectId, target)).items, []);
    assert.equal(await uses.countUnknown(projectId), 1, "nobody has looked at what was deployed without it");
    await workflows.deploy({ ...createDeploy(projectId, spec.workflowId), uses: [use, store] });
    assert.equal(await uses.countUnknown(projectId), 0);
    const other = (await workflows.create(projectId, "another")).workflow;
    await workflows.deploy({ ...createDeploy(projectId, other.id), uses: [use] });
    const first = await uses.list(projectId, target, { pageSize: 1 });
    assert.deepEqual(
      first.items.map(({ workflowName, live, draft: drafted }) => ({ workflowName, live, drafted })),
      [{ workflowName: "another", live: [use], drafted: [] }],
    );
    const { items } = await uses.list(projectId, target, { pageToken: first.nextPageToken });
    assert.deepEqual(
      items.map(({ workflowName }) => workflowName),
      ["pokemon"],
    );

    const { revision } = await type("os.environ['KEY']");
    await drafts.recordVariableUses(draft.id, revision - 1, [{ ...use, line: 9 }]);
    assert.deepEqual((await uses.list(projectId, target)).items[1]!.draft, [], "that was of what it is no more");
    await drafts.recordVariableUses(draft.id, revision, [{ ...use, line: 9 }]);
    await drafts.change(draft.workflowId, "users/ada", ({ body }) => ({ body, inputUses: [store] }));
    assert.deepEqual((await uses.list(projectId, target)).items[1]!.draft, [{ ...use, line: 9 }]);
    const stores = await uses.list(projectId, { kind: "store", name: "crm" });
    assert.deepEqual(stores.items[0]!.draft, [store]);
    const elsewhere = await record.projects.ensure("elsewhere");
    assert.deepEqual((await uses.list(elsewhere.id, target)).items, []);
    await workflows.delete(projectId, other.id);
    assert.equal((await uses.list(projectId, target)).items.length, 1, "what is deleted uses nothing");
  });
});

import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import type { Draft, DraftStep } from "../../api/generated/types.ts";
import { DraftSession } from "./draft-session.ts";

const STEP = "workflows/w/draft/steps/a";

/** A house with one draft of one step, as far as a session asks it. */
class House {
  revision = 1;
  code = "one";
  settings = "{}";
  author = "users/ada";
  down = false;
  readonly patches: string[] = [];
  /** Runs while a change is on its way. */
  meanwhile: () => void = () => undefined;

  step(): DraftStep {
    return { name: STEP, etag: this.code, displayName: "a", file: "a.py", code: this.code, optionsJson: "" };
  }

  draft(): Draft {
    const { author, settings } = this;
    return {
      name: "workflows/w/draft",
      etag: `r${this.revision}`,
      settingsJson: settings,
      steps: [this.step()],
      author,
    };
  }

  change(change: Partial<Pick<House, "code" | "settings">>): Draft {
    Object.assign(this, change, { revision: this.revision + 1 });
    return this.draft();
  }

  readonly fetch = async (url: string, { method, headers, body }: RequestInit): Promise<Response> => {
    if (this.down) throw new TypeError("no network");
    if (method === "GET") return Response.json(this.draft());
    const isStep = url.includes("/steps/");
    const etag = (headers as Record<string, string>)["if-match"];
    const sent = JSON.parse(body as string) as { step?: DraftStep; draft?: Draft };
    await Promise.resolve();
    if (etag !== `"${isStep ? this.code : `r${this.revision}`}"`) {
      const details = [{ reason: "ETAG_MISMATCH" }];
      return Response.json({ error: { message: "changed", details } }, { status: 412 });
    }
    this.patches.push(sent.step?.code ?? sent.draft?.settingsJson ?? "");
    this.change(isStep ? { code: sent.step!.code! } : { settings: sent.draft!.settingsJson! });
    const answer = isStep ? this.step() : this.draft();
    this.meanwhile();
    return Response.json(answer);
  };
}

let house: House;
let session: DraftSession;
beforeEach(() => {
  house = new House();
  mock.method(globalThis, "fetch", house.fetch as typeof fetch);
  session = new DraftSession("w", house.draft());
});
afterEach(() => {
  session.close();
  mock.restoreAll();
});

const code = () => session.view().steps[0]?.code;

test("what is typed is shown at once, and what is typed while it is saved is saved behind it", async () => {
  session.edit("a", { code: "two" });
  assert.deepEqual([code(), session.view().saveState], ["two", "unsaved"]);
  house.meanwhile = () => session.edit("a", { code: "three" });
  await session.flush();
  house.meanwhile = () => undefined;
  assert.deepEqual([code(), house.code], ["three", "two"]);
  await session.flush();
  assert.deepEqual([house.patches, session.view().saveState], [["two", "three"], "saved"]);
  session.take({ ...house.draft(), etag: "r2", steps: [{ ...house.step(), code: "two", etag: "two" }] });
  assert.equal(code(), "three", "what is late is not taken for news");
  assert.equal(session.view().news, "");
});

test("of two changes of one step the second is shown both, and either can be kept", async () => {
  session.edit("a", { code: "mine" });
  house.change({ code: "theirs" });
  await session.flush();
  const [collision] = session.view().collisions;
  assert.deepEqual([collision?.mine.code, collision?.theirs?.code, collision?.author], ["mine", "theirs", "users/ada"]);
  assert.equal(house.code, "theirs", "nothing is lost silently");
  await assert.rejects(session.ready(), /choose what holds first/);
  session.settle("a", "mine");
  await session.flush();
  assert.deepEqual([house.code, session.view().saveState], ["mine", "saved"]);

  session.edit("a", { code: "mine again" });
  session.take(house.change({ code: "theirs again" }));
  assert.equal(session.view().saveState, "conflict", "it is told at once, not when it is saved");
  session.settle("a", "theirs");
  assert.deepEqual([code(), session.view().saveState], ["theirs again", "saved"]);
});

test("the same change by two people is no collision", async () => {
  session.edit("a", { code: "same" });
  house.change({ code: "same" });
  await session.flush();
  assert.deepEqual([session.view().collisions, session.view().saveState], [[], "saved"]);
});

test("settings are saved although somebody has changed a step, and can be taken back", async () => {
  session.changeSettings("changing memory", '{"settings":{"memory":"1GiB"}}');
  house.change({ code: "theirs" });
  await session.flush();
  assert.deepEqual([house.settings, code()], ['{"settings":{"memory":"1GiB"}}', "theirs"]);
  assert.match(session.view().news, /^ada changed “a”/);
  await session.undo();
  await session.flush();
  assert.equal(house.settings, "{}");
});

test("what cannot be saved is kept, and saved when the house answers again", async () => {
  house.down = true;
  session.edit("a", { code: "typed in the train" });
  await session.flush();
  assert.deepEqual([code(), session.view().saveState], ["typed in the train", "offline"]);
  house.down = false;
  await session.flush();
  assert.deepEqual([house.code, session.view().saveState], ["typed in the train", "saved"]);
});

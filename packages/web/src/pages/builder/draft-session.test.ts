import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { sessionOver } from "../../api/connection.ts";
import type { Draft, DraftStep } from "../../api/generated/types.ts";
import { DraftSession } from "./draft-session.ts";

const STEP = "workflows/w/draft/steps/a";

/** A house with one draft of one step, as far as a session asks it. */
class House {
  revision = 1;
  code = "one";
  options = "";
  settings = "{}";
  author = "users/ada";
  down = false;
  signedOut = false;
  readonly patches: string[] = [];
  /** Runs while a change is on its way. */
  meanwhile: () => void = () => undefined;

  step(): DraftStep {
    return {
      name: STEP,
      etag: `${this.code}${this.options}`,
      displayName: "a",
      file: "a.py",
      code: this.code,
      optionsJson: this.options,
    };
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

  change(change: Partial<Pick<House, "code" | "options" | "settings">>): Draft {
    Object.assign(this, change, { revision: this.revision + 1 });
    return this.draft();
  }

  readonly fetch = async (url: string, { method, headers, body }: RequestInit): Promise<Response> => {
    if (this.down) throw new TypeError("no network");
    if (this.signedOut) return Response.json({ error: { message: "sign in" } }, { status: 401 });
    if (method === "GET") return Response.json(this.draft());
    const isStep = url.includes("/steps/");
    const etag = (headers as Record<string, string>)["if-match"];
    const sent = JSON.parse(body as string) as { step?: DraftStep; draft?: Draft };
    await Promise.resolve();
    if (etag !== `"${isStep ? this.step().etag : `r${this.revision}`}"`) {
      const details = [{ reason: "ETAG_MISMATCH" }];
      return Response.json({ error: { message: "changed", details } }, { status: 412 });
    }
    Object.assign(this, sent.step?.optionsJson !== undefined && { options: sent.step.optionsJson });
    this.patches.push(sent.step?.code ?? sent.draft?.settingsJson ?? "");
    this.change(isStep ? { code: sent.step!.code ?? this.code } : { settings: sent.draft!.settingsJson! });
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

test("changes of different parts of a step are no collision, and both hold", async () => {
  session.edit("a", { code: "mine" });
  session.take(house.change({ options: '{"timeout":"9s"}' }));
  assert.deepEqual([session.view().collisions, session.view().saveState], [[], "unsaved"]);
  await session.flush();
  assert.deepEqual([house.code, house.options, session.view().saveState], ["mine", '{"timeout":"9s"}', "saved"]);
});

test("whoever looks at a collision is shown what it becomes meanwhile", () => {
  session.edit("a", { code: "mine" });
  session.take(house.change({ code: "theirs" }));
  house.author = "users/bob";
  session.take({ ...house.change({ settings: '{"a":1}' }) });
  const [first] = session.view().collisions;
  assert.deepEqual(
    [first?.theirs?.code, first?.author, first?.again],
    ["theirs", "users/ada", 0],
    "the step is as it was",
  );
  session.take(house.change({ code: "theirs again" }));
  const [second] = session.view().collisions;
  assert.deepEqual([second?.theirs?.code, second?.author, second?.again], ["theirs again", "users/bob", 1]);
  session.take(house.change({ code: "one" }));
  assert.deepEqual(session.view().collisions, [], "what was taken back is none any more");
  assert.equal(code(), "mine");
});

test("who has to sign in again loses nothing, and it is saved then", async () => {
  house.signedOut = true;
  session.edit("a", { code: "typed too late" });
  await session.flush();
  assert.deepEqual([session.view().saveState, sessionOver.get(), session.canLeave()], ["signedOut", true, false]);
  await assert.rejects(session.ready(), /Sign in again/);
  house.signedOut = false;
  sessionOver.set(false);
  session.signedIn();
  await session.flush();
  assert.deepEqual([house.code, session.view().saveState], ["typed too late", "saved"]);
});

test("a field that is being filled in is not saved before it is taken over, which whoever runs the draft waits for", async () => {
  session.typing(() => {
    session.typing(undefined);
    session.edit("a", { code: "of the field" });
  });
  assert.equal(session.view().saveState, "unsaved");
  await session.ready();
  assert.deepEqual([house.code, session.view().saveState], ["of the field", "saved"]);
});

test("a page may be left when the rest can still be sent, and a closed one tries nothing again", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  session.edit("a", { code: "short" });
  assert.equal(session.canLeave(), true);
  session.edit("a", { code: "x".repeat(60_000) });
  assert.equal(session.canLeave(), false, "a browser lets no page that is left send so much");
  house.down = true;
  session.close();
  await session.flush();
  house.down = false;
  t.mock.timers.tick(10_000);
  assert.equal(house.code, "one", "what is left is the next page's to save");
  session.open();
  await session.flush();
  assert.equal(house.code.length, 60_000, "the next page saves it");
});

test("what cannot be done is said, and nothing that was typed goes with it", async () => {
  session.edit("a", { code: "kept" });
  house.down = true;
  await session.remove("a");
  assert.match(session.view().failure, /does not answer/);
  assert.equal(code(), "kept");
  session.dismissNews();
  assert.equal(session.view().failure, "");
});

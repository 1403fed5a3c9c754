import assert from "node:assert/strict";
import { test } from "node:test";
import { connectBus, openChannels, sharePrimary, type Bus, type PrimaryKnowledge } from "@millrace/bus";
import { startScratchNats } from "@millrace/testkit";
import { until } from "../harness/until.ts";

type Identity = PrimaryKnowledge["identity"];

/** What a process knows, as the record keeps it. */
class Knowledge implements PrimaryKnowledge {
  identity: Identity;
  readonly isGuarded: boolean;
  readonly #listeners: ((identity: Identity) => void)[] = [];

  constructor(generation: number, isGuarded = true) {
    this.identity = { generation, id: `server-${generation}` };
    this.isGuarded = isGuarded;
  }

  learn(identity: Identity): void {
    if (identity.generation <= this.identity.generation) return;
    this.identity = identity;
    for (const listener of this.#listeners) listener(identity);
  }

  onMoved(listener: (identity: Identity) => void): void {
    this.#listeners.push(listener);
  }
}

test("who finds a newer primary tells all others, and who comes back with an old one is told at once", async () => {
  const nats = await startScratchNats();
  const connect = (name: string): Promise<Bus> =>
    connectBus({ url: nats.url, user: nats.user, password: nats.password, name });
  const [one, two, three, silent] = await Promise.all(["one", "two", "three", "silent"].map(connect));
  const [first, second] = [new Knowledge(1), new Knowledge(1)];
  sharePrimary(openChannels(one!), first);
  sharePrimary(openChannels(two!), second);
  await Promise.all([one!.flush(), two!.flush()]);
  first.learn({ generation: 2, id: "promoted" });
  await until(() => second.identity.id === "promoted");

  const newcomer = new Knowledge(1);
  sharePrimary(openChannels(three!), newcomer);
  await until(() => newcomer.identity.id === "promoted");

  let heard = 0;
  openChannels(one!)
    .primaryFound()
    .listen(({ generation }) => void (heard += generation === 9 ? 1 : 0));
  await one!.flush();
  sharePrimary(openChannels(silent!), new Knowledge(9, false));
  first.learn({ generation: 3, id: "promoted-again" });
  await until(() => newcomer.identity.generation === 3);
  assert.equal(heard, 0, "a house with one server alone says nothing");
  await Promise.all([one, two, three, silent].map((bus) => bus!.drain(500)));
  await nats.stop();
});

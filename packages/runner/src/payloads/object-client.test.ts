import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, it } from "node:test";
import { PlatformError } from "@millrace/core";
import { control } from "@millrace/protocol";

import { ObjectClient } from "./object-client.ts";

const PAYLOAD = { use: control.ObjectUse.PAYLOAD, superseded: [] };
const lost = (): PlatformError => new PlatformError("Unavailable", "BUS_TIMEOUT", "no answer");

/** Gateways that keep objects in memory, lose every third message or its answer, and count what is on its way. */
class FlakyGateways {
  readonly pieces = new Map<string, Map<number, Buffer>>();
  readonly ends = new Map<string, control.ObjectEnd>();
  broken: PlatformError | undefined;
  largest = 0;
  together = 0;
  #underWay = 0;
  #count = 0;

  readonly client = new ObjectClient({
    read: { request: (request) => this.#flaky(() => this.#read(request)) },
    write: { request: (request) => this.#flaky(() => this.#write(request)) },
    messageBytesMax: () => 100_000,
    requestTimeoutMs: 1_000,
  });

  whole(objectId: string): Buffer {
    const pieces = [...(this.pieces.get(objectId) ?? [])].sort(([a], [b]) => a - b);
    return Buffer.concat(pieces.map(([, content]) => content));
  }

  async #flaky<T>(handle: () => T): Promise<T> {
    this.#underWay += 1;
    this.together = Math.max(this.together, this.#underWay);
    await new Promise((resolve) => setImmediate(resolve));
    this.#underWay -= 1;
    if (this.broken) throw this.broken;
    this.#count += 1;
    if (this.#count % 3 === 0) throw lost();
    const answer = handle();
    if (this.#count % 7 === 0) throw lost();
    return answer;
  }

  #read({ objectId, offset, length }: control.ReadObjectRequest): control.ReadObjectResponse {
    this.largest = Math.max(this.largest, length);
    return { content: this.whole(objectId).subarray(offset, offset + length), error: undefined };
  }

  #write({ objectId, position, content, end }: control.WriteObjectRequest): control.WriteObjectResponse {
    this.largest = Math.max(this.largest, content.length);
    const pieces = this.pieces.get(objectId) ?? new Map<number, Buffer>();
    this.pieces.set(objectId, pieces);
    if (end === undefined) pieces.set(position, Buffer.from(content));
    else this.ends.set(objectId, end);
    return { error: undefined };
  }
}

const asker = { runToken: "token", held: () => true };

describe("objects through gateways", () => {
  it("arrive whole though messages and answers are lost, in pieces that fit, a few at a time", async () => {
    const gateways = new FlakyGateways();
    const content = randomBytes(2_000_001);
    const reference = await gateways.client.write(content, PAYLOAD, asker);
    assert.ok(gateways.whole(reference.objectId).equals(content));
    assert.equal(gateways.ends.get(reference.objectId)?.size, content.length);
    assert.ok((await gateways.client.read(reference, asker)).equals(content));
    assert.ok(gateways.largest <= 100_000 - 8 * 1024, `pieces of ${gateways.largest} bytes`);
    assert.equal(gateways.together, 4);
  });

  it("are asked for as long as the run is here, however long gateways are away, and no longer", async () => {
    const gateways = new FlakyGateways();
    const reference = await gateways.client.write(randomBytes(1_000), PAYLOAD, asker);
    gateways.broken = lost();
    let held = true;
    const reading = gateways.client.read(reference, { runToken: "token", held: () => held });
    setTimeout(() => (held = false), 120);
    await assert.rejects(reading, { reason: "RUN_LEFT" });
    const patient = gateways.client.read(reference, asker);
    setTimeout(() => (gateways.broken = undefined), 120);
    assert.equal((await patient).length, 1_000);
  });

  it("that a gateway refuses for good are not asked for again", async () => {
    const gateways = new FlakyGateways();
    gateways.broken = new PlatformError("NotFound", "OBJECT_NOT_FOUND", "gone");
    const objectId = "0190a5c8-7d3e-4000-8000-00000000abcd";
    await assert.rejects(gateways.client.read({ objectId, size: 10_000_000 }, asker), { reason: "OBJECT_NOT_FOUND" });
    assert.equal(gateways.together, 4, "what was on its way when the first refusal came, and nothing behind it");
  });

  it("that end early are not taken for whole", async () => {
    const gateways = new FlakyGateways();
    const { objectId } = await gateways.client.write(randomBytes(1_000), PAYLOAD, asker);
    await assert.rejects(gateways.client.read({ objectId, size: 1_001 }, asker), { reason: "OBJECT_NOT_FOUND" });
  });
});

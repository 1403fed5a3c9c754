import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { closedVault, createVault, type SecretPlace } from "./vault.ts";

const OLD = "0a".repeat(32);
const NEW = "0b".repeat(32);
const place: SecretPlace = ["variable", "project", "TOKEN"];

describe("a vault", () => {
  it("gives back what was sealed, never as the same bytes twice, and shows nothing of it", () => {
    const vault = createVault(OLD);
    for (const text of ["", "geheim ü", "x".repeat(65_536)]) {
      const [first, second] = [vault.seal(place, text), vault.seal(place, text)];
      assert.equal(vault.open(place, first), text);
      assert.notDeepEqual(first, second);
      assert.ok(text.length < 4 || !first.includes(text));
    }
  });

  it("opens nothing at another place", () => {
    const vault = createVault(OLD);
    const sealed = vault.seal(place, "hush-hush");
    const others: SecretPlace[] = [
      ["variable", "project", "OTHER"],
      ["variable", "other", "TOKEN"],
      ["account", "project", "TOKEN"],
      ["variable", "project", 'TOKEN"', ""],
      ["variable", "projectTOKEN"],
    ];
    for (const other of others) assert.throws(() => vault.open(other, sealed), { reason: "SECRET_DAMAGED" });
  });

  it("notices every changed byte and every missing one", () => {
    const vault = createVault(OLD);
    const sealed = vault.seal(place, "hush-hush");
    for (let at = 9; at < sealed.length; at++) {
      const changed = Buffer.from(sealed);
      changed[at]! ^= 1;
      assert.throws(() => vault.open(place, changed), { reason: "SECRET_DAMAGED" }, `byte ${at}`);
      assert.throws(() => vault.open(place, sealed.subarray(0, at)), { reason: "SECRET_DAMAGED" }, `length ${at}`);
    }
  });

  it("seals under the first of its keys and opens under each of them", () => {
    const [before, both, after] = [createVault(OLD), createVault(`${NEW}, ${OLD}`), createVault(NEW)];
    const old = before.seal(place, "hush-hush");
    assert.equal(both.open(place, old), "hush-hush");
    const fresh = both.seal(place, "hush-hush");
    assert.equal(after.open(place, fresh), "hush-hush");
    assert.throws(() => after.open(place, old), { reason: "MASTER_KEY_UNKNOWN" });
    assert.throws(() => before.open(place, fresh), { reason: "MASTER_KEY_UNKNOWN" });
  });

  it("refuses keys that are none, and a process without one seals and opens nothing", () => {
    for (const bad of ["", "abc", `${OLD},`, "g".repeat(64)]) {
      assert.throws(() => createVault(bad), { reason: "MASTER_KEY_INVALID" });
    }
    assert.throws(() => closedVault.seal(place, "x"), { reason: "MASTER_KEY_MISSING" });
    assert.throws(() => closedVault.open(place, Buffer.alloc(40)), { reason: "MASTER_KEY_MISSING" });
  });
});

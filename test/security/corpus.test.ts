import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { scratchFolder } from "@millrace/testkit";
import { makeOtherUser, type OtherUser } from "../harness/other-user.ts";
import { HostileHouse } from "./hostile-house.ts";
import { readCorpus, type HostileStep } from "./read-corpus.ts";

/** One of each kind, for a run over everything; `MILLRACE_CORPUS=all` takes them all, as root a second time as another user. */
const SAMPLE: ReadonlySet<string> = new Set([
  "calls/methods_that_are_none",
  "channel/forged_end_of_run",
  "escape/control_groups",
  "exhaust/heap",
  "files/links_in_tmp",
  "interpreter/patched_builtins",
  "logs/secrets_in_pieces",
  "others/environment_of_the_platform",
  "others/kill_everything",
  "packages/pth_file",
]);

const wanted = process.env["MILLRACE_CORPUS"] ?? "sample";
const steps = readCorpus().filter(({ name }) => wanted === "all" || SAMPLE.has(name) || name.startsWith(`${wanted}`));

attack("as who runs the tests", () => undefined);
if (wanted === "all" && process.getuid?.() === 0) attack("as an ordinary user", otherUser);

function attack(who: string, user: () => OtherUser | undefined): void {
  describe(`hostile steps in a whole house, ${who}`, () => {
    let house: HostileHouse;
    before(async () => {
      house = await HostileHouse.start(user());
    });
    after(() => house?.stop());

    for (const step of steps) test(titleOf(step), () => house.run(step));
    test("the machine and the house are as they were", () => house.checkMachine());
  });
}

function titleOf({ name, tries }: HostileStep): string {
  return `${name}: ${tries}`;
}

function otherUser(): OtherUser {
  const scratch = scratchFolder();
  chmodSync(scratch, 0o711);
  const folder = mkdtempSync(join(scratch, "user-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const user = makeOtherUser(folder);
  if (user === undefined) throw new TypeError("there is no Python that another user could run");
  return user;
}

import { stepId } from "../../api/drafts.ts";
import type { Draft } from "../../api/generated/types.ts";
import { personOf } from "./author.ts";

/** What somebody else has done, for people; empty for nothing that shows. */
export function newsOf(before: Draft, after: Draft): string {
  const who = personOf(after.author);
  const old = new Map((before.steps ?? []).map((step) => [stepId(step), step]));
  const now = new Map((after.steps ?? []).map((step) => [stepId(step), step]));
  const changed = [...now].filter(([id, { etag }]) => old.has(id) && old.get(id)!.etag !== etag);
  const said = [
    ...changed.map(([, { displayName }]) => `changed “${displayName}”`),
    ...[...now].filter(([id]) => !old.has(id)).map(([, { displayName }]) => `added “${displayName}”`),
    ...[...old].filter(([id]) => !now.has(id)).map(([, { displayName }]) => `removed “${displayName}”`),
    ...(before.settingsJson === after.settingsJson ? [] : ["changed the settings"]),
    ...([...old.keys()].filter((id) => now.has(id)).join() === [...now.keys()].filter((id) => old.has(id)).join()
      ? []
      : ["moved steps"]),
    ...(before.liveVersion === after.liveVersion ? [] : [`deployed version ${after.liveVersion}`]),
  ];
  return said.length === 0 ? "" : `${who} ${said.join(", ")}.`;
}

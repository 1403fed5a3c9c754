import { FILE_PATH, type FileTokens, type ObjectGrant } from "./file-token.ts";

const TOKEN_IN_TEXT = new RegExp(`${FILE_PATH}([A-Za-z0-9_-]+\\.[A-Za-z0-9_-]{32})(?![A-Za-z0-9_-])`, "g");

/**
 * What of the project's the addresses in an event show, each object once. Whoever wrote the event may have made some up, or found them
 * elsewhere.
 *
 * @param most so many, and no more
 */
export function filesIn(tokens: FileTokens, eventJson: Uint8Array, projectId: string, most: number): ObjectGrant[] {
  const found = new Map<string, ObjectGrant>();
  const text = Buffer.from(eventJson.buffer, eventJson.byteOffset, eventJson.byteLength);
  if (!text.includes(FILE_PATH)) return [];
  for (const [, token] of text.toString("latin1").matchAll(TOKEN_IN_TEXT)) {
    const grant = tokens.find(token!);
    if (grant?.kind === "object" && grant.projectId === projectId) found.set(grant.objectId, grant);
    if (found.size >= most) break;
  }
  return [...found.values()];
}

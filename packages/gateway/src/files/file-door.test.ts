import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, it } from "node:test";
import { PlatformError } from "@millrace/core";
import type { Logger } from "@millrace/telemetry";
import { FileDoor } from "./file-door.ts";
import { FILE_PATH, FileTokens } from "./file-token.ts";

describe("FileDoor", () => {
  it("cuts a download whose content cannot be read to its end, and says why in the log", async () => {
    const logged: unknown[] = [];
    const log = {
      warn: (event: string, { reason }: { reason: string }) => void logged.push([event, reason]),
    } as Partial<Logger> as Logger;
    const tokens = new FileTokens(Buffer.alloc(32));
    const content = { objectId: "o", size: 10, contentType: "text/plain", filename: "a.txt" };
    const door = new FileDoor({
      objects: {
        get: () => Promise.resolve({ id: "o", projectId: "p", size: 10, sha256: "", createTimeMs: 0 }),
        async *read() {
          yield Buffer.from("half");
          throw new PlatformError("Unavailable", "DATABASE_UNAVAILABLE", "away");
        },
      },
      files: { get: () => Promise.reject(new PlatformError("NotFound", "FILE_NOT_FOUND", "none")) },
      ...{ tokens, downloadsMax: 1, stallMs: 10_000, log },
    });
    const path = `${FILE_PATH}${tokens.sign({ kind: "object", projectId: "p", ...content, expiresAtMs: undefined })}`;
    const server = createServer((request, response) => void door.handle(request, response, path));
    await once(server.listen(0, "127.0.0.1"), "listening");
    try {
      const answer = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
      assert.equal(answer.headers.get("content-security-policy"), "sandbox");
      await assert.rejects(answer.text());
      assert.deepEqual(logged, [["file.cut", "DATABASE_UNAVAILABLE"]]);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, it } from "node:test";
import type { Logger } from "@millrace/telemetry";
import type { AccountAuthorizer } from "../accounts/account-authorizer.ts";
import { OauthDoor } from "./oauth-door.ts";
import { parseTarget } from "./parse-target.ts";

const provider = "https://provider.example/authorize?state=x";
const authorizer = {
  redirectUri: "https://house.example/oauth/callback",
  pending: () => Promise.resolve({ account: "team", app: "App", url: provider, proof: "p" }),
} as Partial<AccountAuthorizer> as AccountAuthorizer;
const log = { warn: () => undefined } as Partial<Logger> as Logger;

describe("OauthDoor", () => {
  it("lets nobody but its own page press its button", async () => {
    const door = new OauthDoor(authorizer, log);
    const server = createServer((request, response) => {
      void door.handle(request, response, parseTarget(request.url ?? ""));
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
    const { port } = server.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}/oauth/start?state=${"a".repeat(43)}`;
    const press = async (site: string): Promise<(string | number | null)[]> => {
      const headers = { "sec-fetch-site": site };
      const answer = await fetch(url, { method: "POST", redirect: "manual", headers });
      return [answer.status, answer.headers.get("location"), answer.headers.get("set-cookie")?.split("=")[0] ?? null];
    };
    try {
      assert.equal((await fetch(url)).status, 200);
      assert.deepEqual(await press("same-origin"), [303, provider, "millrace_oauth"]);
      for (const site of ["cross-site", "same-site"]) assert.deepEqual(await press(site), [403, null, null]);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});

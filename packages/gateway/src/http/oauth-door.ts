import type { IncomingMessage, ServerResponse } from "node:http";
import { coerceError } from "@millrace/core";
import type { Logger } from "@millrace/telemetry";
import type { AccountAuthorizer } from "../accounts/account-authorizer.ts";
import { escapeHtml, housePage } from "./house-page.ts";
import { publicMessage, type HttpAnswer } from "./http-answer.ts";
import type { RequestTarget } from "./parse-target.ts";
import { writeAnswer } from "./write-answer.ts";

const COOKIE = "millrace_oauth";
const STATE = /^[A-Za-z0-9_-]{43}$/;
const CODE_LENGTH_MAX = 4_096;

const OVER = "This link does not work any more, or it was opened in another browser. Begin again.";
const FOREIGN = "Another page has sent you here. Open the link that you were given, and go on from there.";

/** The pages of OAuth: one before the provider's, one after it. */
export class OauthDoor {
  readonly #authorizer: AccountAuthorizer;
  readonly #log: Logger;

  constructor(authorizer: AccountAuthorizer, log: Logger) {
    this.#authorizer = authorizer;
    this.#log = log;
  }

  /** True for what is below `/oauth/`. */
  takes(path: string): boolean {
    return path.startsWith("/oauth/");
  }

  /** Answers a request to one of the pages. */
  async handle(request: IncomingMessage, response: ServerResponse, target: RequestTarget): Promise<void> {
    request.resume();
    writeAnswer(request, response, await this.#answer(request, target));
  }

  async #answer(request: IncomingMessage, { path, query }: RequestTarget): Promise<HttpAnswer> {
    const parameters = new URLSearchParams(query.slice(0, 2 * CODE_LENGTH_MAX));
    const state = parameters.get("state") ?? "";
    try {
      if (!STATE.test(state)) return page(400, OVER);
      if (path === "/oauth/start" && request.method === "GET") return await this.#ask(state);
      if (path === "/oauth/start" && request.method === "POST") {
        return isFromElsewhere(request) ? page(403, FOREIGN) : await this.#send(state);
      }
      if (path === "/oauth/callback" && request.method === "GET") {
        return await this.#finish(state, cookieOf(request), parameters);
      }
      return page(404, "There is nothing here.");
    } catch (thrown) {
      const error = coerceError(thrown);
      this.#log.warn("oauth.failed", { reason: error.reason, error });
      const status = error.kind === "Unavailable" ? 503 : 400;
      return page(error.kind === "Internal" ? 500 : status, publicMessage(error));
    }
  }

  /** Opening a link connects nothing: link previews do that too, and whoever follows one should know what it is. */
  async #ask(state: string): Promise<HttpAnswer> {
    const pending = await this.#authorizer.pending(state);
    if (pending === undefined) return page(400, OVER);
    const { app, account, url } = pending;
    const text = `This house wants to use your ${app} account as "${account}". Go on only if you have just asked for it.`;
    const form = `<form method="post" action="/oauth/start?state=${state}"><button>Go on to ${escapeHtml(app)}</button></form>`;
    return page(200, text, form, new URL(url).origin);
  }

  async #send(state: string): Promise<HttpAnswer> {
    const pending = await this.#authorizer.pending(state);
    if (pending === undefined) return page(400, OVER);
    const secure = this.#authorizer.redirectUri.startsWith("https:") ? "; Secure" : "";
    const cookie = `${COOKIE}=${pending.proof}; Path=/oauth/; HttpOnly; SameSite=Lax; Max-Age=86400${secure}`;
    const answer = page(303, "Go on to the provider.", "", new URL(pending.url).origin);
    return { ...answer, headers: [...answer.headers, "location", pending.url, "set-cookie", cookie] };
  }

  async #finish(state: string, proof: string | undefined, parameters: URLSearchParams): Promise<HttpAnswer> {
    const said = { code: parameters.get("code") ?? undefined, error: parameters.get("error") ?? undefined };
    const finished = await this.#authorizer.finish(state, proof, said);
    if (finished === undefined) return page(400, OVER);
    const { account, problem } = finished;
    if (problem !== "") return page(400, `"${account}" is not connected: ${problem}.`);
    return page(200, `"${account}" is connected. You can close this page.`);
  }
}

/** A page elsewhere that presses the button for a person: browsers say so where the house has TLS, or is on this machine. */
function isFromElsewhere({ headers }: IncomingMessage): boolean {
  const site = headers["sec-fetch-site"];
  return site !== undefined && site !== "same-origin";
}

function cookieOf({ headers }: IncomingMessage): string | undefined {
  const found = (headers.cookie ?? "").split(/; */).find((part) => part.startsWith(`${COOKIE}=`));
  return found?.slice(COOKIE.length + 1);
}

function page(status: number, text: string, html = "", formTarget = ""): HttpAnswer {
  return housePage(status, { text, html, formTarget });
}

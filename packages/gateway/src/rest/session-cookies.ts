import type { IncomingMessage } from "node:http";
import { PlatformError } from "@millrace/core";

/** A custom header: a page of another origin cannot send it without being asked first, and is refused then. */
export const CSRF_HEADER = "x-millrace-csrf";

const SECURE_NAME = "__Host-millrace_session";
const PLAIN_NAME = "millrace_session";
const SAFE = new Set(["GET", "HEAD", "OPTIONS"]);
const SERVICE = "/millrace.api.v1.SessionService/";

/** A session as the methods that begin or end one answer it. */
interface SessionAnswer {
  readonly sessionToken?: string;
}

/** Keeps the token of a session in a cookie that no script can read, and lets no other site use it. */
export class SessionCookies {
  readonly #publicUrl: () => string;
  readonly #lifeS: number;

  constructor(publicUrl: () => string, lifeS: number) {
    this.#publicUrl = publicUrl;
    this.#lifeS = lifeS;
  }

  /** The token in a request's cookie. */
  tokenOf({ headers }: IncomingMessage): string | undefined {
    const prefix = `${this.#name()}=`;
    const found = (headers.cookie ?? "").split(/; */).find((part) => part.startsWith(prefix));
    return found?.slice(prefix.length);
  }

  /**
   * Refuses calls that a page of another site could have made: every call that a browser marks as such, and changes without
   * the custom header. Throws `CROSS_SITE`.
   */
  assertSameSite(request: IncomingMessage): void {
    const { "sec-fetch-site": site, origin, host } = request.headers;
    const isOwn = site === undefined || site === "same-origin" || (site === "none" && SAFE.has(request.method ?? ""));
    if (!isOwn || (origin !== undefined && !this.#isOwnOrigin(origin, host))) {
      throw crossSite("a page of another origin has made this call");
    }
    if (!SAFE.has(request.method ?? "") && request.headers[CSRF_HEADER] === undefined) {
      throw crossSite(`a call with a cookie that changes something wants the header ${CSRF_HEADER}: 1`);
    }
  }

  /** Moves the token of an answer into a cookie; a call that ended the session removes the cookie. */
  afterCall(method: string, message: unknown): { message: unknown; setCookie: string | undefined } {
    if (!method.startsWith(SERVICE)) return { message, setCookie: undefined };
    const { sessionToken } = message as SessionAnswer;
    if (sessionToken !== undefined && sessionToken !== "") {
      return {
        message: { ...(message as object), sessionToken: "" },
        setCookie: this.#cookie(sessionToken, this.#lifeS),
      };
    }
    return { message, setCookie: method === `${SERVICE}SignOut` ? this.#cookie("", 0) : undefined };
  }

  #cookie(value: string, maxAgeS: number): string {
    const secure = this.#isSecure() ? "; Secure" : "";
    return `${this.#name()}=${value}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${maxAgeS}${secure}`;
  }

  #name(): string {
    return this.#isSecure() ? SECURE_NAME : PLAIN_NAME;
  }

  #isSecure(): boolean {
    return this.#publicUrl().startsWith("https:");
  }

  /** The house under its public address, or under the one that the request was sent to. */
  #isOwnOrigin(origin: string, host: string | undefined): boolean {
    return origin === new URL(this.#publicUrl()).origin || origin === `http://${host}` || origin === `https://${host}`;
  }
}

function crossSite(message: string): PlatformError {
  return new PlatformError("PermissionDenied", "CROSS_SITE", message);
}

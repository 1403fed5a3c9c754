import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { join } from "node:path";
import type { Logger } from "@millrace/telemetry";
import { errorAnswer, type HttpAnswer } from "./http-answer.ts";
import { startPage } from "./start-page.ts";

/** Stands in the built page where each answer has a nonce of its own. */
const NONCE = /MILLRACE_NONCE/g;
/** A file of the app, nothing else: no folder but one, no dot in front. */
const FILE = /^\/(assets\/)?[A-Za-z0-9_-][A-Za-z0-9_.-]{0,120}$/;
const TYPES: Readonly<Record<string, string>> = {
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
  woff2: "font/woff2",
};
const ENCODINGS = [
  ["br", ".br"],
  ["gzip", ".gz"],
] as const;

/** What keeps an answer from being more than it is, whatever it holds. */
const GUARDS = [
  ...["x-content-type-options", "nosniff", "referrer-policy", "same-origin"],
  ...["cross-origin-resource-policy", "same-origin"],
];

/**
 * Serves the built web app. Its pages are one document whose policy lets nothing run but what carries the nonce of that very
 * answer: answers of workflows come from the same host and must not become script of the app.
 */
export class WebApp {
  readonly #folder: string | undefined;
  readonly #log: Logger;

  constructor(folder: string | undefined, log: Logger) {
    this.#folder = folder;
    this.#log = log;
  }

  /** The answer to a request that no other door takes; undefined when it is not for the app either. */
  async answer(request: IncomingMessage, path: string): Promise<HttpAnswer | undefined> {
    if (request.method !== "GET" && request.method !== "HEAD") return undefined;
    const [, extension] = /\.([a-z0-9]+)$/.exec(path) ?? [];
    const type = TYPES[extension ?? ""];
    if (type !== undefined && FILE.test(path)) return this.#file(request, path, type);
    const wantsPage = path === "/" || (request.headers.accept ?? "").includes("text/html");
    return wantsPage ? this.#page() : undefined;
  }

  async #file(request: IncomingMessage, path: string, type: string): Promise<HttpAnswer | undefined> {
    if (this.#folder === undefined) return undefined;
    const accepted = String(request.headers["accept-encoding"] ?? "");
    const cache = path.startsWith("/assets/") ? "public, max-age=31536000, immutable" : "no-cache";
    const headers = ["content-type", type, "cache-control", cache, "vary", "accept-encoding", ...GUARDS];
    for (const [encoding, suffix] of ENCODINGS) {
      if (!accepted.includes(encoding)) continue;
      const packed = await read(join(this.#folder, path + suffix));
      if (packed !== undefined)
        return { status: 200, headers: [...headers, "content-encoding", encoding], body: packed };
    }
    const body = await read(join(this.#folder, path));
    if (body !== undefined) return { status: 200, headers, body };
    return errorAnswer(404, "NOT_FOUND", "the web app has no such file; it may have been updated: load the page again");
  }

  async #page(): Promise<HttpAnswer> {
    if (this.#folder === undefined) return startPage();
    const page = await read(join(this.#folder, "index.html"));
    if (page === undefined) {
      this.#log.warn("web.missing", { folder: this.#folder });
      return startPage();
    }
    const nonce = randomBytes(16).toString("base64url");
    const policy = [
      "default-src 'none'",
      `script-src 'nonce-${nonce}' 'strict-dynamic'`,
      `style-src 'self' 'nonce-${nonce}'`,
      "img-src 'self' data:",
      "font-src 'self'",
      "connect-src 'self'",
      "form-action 'self'",
      "base-uri 'none'",
      "frame-ancestors 'none'",
    ];
    const headers = [
      ...["content-type", "text/html; charset=utf-8", "cache-control", "no-store", ...GUARDS],
      ...["content-security-policy", policy.join("; ")],
      // A popup in which an account is connected tells its opener how that went.
      ...["cross-origin-opener-policy", "same-origin-allow-popups", "x-frame-options", "DENY"],
      ...["permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"],
    ];
    return { status: 200, headers, body: Buffer.from(page.toString("utf8").replace(NONCE, nonce)) };
  }
}

async function read(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw thrown;
  }
}

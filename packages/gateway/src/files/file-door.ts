import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { coerceError, PlatformError } from "@millrace/core";
import type { ByteRange, Files, Objects } from "@millrace/store";
import type { Logger } from "@millrace/telemetry";
import { answerHeaders } from "../http/answer-headers.ts";
import { errorAnswer, platformAnswer } from "../http/http-answer.ts";
import { httpStatusOf } from "../http/http-status.ts";
import { writeAnswer } from "../http/write-answer.ts";
import { FILE_PATH, type FileGrant, type FileTokens } from "./file-token.ts";
import { parseRange } from "./parse-range.ts";

export interface FileDoorOptions {
  readonly objects: Pick<Objects, "get" | "read">;
  readonly files: Pick<Files, "get">;
  readonly tokens: FileTokens;
  /** Downloads at the same time. */
  readonly downloadsMax: number;
  /** A client that takes nothing for so long is given up. */
  readonly stallMs: number;
  readonly log: Logger;
}

/** A content as a client gets it. */
interface Content {
  readonly objectId: string;
  readonly size: number;
  readonly contentType: string;
  readonly filename: string;
}

/** Answers signed addresses, `/f/<token>`: uploads and files of file stores, whole or in ranges. */
export class FileDoor {
  readonly #options: FileDoorOptions;
  #open = 0;

  constructor(options: FileDoorOptions) {
    this.#options = options;
  }

  /** True for a path that is this door's. */
  takes(path: string): boolean {
    return path.startsWith(FILE_PATH);
  }

  /** Handles one request to its end; never throws. */
  async handle(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    request.resume();
    if (request.method !== "GET" && request.method !== "HEAD") {
      const refusal = errorAnswer(405, "METHOD_NOT_ALLOWED", "a file can be read with GET and HEAD alone");
      return writeAnswer(request, response, { ...refusal, headers: [...refusal.headers, "allow", "GET, HEAD"] });
    }
    try {
      const grant = this.#options.tokens.verify(path.slice(FILE_PATH.length), Date.now());
      await this.#send(request, response, await this.#find(grant));
    } catch (thrown) {
      const error = coerceError(thrown);
      if (error.kind === "Internal") this.#options.log.error("file.failed", { error });
      if (response.headersSent) {
        // The client sees that it is cut; why is known here alone.
        this.#options.log.warn("file.cut", { reason: error.reason, error });
        response.destroy();
      } else writeAnswer(request, response, platformAnswer(error, httpStatusOf(error)));
    }
  }

  async #find(grant: FileGrant): Promise<Content> {
    const { objects, files } = this.#options;
    if (grant.kind === "object") {
      const { size } = await objects.get(grant.projectId, grant.objectId);
      return { ...grant, size };
    }
    const { objectId, size, contentType } = await files.get(grant.projectId, grant.path);
    return { objectId, size, contentType, filename: grant.path.slice(grant.path.lastIndexOf("/") + 1) };
  }

  async #send(request: IncomingMessage, response: ServerResponse, content: Content): Promise<void> {
    const etag = `"${content.objectId}"`;
    const headers = contentHeaders(content, etag);
    if (request.headers["if-none-match"] === etag) {
      response.writeHead(304, headers);
      response.end();
      return;
    }
    const ifRange = request.headers["if-range"];
    const isSame = ifRange === undefined || ifRange === etag;
    const range = parseRange(isSame ? request.headers.range : undefined, content.size);
    if (range === "UNSATISFIABLE") {
      response.writeHead(416, [...headers, "content-range", `bytes */${content.size}`, "content-length", "0"]);
      response.end();
      return;
    }
    const wanted = range === "WHOLE" ? { start: 0, end: content.size } : range;
    const length = ["content-length", String(wanted.end - wanted.start)];
    const part = range === "WHOLE" ? [] : ["content-range", `bytes ${wanted.start}-${wanted.end - 1}/${content.size}`];
    const head = (): void => void response.writeHead(part.length > 0 ? 206 : 200, [...headers, ...length, ...part]);
    if (request.method === "HEAD") {
      head();
      response.end();
      return;
    }
    await this.#stream(response, content.objectId, wanted, head);
  }

  async #stream(response: ServerResponse, objectId: string, range: ByteRange, head: () => void): Promise<void> {
    const { downloadsMax, stallMs, objects } = this.#options;
    if (this.#open >= downloadsMax) {
      const message = "too many files are being read from this gateway; try again";
      throw new PlatformError("ResourceExhausted", "GATEWAY_BUSY", message);
    }
    this.#open++;
    response.setTimeout(stallMs, () => response.destroy());
    try {
      head();
      await pipeline(Readable.from(objects.read(objectId, range), { highWaterMark: 1 }), response);
    } catch (thrown) {
      // A client that leaves is no failure.
      if (!response.destroyed || thrown instanceof PlatformError) throw thrown;
    } finally {
      this.#open--;
    }
  }
}

/** A link is whoever's has it, so it must not leak: no cache keeps the content for others, no link in it tells the address. */
function contentHeaders({ contentType, filename }: Content, etag: string): string[] {
  const name = filename === "" ? "" : `; filename*=UTF-8''${encodeURIComponent(filename).replace(/['()*]/g, percent)}`;
  return answerHeaders(
    [
      { name: "content-type", value: contentType },
      { name: "content-disposition", value: `inline${name}` },
      { name: "accept-ranges", value: "bytes" },
      { name: "etag", value: etag },
      { name: "cache-control", value: "private, no-cache" },
      { name: "referrer-policy", value: "no-referrer" },
    ],
    undefined,
  );
}

function percent(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}

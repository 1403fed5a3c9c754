import type { IncomingMessage, ServerResponse } from "node:http";
import { PlatformError } from "@millrace/core";
import { DATA_HEADERS } from "./rest-answer.ts";
import { drained } from "./event-stream.ts";

/** Pieces of a file that is sent: the first one may say what it is. */
interface ContentMessage {
  readonly file?: { readonly name: string; readonly size: number; readonly contentType: string } | undefined;
  readonly data?: Uint8Array;
  readonly content?: Uint8Array;
}

const TYPE_DEFAULT = "application/octet-stream";

/** One message of an upload; the first says what it is of: a file, or whatever has that name. */
interface UploadMessage {
  readonly file: object | undefined;
  readonly name: string;
  readonly data: Uint8Array;
  readonly last: boolean;
}

const NO_DATA = new Uint8Array(0);

/** The messages of an upload: what it is of, then the bytes as they arrive, then the end. */
export async function* uploadMessages(
  request: IncomingMessage,
  fields: ReadonlyMap<string, string>,
): AsyncGenerator<UploadMessage> {
  const contentType = request.headers["content-type"] ?? TYPE_DEFAULT;
  const path = fields.get("file.name");
  const file = path === undefined ? undefined : { name: path, contentType, size: 0, directory: false };
  yield { file, name: fields.get("name") ?? "", data: NO_DATA, last: false };
  try {
    for await (const data of request) yield { file: undefined, name: "", data: data as Buffer, last: false };
  } catch (cause) {
    throw new PlatformError("Cancelled", "REQUEST_ABORTED", "the client left before its upload was complete", {
      cause,
    });
  }
  yield { file: undefined, name: "", data: NO_DATA, last: true };
}

/** Sends the bytes of a stream of pieces as they come, as something to keep: never as a page of this house. */
export async function writeContent(
  response: ServerResponse,
  messages: AsyncIterable<ContentMessage>,
  options: { headers: readonly string[]; isHead: boolean; stallMs: number; signal: AbortSignal },
): Promise<void> {
  let opened = false;
  for await (const { file, data, content } of messages) {
    if (options.signal.aborted) return;
    if (!opened) response.writeHead(200, [...DATA_HEADERS, ...contentHeaders(file), ...options.headers]);
    opened = true;
    if (options.isHead) break;
    const bytes = data ?? content;
    if (bytes === undefined || bytes.length === 0) continue;
    if (!response.write(bytes)) await drained(response, options.signal, options.stallMs);
  }
  if (!opened) response.writeHead(200, [...DATA_HEADERS, ...contentHeaders(undefined), ...options.headers]);
  response.end();
}

function contentHeaders(file: ContentMessage["file"]): string[] {
  if (file === undefined) return ["content-type", TYPE_DEFAULT, "content-disposition", "attachment"];
  const name = encodeURIComponent(file.name.split("/").at(-1) ?? "").replace(/['()*]/g, escapeMark);
  return [
    ...["content-type", file.contentType === "" ? TYPE_DEFAULT : file.contentType],
    ...["content-length", String(file.size), "content-disposition", `attachment; filename*=UTF-8''${name}`],
  ];
}

function escapeMark(mark: string): string {
  return `%${mark.charCodeAt(0).toString(16).toUpperCase()}`;
}

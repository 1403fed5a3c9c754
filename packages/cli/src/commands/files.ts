import { createReadStream, createWriteStream } from "node:fs";
import { rename, rm, stat } from "node:fs/promises";
import { basename } from "node:path";
import { pipeline } from "node:stream/promises";
import { coerceError, PlatformError } from "@millrace/core";
import type { fileApi } from "@millrace/protocol";
import { withHouse, type CommandContext, type CommandResult } from "../command-context.ts";
import { timeText } from "../output/run-document.ts";
import { timeCell } from "../output/run-text.ts";
import { sanitizeLine } from "../output/sanitize.ts";
import { table } from "../output/table.ts";

const PREFIX = "files/";
const PAGE_SIZE = 1_000;
const PIECE_BYTES = 256 * 1024;
/** Stands for stdin and stdout. */
const STANDARD = "-";

export interface FilesListOptions {
  readonly recursive: boolean;
  readonly limit: number;
}

/** Lists a directory of the project's file store. */
export function filesList(
  context: CommandContext,
  directory: string,
  { recursive, limit }: FilesListOptions,
): Promise<CommandResult> {
  return withHouse(context, async (client) => {
    const found: fileApi.File[] = [];
    let pageToken = "";
    do {
      const pageSize = Math.min(PAGE_SIZE, limit - found.length);
      const page = await client.files.listFiles({ directory, recursive, pageSize, pageToken });
      found.push(...page.files);
      pageToken = page.nextPageToken;
    } while (pageToken !== "" && found.length < limit);
    return { json: found.map(fileDocument), text: filesText(found) };
  });
}

function filesText(files: readonly fileApi.File[]): string {
  if (files.length === 0) return 'No files. "millrace files put <file> <path>" stores one.';
  const rows = files.map((file) => [
    pathOf(file),
    file.directory ? "" : String(file.size),
    file.contentType,
    file.directory ? "" : timeCell(file.updateTime),
  ]);
  return table(["PATH", "BYTES", "TYPE", "WRITTEN"], rows);
}

/** Copies a file of the store to this machine, or to stdout. */
export function filesGet(context: CommandContext, path: string, target: string | undefined): Promise<CommandResult> {
  return withHouse(context, async (client) => {
    const messages = client.files.downloadFile({ name: PREFIX + path })[Symbol.asyncIterator]();
    const first = await messages.next();
    const file = first.done === true ? undefined : first.value.file;
    if (file === undefined) throw new PlatformError("Internal", "EMPTY_ANSWER", "the house has sent no file");
    const content = dataOf(messages);
    const to = target ?? basename(pathOf(file));
    if (to === STANDARD) {
      if (context.json) throw new PlatformError("InvalidArgument", "USAGE", "with --json, give a file to write to");
      await pipeline(content, process.stdout, { end: false });
      return {};
    }
    await writeWhole(to, content);
    return { json: { ...fileDocument(file), file: to }, text: `${sanitizeLine(pathOf(file))} is in ${to}` };
  });
}

async function* dataOf(messages: AsyncIterator<fileApi.DownloadFileResponse>): AsyncGenerator<Uint8Array> {
  for (let next = await messages.next(); next.done !== true; next = await messages.next()) yield next.value.data;
}

/** A download that breaks off leaves what was there before. */
export async function writeWhole(path: string, content: AsyncIterable<Uint8Array>, mode = 0o666): Promise<void> {
  const partial = `${path}.${process.pid}.part`;
  try {
    await pipeline(content, createWriteStream(partial, { flags: "wx", mode, flush: true }));
    await rename(partial, path);
  } catch (thrown) {
    await rm(partial, { force: true });
    throw isSystemError(thrown) ? fileError(path, thrown) : thrown;
  }
}

/** Stores a file of this machine, or stdin. */
export function filesPut(
  context: CommandContext,
  source: string,
  path: string | undefined,
  options: { readonly type: string },
): Promise<CommandResult> {
  return withHouse(context, async (client) => {
    if (source === STANDARD && path === undefined) {
      throw new PlatformError("InvalidArgument", "USAGE", "say under which path stdin is stored");
    }
    if (source !== STANDARD) await checkReadable(source);
    const stream = source === STANDARD ? process.stdin : createReadStream(source, { highWaterMark: PIECE_BYTES });
    const name = PREFIX + (path ?? basename(source));
    const saved = await client.files.uploadFile(uploadOf({ name, contentType: options.type }, stream));
    return { json: fileDocument(saved), text: `${sanitizeLine(pathOf(saved))} is stored, ${saved.size} bytes` };
  });
}

async function* uploadOf(
  { name, contentType }: Pick<fileApi.File, "name" | "contentType">,
  content: AsyncIterable<unknown>,
): AsyncGenerator<fileApi.UploadFileRequest> {
  const file = { name, contentType, size: 0, createTime: undefined, updateTime: undefined, directory: false };
  yield { file, data: Buffer.alloc(0), last: false };
  for await (const piece of content) yield { file: undefined, data: piece as Buffer, last: false };
  yield { file: undefined, data: Buffer.alloc(0), last: true };
}

async function checkReadable(source: string): Promise<void> {
  const found = await stat(source).catch((thrown: unknown) => Promise.reject(fileError(source, thrown)));
  if (found.isDirectory()) throw new PlatformError("InvalidArgument", "NOT_A_FILE", `${source} is a folder`);
}

/** Deletes a file of the store. */
export function filesDelete(context: CommandContext, path: string): Promise<CommandResult> {
  return withHouse(context, async (client) => {
    await client.files.deleteFile({ name: PREFIX + path });
    return { json: { deleted: path }, text: `${sanitizeLine(path)} is deleted` };
  });
}

/** Makes an address under which whoever has it can read a file for a while. */
export function filesUrl(
  context: CommandContext,
  path: string,
  { lifeMs }: { readonly lifeMs: number | undefined },
): Promise<CommandResult> {
  return withHouse(context, async (client) => {
    const ttl = lifeMs === undefined ? undefined : { seconds: Math.floor(lifeMs / 1000), nanos: (lifeMs % 1000) * 1e6 };
    const { url, expireTime } = await client.files.createFileLink({ name: PREFIX + path, ttl });
    return { json: { url, expireTime: timeText(expireTime) }, text: url };
  });
}

function fileDocument(file: fileApi.File): object {
  const { size, contentType, createTime, updateTime, directory } = file;
  if (directory) return { path: pathOf(file), directory };
  const times = { createTime: timeText(createTime), updateTime: timeText(updateTime) };
  return { path: pathOf(file), directory, size, contentType, ...times };
}

function pathOf({ name }: fileApi.File): string {
  return name.slice(PREFIX.length);
}

function isSystemError(thrown: unknown): boolean {
  return thrown instanceof Error && "syscall" in thrown;
}

function fileError(path: string, thrown: unknown): PlatformError {
  const isMissing = thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT";
  const message = `${path} cannot be used: ${coerceError(thrown).message}`;
  return new PlatformError("InvalidArgument", isMissing ? "NO_SUCH_FILE" : "FILE_FAILED", message, { cause: thrown });
}

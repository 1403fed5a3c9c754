import { coerceError, parseDirectoryPath, PlatformError } from "@millrace/core";
import type { fileApi } from "@millrace/protocol";
import type { FileEntry, FileRecord, Files, Objects } from "@millrace/store";
import { checkContentType, LINK_LIFE_DEFAULT_MS, type FileStoreLimits } from "../files/file-store.ts";
import { FILE_PATH, type FileTokens } from "../files/file-token.ts";
import type { ApiContext } from "./api-caller.ts";
import { pageSizeOf } from "./paging.ts";
import { parseFileName } from "./resource-names.ts";

const PAGE = { fallback: 100, max: 1000 };
const NAME_PREFIX = "files/";
const LINK_LIFE_MIN_MS = 1_000;
const LINK_LIFE_MAX_MS = 7 * 86_400_000;

export interface FileServiceOptions {
  readonly files: Files;
  readonly objects: Objects;
  readonly tokens: FileTokens;
  readonly publicUrl: () => string;
  readonly limits: FileStoreLimits;
  /** Uploads and downloads over the API at the same time, of each. */
  readonly transfersMax: number;
}

/** `millrace.api.v1.FileService`. */
export class FileService {
  readonly #options: FileServiceOptions;
  #uploads = 0;
  #downloads = 0;

  constructor(options: FileServiceOptions) {
    this.#options = options;
  }

  async getFile({ name }: fileApi.GetFileRequest, { principal }: ApiContext): Promise<fileApi.File> {
    return toFile(await this.#options.files.get(principal.projectId, parseFileName(name)));
  }

  async listFiles(request: fileApi.ListFilesRequest, { principal }: ApiContext): Promise<fileApi.ListFilesResponse> {
    const { directory, recursive, pageToken } = request;
    const page = await this.#options.files.list({
      projectId: principal.projectId,
      directory: parseDirectoryPath(directory),
      recursive,
      pageSize: pageSizeOf(request.pageSize, PAGE),
      pageToken,
    });
    return { files: page.items.map(toEntry), nextPageToken: page.nextPageToken };
  }

  async deleteFile({ name }: fileApi.DeleteFileRequest, { principal }: ApiContext): Promise<Record<string, never>> {
    const path = parseFileName(name);
    if (await this.#options.files.delete(principal.projectId, path)) return {};
    throw new PlatformError("NotFound", "FILE_NOT_FOUND", `there is no file "${path}"`, { metadata: { path } });
  }

  async uploadFile(
    requests: AsyncIterable<fileApi.UploadFileRequest>,
    { principal }: ApiContext,
  ): Promise<fileApi.File> {
    if (this.#uploads >= this.#options.transfersMax) throw busy();
    this.#uploads++;
    try {
      return await this.#upload(requests[Symbol.asyncIterator](), principal.projectId);
    } finally {
      this.#uploads--;
    }
  }

  async #upload(requests: AsyncIterator<fileApi.UploadFileRequest>, projectId: string): Promise<fileApi.File> {
    const { objects, files, limits } = this.#options;
    const first = await requests.next();
    if (first.done === true || first.value.file === undefined) throw invalidUpload("its first message has no file");
    const path = parseFileName(first.value.file.name);
    const contentType = checkContentType(first.value.file.contentType);
    const content = contentOf(first.value, requests);
    const { id: objectId } = await objects
      .write({ projectId, bytesMax: limits.fileBytesMax }, content)
      .catch((thrown: unknown) => Promise.reject(asTooLarge(thrown)));
    return toFile(await files.save({ projectId, path, objectId, contentType, bounds: limits.bounds }));
  }

  async *downloadFile(
    { name }: fileApi.DownloadFileRequest,
    { principal }: ApiContext,
  ): AsyncGenerator<fileApi.DownloadFileResponse> {
    if (this.#downloads >= this.#options.transfersMax) throw busy();
    this.#downloads++;
    try {
      const file = await this.#options.files.get(principal.projectId, parseFileName(name));
      yield { file: toFile(file), data: Buffer.alloc(0) };
      for await (const data of this.#options.objects.read(file.objectId)) yield { file: undefined, data };
    } finally {
      this.#downloads--;
    }
  }

  async createFileLink(request: fileApi.CreateFileLinkRequest, { principal }: ApiContext): Promise<fileApi.FileLink> {
    const { files, tokens, publicUrl } = this.#options;
    const { projectId } = principal;
    const path = parseFileName(request.name);
    const expiresAtMs = Date.now() + lifeOf(request.ttl);
    await files.get(projectId, path);
    const token = tokens.sign({ kind: "path", projectId, path, expiresAtMs });
    return { url: `${publicUrl()}${FILE_PATH}${token}`, expireTime: new Date(expiresAtMs) };
  }
}

/** The bytes of an upload; throws unless the last message says that it is the last one. */
async function* contentOf(
  first: fileApi.UploadFileRequest,
  rest: AsyncIterator<fileApi.UploadFileRequest>,
): AsyncGenerator<Uint8Array> {
  for (let message = first; ;) {
    if (message.data.length > 0) yield message.data;
    if (message.last) return;
    const next = await rest.next();
    if (next.done === true) throw invalidUpload("it ended before its last message");
    message = next.value;
  }
}

function lifeOf(ttl: fileApi.CreateFileLinkRequest["ttl"]): number {
  if (ttl === undefined) return LINK_LIFE_DEFAULT_MS;
  const lifeMs = ttl.seconds * 1000 + ttl.nanos / 1e6;
  if (lifeMs >= LINK_LIFE_MIN_MS && lifeMs <= LINK_LIFE_MAX_MS) return lifeMs;
  throw new PlatformError("InvalidArgument", "INVALID_EXPIRY", "a link lives for a second to seven days");
}

function toEntry(entry: FileEntry): fileApi.File {
  if (!("directory" in entry)) return toFile(entry);
  const name = `${NAME_PREFIX}${entry.directory}`;
  return { name, size: 0, contentType: "", createTime: undefined, updateTime: undefined, directory: true };
}

function toFile({ path, size, contentType, createTimeMs, updateTimeMs }: FileRecord): fileApi.File {
  return {
    name: `${NAME_PREFIX}${path}`,
    size,
    contentType,
    createTime: new Date(createTimeMs),
    updateTime: new Date(updateTimeMs),
    directory: false,
  };
}

function asTooLarge(thrown: unknown): PlatformError {
  const error = coerceError(thrown);
  if (error.reason !== "OBJECT_TOO_LARGE") return error;
  return new PlatformError("InvalidArgument", "FILE_TOO_LARGE", error.message, { cause: error });
}

function invalidUpload(why: string): PlatformError {
  return new PlatformError("InvalidArgument", "INVALID_UPLOAD", `the upload is not complete: ${why}`);
}

function busy(): PlatformError {
  const message = "too many files are under way at this gateway; try again";
  return new PlatformError("ResourceExhausted", "GATEWAY_BUSY", message);
}

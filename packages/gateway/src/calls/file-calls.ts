import { parseDirectoryPath, parseFilePath, PlatformError, type RunTokenClaims } from "@millrace/core";
import { OBJECT_PART_BYTES_MAX, type FileRecord, type Files, type Objects } from "@millrace/store";
import { FILE_PATH, type FileGrant, type FileTokens } from "../files/file-token.ts";
import { checkContentType, LINK_LIFE_DEFAULT_MS, type FileStoreLimits } from "../files/file-store.ts";
import { CallFields, invalidCall } from "./call-fields.ts";
import type { CallHandler, HostAnswer, HostCall } from "./host-calls.ts";

export interface FileCallsOptions {
  readonly files: Files;
  readonly objects: Objects;
  readonly tokens: FileTokens;
  readonly publicUrl: () => string;
  readonly limits: FileStoreLimits;
}

/** How long what a file was opened for can be read, also when the file is replaced meanwhile. */
const READ_LIFE_MS = 6 * 3_600_000;
const PAGE_SIZE = 500;
/** Paths are checked by their own rules, addresses by their MAC. */
const TEXT_BYTES_MAX = 16 * 1024;
const HASH = /^[0-9a-f]{64}$/;
const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * `pd.files`: the file store of the run's project, in calls of bounded size. Content is written in parts that nobody sees; the
 * call that saves it makes it the file's, if the run is still where the call comes from. What is read is named by a token, so
 * that a file that is replaced while it is read stays what it was, and uploads are read in the same way.
 */
export class FileCalls {
  readonly handlers: Readonly<Record<string, CallHandler>>;
  readonly #options: FileCallsOptions;

  constructor(options: FileCallsOptions) {
    this.#options = options;
    this.handlers = {
      "files.stat": (claims, call) => this.#stat(claims, call),
      "files.open": (claims, call) => this.#open(claims, call),
      "files.read": (claims, call) => this.#read(claims, call),
      "files.write": (claims, call) => this.#write(claims, call),
      "files.save": (claims, call) => this.#save(claims, call),
      "files.delete": (claims, call) => this.#delete(claims, call),
      "files.list": (claims, call) => this.#list(claims, call),
      "files.link": (claims, call) => this.#link(claims, call),
    };
  }

  /** What is known of a file; null when there is none. */
  async #stat({ projectId }: RunTokenClaims, { request }: HostCall): Promise<HostAnswer> {
    const path = pathOf(new CallFields(request));
    return { response: describe(path, await this.#find(projectId, path)) };
  }

  /** A token for reading a file as it is now, or what an address of this house shows. */
  async #open({ projectId }: RunTokenClaims, { request }: HostCall): Promise<HostAnswer> {
    const { files, tokens } = this.#options;
    const fields = new CallFields(request);
    const url = fields.text("url", TEXT_BYTES_MAX, { empty: true });
    const grant = url === "" ? undefined : this.#grantOf(url, projectId);
    if (grant?.kind === "object") {
      const { filename, contentType: content_type, size } = grant;
      return { response: { token: tokens.sign(grant), filename, content_type, size } };
    }
    const path = grant?.path ?? pathOf(fields);
    const { objectId, size, contentType } = await files.get(projectId, path);
    const expiresAtMs = Date.now() + READ_LIFE_MS;
    const filename = path.slice(path.lastIndexOf("/") + 1);
    const token = tokens.sign({ kind: "object", projectId, objectId, size, contentType, filename, expiresAtMs });
    return { response: { token, filename, content_type: contentType, size } };
  }

  async #read({ projectId }: RunTokenClaims, { request }: HostCall): Promise<HostAnswer> {
    const { tokens, objects } = this.#options;
    const fields = new CallFields(request);
    const grant = this.#own(tokens.verify(fields.text("token", TEXT_BYTES_MAX), Date.now()), projectId);
    if (grant.kind !== "object") throw invalidCall("token is none for reading");
    const start = countOf(fields, "position");
    const length = Math.min(countOf(fields, "length"), OBJECT_PART_BYTES_MAX);
    const pieces: Uint8Array[] = [];
    for await (const piece of objects.read(grant.objectId, { start, end: start + length })) pieces.push(piece);
    return { response: null, body: Buffer.concat(pieces) };
  }

  async #write({ projectId }: RunTokenClaims, { request, body }: HostCall): Promise<HostAnswer> {
    const fields = new CallFields(request);
    const position = countOf(fields, "position");
    this.#checkSize(position + body.length);
    await this.#options.objects.writePart({ projectId, id: objectIdOf(fields), position, content: body });
    return { response: null };
  }

  async #save(claims: RunTokenClaims, { request }: HostCall): Promise<HostAnswer> {
    const { files, objects, limits } = this.#options;
    const { projectId, runId, assignment } = claims;
    const fields = new CallFields(request);
    const path = pathOf(fields);
    const contentType = checkContentType(fields.text("content_type", TEXT_BYTES_MAX, { empty: true }));
    const objectId = objectIdOf(fields);
    const size = countOf(fields, "size");
    const sha256 = fields.text("sha256", 64);
    if (!HASH.test(sha256)) throw invalidCall("sha256 is no SHA-256 in hex");
    this.#checkSize(size);
    await objects.finish({ projectId, id: objectId, size, sha256 });
    const write = { projectId, path, objectId, contentType, bounds: limits.bounds };
    return { response: describe(path, await files.save(write, { runId, assignment })) };
  }

  async #delete({ projectId, runId, assignment }: RunTokenClaims, { request }: HostCall): Promise<HostAnswer> {
    const path = pathOf(new CallFields(request));
    await this.#options.files.delete(projectId, path, { runId, assignment });
    return { response: null };
  }

  async #list({ projectId }: RunTokenClaims, { request }: HostCall): Promise<HostAnswer> {
    const fields = new CallFields(request);
    const page = await this.#options.files.list({
      projectId,
      directory: parseDirectoryPath(fields.text("directory", TEXT_BYTES_MAX, { empty: true })),
      recursive: fields.flag("recursive"),
      pageSize: PAGE_SIZE,
      pageToken: fields.text("page_token", TEXT_BYTES_MAX, { empty: true }),
    });
    const entries = page.items.map((entry) =>
      "directory" in entry ? { path: entry.directory, directory: true } : describe(entry.path, entry),
    );
    return { response: { entries, next_page_token: page.nextPageToken } };
  }

  async #link({ projectId }: RunTokenClaims, { request }: HostCall): Promise<HostAnswer> {
    const { files, tokens, publicUrl } = this.#options;
    const path = pathOf(new CallFields(request));
    await files.get(projectId, path);
    const expiresAtMs = Date.now() + LINK_LIFE_DEFAULT_MS;
    const token = tokens.sign({ kind: "path", projectId, path, expiresAtMs });
    return { response: { url: `${publicUrl()}${FILE_PATH}${token}` } };
  }

  async #find(projectId: string, path: string): Promise<FileRecord | undefined> {
    try {
      return await this.#options.files.get(projectId, path);
    } catch (thrown) {
      if (thrown instanceof PlatformError && thrown.reason === "FILE_NOT_FOUND") return undefined;
      throw thrown;
    }
  }

  /** The gateway is not asked over HTTP: what the address shows is in its token, whatever name the house has today. */
  #grantOf(url: string, projectId: string): FileGrant {
    const at = url.lastIndexOf(FILE_PATH);
    if (at < 0) throw invalidCall("url is no address of a file of this house; requests.get reads others");
    return this.#own(this.#options.tokens.verify(url.slice(at + FILE_PATH.length), Date.now()), projectId);
  }

  #own(grant: FileGrant, projectId: string): FileGrant {
    if (grant.projectId === projectId) return grant;
    throw new PlatformError("PermissionDenied", "FILE_LINK_FOREIGN", "this is a file of another project");
  }

  #checkSize(size: number): void {
    const { fileBytesMax } = this.#options.limits;
    if (size <= fileBytesMax) return;
    throw new PlatformError("InvalidArgument", "FILE_TOO_LARGE", `a file has at most ${fileBytesMax} bytes`);
  }
}

function describe(path: string, file: FileRecord | undefined) {
  if (file === undefined) return null;
  const { size, contentType: content_type, updateTimeMs } = file;
  return { path, size, content_type, update_time: new Date(updateTimeMs).toISOString() };
}

function pathOf(fields: CallFields): string {
  return parseFilePath(fields.text("path", TEXT_BYTES_MAX, { empty: true }));
}

/** An object of the caller's own choice; whose it is says the record. */
function objectIdOf(fields: CallFields): string {
  const id = fields.text("object", 36);
  if (ID.test(id)) return id;
  throw invalidCall("object is no id");
}

function countOf(fields: CallFields, name: string): number {
  const count = fields.count(name);
  if (count === undefined) throw invalidCall(`${name} is missing`);
  return count;
}

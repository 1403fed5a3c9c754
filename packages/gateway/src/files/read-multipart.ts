import type { IncomingMessage } from "node:http";
import { Busboy, type BusboyFileStream, type BusboyInstance } from "@fastify/busboy";
import { coerceError, PlatformError } from "@millrace/core";

/** Bounds of a multipart body. */
export interface MultipartLimits {
  /** All of the request's bytes. */
  readonly bytesMax: number;
  /** Values of all fields together. */
  readonly fieldBytesMax: number;
  readonly filesMax: number;
}

/** A file part, as far as its head says. */
export interface FilePart {
  readonly filename: string;
  readonly mimetype: string;
}

export interface MultipartOptions<Stored> {
  readonly limits: MultipartLimits;
  /** Told of the bytes of fields before they are kept; what it throws ends the reading. */
  readonly onBytes: (count: number) => void;
  /** Stores a file while it arrives; must read the content to its end, or throw. */
  readonly store: (part: FilePart, content: AsyncIterable<Uint8Array>) => Promise<Stored>;
}

/** The parts of a body by their field's name, in the order of arrival; undefined for a file input that was left empty. */
export type MultipartParts<Stored> = ReadonlyMap<string, readonly (string | Stored | undefined)[]>;

const FIELDS_MAX = 1_000;
const NAME_LENGTH_MAX = 256;
const FILENAME_LENGTH_MAX = 255;
const MIMETYPE_LENGTH_MAX = 255;
const HEADER_PAIRS_MAX = 32;
const HEADER_BYTES_MAX = 8 * 1024;
const BOUNDARY_LENGTH_MAX = 256;
const FILE_BUFFER_BYTES = 256 * 1024;
/** Everything that is not printable, and what separates the parts of a path. */
// oxlint-disable-next-line no-control-regex
const UNWANTED_IN_FILENAME = /[\u0000-\u001f\u007f/\\]/g;
const MIMETYPE = /^[!#$%&'*+.^_`|~0-9a-z-]+\/[!#$%&'*+.^_`|~0-9a-z-]+$/;

/** True for the body of a form with files. */
export function isMultipart(contentType: string | undefined): boolean {
  return contentType !== undefined && /^multipart\/form-data\s*(;|$)/i.test(contentType);
}

/**
 * Reads a multipart body part by part; files go to `store` as they arrive, one after the other.
 *
 * Rejects only when nothing is being stored any longer, so that the caller can throw away what was.
 *
 * @throws PlatformError `MULTIPART_INVALID`, `BODY_TOO_LARGE`, `TOO_MANY_PARTS`, `REQUEST_ABORTED`, and what `store` throws
 */
export function readMultipart<Stored>(
  request: IncomingMessage,
  options: MultipartOptions<Stored>,
): Promise<MultipartParts<Stored>> {
  return new MultipartReader(request, options).read();
}

class MultipartReader<Stored> {
  readonly #request: IncomingMessage;
  readonly #options: MultipartOptions<Stored>;
  readonly #parser: BusboyInstance;
  readonly #parts = new Map<string, (string | Stored | undefined)[]>();
  readonly #storing: Promise<void>[] = [];
  #file: BusboyFileStream | undefined;
  #bytes = 0;
  #fieldBytes = 0;
  #error: PlatformError | undefined;
  #settle: () => void = () => {};

  constructor(request: IncomingMessage, options: MultipartOptions<Stored>) {
    this.#request = request;
    this.#options = options;
    if (Number(request.headers["content-length"] ?? 0) > options.limits.bytesMax)
      throw tooLarge(options.limits.bytesMax);
    this.#parser = createParser(request.headers["content-type"] ?? "", options.limits);
  }

  async read(): Promise<MultipartParts<Stored>> {
    await new Promise<void>((resolve) => {
      this.#settle = resolve;
      this.#listen();
    });
    await Promise.all(this.#storing);
    if (this.#error !== undefined) throw this.#error;
    return this.#parts;
  }

  #listen(): void {
    const request = this.#request;
    const parser = this.#parser;
    parser.on("field", (name, value, _nameCut, valueCut) => this.#try(() => this.#takeField(name, value, valueCut)));
    parser.on("file", (name, content, filename, _encoding, mimetype) =>
      this.#try(() => this.#takeFile(name, content, filename, mimetype)),
    );
    for (const limit of ["partsLimit", "filesLimit", "fieldsLimit"] as const) {
      parser.on(limit, () => this.#fail(tooManyParts(this.#options.limits.filesMax)));
    }
    parser.on("error", (thrown) => this.#fail(invalid(coerceError(thrown).message)));
    parser.on("finish", () => this.#settle());
    request.on("data", this.#count);
    request.on("error", () => this.#fail(aborted()));
    request.on("close", () => {
      if (!request.complete) this.#fail(aborted());
    });
    request.pipe(parser);
  }

  readonly #count = (chunk: Buffer): void => {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#options.limits.bytesMax) this.#fail(tooLarge(this.#options.limits.bytesMax));
  };

  #try(take: () => void): void {
    if (this.#error !== undefined) return;
    try {
      take();
    } catch (thrown) {
      this.#fail(coerceError(thrown));
    }
  }

  #takeField(name: string | undefined, value: string, isCut: boolean): void {
    const bytes = Buffer.byteLength(value) + Buffer.byteLength(name ?? "");
    this.#fieldBytes += bytes;
    const { fieldBytesMax } = this.#options.limits;
    if (isCut || this.#fieldBytes > fieldBytesMax) throw tooLarge(fieldBytesMax, "the fields of the form are");
    this.#options.onBytes(bytes);
    this.#place(name).push(value);
  }

  #takeFile(
    name: string | undefined,
    content: BusboyFileStream,
    filename: string | undefined,
    mimetype: string | undefined,
  ): void {
    this.#file = content;
    // What goes wrong is told by the parser or by whoever reads the content; without a listener it ends the process.
    content.on("error", () => {});
    const place = this.#place(name);
    const index = place.push(undefined) - 1;
    const part = { filename: plainFilename(filename), mimetype: plainMimetype(mimetype) };
    const storing = this.#storeFile(part, content).then(
      (stored) => {
        place[index] = stored;
      },
      (thrown: unknown) => this.#fail(coerceError(thrown)),
    );
    this.#storing.push(storing);
  }

  /** An input for files that was left empty comes as a file without name and content. */
  async #storeFile(part: FilePart, content: BusboyFileStream): Promise<Stored | undefined> {
    const chunks = content[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
    const first = await chunks.next();
    if (first.done === true && part.filename === "") return undefined;
    return this.#options.store(part, chained(first, chunks));
  }

  #place(name: string | undefined): (string | Stored | undefined)[] {
    if (name === undefined || name === "") throw invalid("a part has no name");
    if (name.length > NAME_LENGTH_MAX) throw invalid(`the name of a part is longer than ${NAME_LENGTH_MAX} characters`);
    const known = this.#parts.get(name);
    if (known !== undefined) return known;
    const fresh: (string | Stored | undefined)[] = [];
    this.#parts.set(name, fresh);
    return fresh;
  }

  /** Ends the reading; the rest of the body is whoever's who answers. */
  #fail(error: PlatformError): void {
    if (this.#error !== undefined) return;
    this.#error = error;
    this.#request.off("data", this.#count);
    this.#request.unpipe(this.#parser);
    this.#file?.destroy(error);
    this.#settle();
  }
}

function createParser(contentType: string, limits: MultipartLimits): BusboyInstance {
  if (contentType.length > BOUNDARY_LENGTH_MAX + 128) throw invalid("its boundary is too long");
  try {
    return new Busboy({
      headers: { "content-type": contentType },
      fileHwm: FILE_BUFFER_BYTES,
      limits: {
        fieldSize: limits.fieldBytesMax,
        fields: FIELDS_MAX,
        files: limits.filesMax,
        parts: FIELDS_MAX + limits.filesMax,
        headerPairs: HEADER_PAIRS_MAX,
        headerSize: HEADER_BYTES_MAX,
      },
    });
  } catch (thrown) {
    throw invalid(coerceError(thrown).message);
  }
}

async function* chained(
  first: IteratorResult<Uint8Array>,
  rest: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  if (first.done !== true) yield first.value;
  try {
    for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}

/** Only the last part of what may be a path, without what could confuse a terminal, a header or a file system. */
export function plainFilename(filename: string | undefined): string {
  const plain = (filename ?? "")
    .replace(/^.*[/\\]/s, "")
    .replace(UNWANTED_IN_FILENAME, "_")
    .toWellFormed();
  return plain === "." || plain === ".." ? "_" : [...plain].slice(0, FILENAME_LENGTH_MAX).join("");
}

function plainMimetype(mimetype: string | undefined): string {
  const plain = (mimetype ?? "").toLowerCase();
  return plain.length <= MIMETYPE_LENGTH_MAX && MIMETYPE.test(plain) ? plain : "application/octet-stream";
}

function invalid(why: string): PlatformError {
  const message = `the body is not valid multipart/form-data: ${why}`;
  return new PlatformError("InvalidArgument", "MULTIPART_INVALID", message);
}

function tooLarge(limitBytes: number, what = "the body is"): PlatformError {
  return new PlatformError("InvalidArgument", "BODY_TOO_LARGE", `${what} larger than ${limitBytes} bytes`);
}

function tooManyParts(filesMax: number): PlatformError {
  const message = `the body has more than ${FIELDS_MAX} fields or more than ${filesMax} files`;
  return new PlatformError("InvalidArgument", "TOO_MANY_PARTS", message);
}

function aborted(): PlatformError {
  return new PlatformError("Cancelled", "REQUEST_ABORTED", "the client left before its request was complete");
}

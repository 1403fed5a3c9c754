import type { IncomingMessage } from "node:http";
import { coerceError, PlatformError } from "@millrace/core";
import type { ObjectRecord, Objects } from "@millrace/store";
import type { DecodedBody } from "../http/decode-body.ts";
import { filesIn } from "./event-files.ts";
import { FILE_PATH, type FileTokens } from "./file-token.ts";
import { isMultipart, readMultipart, type FilePart, type MultipartParts } from "./read-multipart.ts";
import { isFileType, readStart } from "./read-start.ts";

/** A body that is larger and no text becomes a file. */
export const INLINE_BODY_BYTES_MAX = 256 * 1024;

export interface UploadDoorOptions {
  readonly objects: Pick<Objects, "write" | "retain">;
  readonly tokens: FileTokens;
  readonly publicUrl: () => string;
  /** Largest body that is no upload; fields of a form may have as much. */
  readonly bodyLimitBytes: number;
  readonly uploadLimitBytes: number;
  readonly uploadFilesMax: number;
  /** Uploads that are received at the same time. */
  readonly uploadsMax: number;
}

/** A body with files in it, received whole; its files are in the record, but nobody keeps them yet. */
export interface ReceivedUpload {
  /** What stands for it in the event. */
  readonly body: DecodedBody;
  readonly objectIds: readonly string[];
}

/** A file as the event tells it. */
interface UploadedFile {
  readonly url: string;
  readonly filename: string;
  readonly mimetype: string;
  readonly size: number;
}

/** Takes files from requests to triggers: they are streamed into the record, and the event says where they are. */
export class UploadDoor {
  readonly #options: UploadDoorOptions;
  #open = 0;

  constructor(options: UploadDoorOptions) {
    this.#options = options;
  }

  /** True for a body that may have files in it or be one. Asked of every request, so it looks at its head alone. */
  takes({ headers }: IncomingMessage): boolean {
    const type = headers["content-type"];
    if (type?.startsWith("application/json") === true) return false;
    const announced = headers["content-length"];
    if (announced === undefined && headers["transfer-encoding"] === undefined) return false;
    return announced === undefined || Number(announced) > INLINE_BODY_BYTES_MAX || isMultipart(type);
  }

  /**
   * Reads a body to its end. What turns out to be text, or small, is the body itself.
   *
   * @throws PlatformError as `readMultipart` and `readBody` do, and `GATEWAY_BUSY`
   */
  async read(
    request: IncomingMessage,
    projectId: string,
    onBytes: (count: number) => void,
  ): Promise<Buffer | ReceivedUpload> {
    const objectIds: string[] = [];
    const store = async (part: FilePart, content: AsyncIterable<Uint8Array>): Promise<UploadedFile> => {
      const object = await this.#options.objects.write(
        { projectId, bytesMax: this.#options.uploadLimitBytes },
        content,
      );
      objectIds.push(object.id);
      return this.#toFile(part, object);
    };
    if (isMultipart(request.headers["content-type"])) {
      const { uploadLimitBytes: bytesMax, bodyLimitBytes: fieldBytesMax, uploadFilesMax: filesMax } = this.#options;
      const limits = { bytesMax, fieldBytesMax, filesMax };
      const parts = await this.#admitted(() => readMultipart(request, { limits, onBytes, store }));
      return { body: { json: encodeParts(parts), hasFields: true, isBase64: false }, objectIds };
    }
    return this.#readFile(request, onBytes, store, objectIds);
  }

  /** From now on the files live as long as the run: call it before the run is handed in. */
  async keep({ objectIds }: ReceivedUpload, projectId: string, runId: string): Promise<void> {
    if (objectIds.length > 0) await this.#options.objects.retain(projectId, { kind: "run", id: runId }, objectIds);
  }

  /** A run that gets an earlier run's event keeps the files in it too, as far as they are still there. */
  async keepAgain(eventJson: Uint8Array, projectId: string, runId: string): Promise<void> {
    const { tokens, uploadFilesMax } = this.#options;
    for (const { objectId } of filesIn(tokens, eventJson, projectId, uploadFilesMax)) {
      await this.#options.objects.retain(projectId, { kind: "run", id: runId }, [objectId]).catch((thrown: unknown) => {
        if (coerceError(thrown).reason !== "OBJECT_NOT_FOUND") throw thrown;
      });
    }
  }

  async #readFile(
    request: IncomingMessage,
    onBytes: (count: number) => void,
    store: (part: FilePart, content: AsyncIterable<Uint8Array>) => Promise<UploadedFile>,
    objectIds: string[],
  ): Promise<Buffer | ReceivedUpload> {
    const { bodyLimitBytes, uploadLimitBytes } = this.#options;
    const type = request.headers["content-type"];
    const start = await readStart(request, {
      inlineMax: INLINE_BODY_BYTES_MAX,
      textMax: bodyLimitBytes,
      fileMax: uploadLimitBytes,
      onBytes,
    });
    if (Buffer.isBuffer(start)) return start;
    const mimetype = (type ?? "").split(";", 1)[0]!.trim().toLowerCase();
    const part = { filename: "", mimetype: isFileType(mimetype) ? mimetype : "application/octet-stream" };
    const file = await this.#admitted(() => store(part, start.content)).finally(start.release);
    return { body: { json: JSON.stringify(file), hasFields: true, isBase64: false }, objectIds };
  }

  async #admitted<T>(work: () => Promise<T>): Promise<T> {
    if (this.#open >= this.#options.uploadsMax) {
      const message = "too many uploads are under way at this gateway; try again";
      throw new PlatformError("ResourceExhausted", "GATEWAY_BUSY", message);
    }
    this.#open++;
    try {
      return await work();
    } catch (thrown) {
      const error = coerceError(thrown);
      if (error.reason !== "OBJECT_TOO_LARGE") throw error;
      throw new PlatformError("InvalidArgument", "BODY_TOO_LARGE", error.message, { cause: error });
    } finally {
      this.#open--;
    }
  }

  #toFile({ filename, mimetype }: FilePart, { id, projectId, size }: ObjectRecord): UploadedFile {
    const { tokens, publicUrl } = this.#options;
    const token = tokens.sign({
      kind: "object",
      projectId,
      objectId: id,
      size,
      contentType: mimetype,
      filename,
      expiresAtMs: undefined,
    });
    return { url: `${publicUrl()}${FILE_PATH}${token}`, filename, mimetype, size };
  }
}

/** A name that comes once has its value, one that comes more often a list; an empty input for files has none. */
function encodeParts(parts: MultipartParts<UploadedFile>): string {
  const members: string[] = [];
  for (const [name, values] of parts) {
    const shown = values.map((value) => value ?? null);
    members.push(`${JSON.stringify(name)}:${JSON.stringify(shown.length === 1 ? shown[0] : shown)}`);
  }
  return `{${members.join(",")}}`;
}

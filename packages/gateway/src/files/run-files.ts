import { runApi } from "@millrace/protocol";
import type { FileRecord, Files, Objects } from "@millrace/store";
import { filesIn } from "./event-files.ts";
import { LINK_LIFE_DEFAULT_MS } from "./file-store.ts";
import { FILE_PATH, type FileTokens, type ObjectGrant } from "./file-token.ts";

/** Of each kind; a trigger takes no more files with one request by default. */
const FILES_MAX = 100;

export interface RunFilesOptions {
  readonly files: Pick<Files, "listWritten">;
  readonly objects: Pick<Objects, "isRetained">;
  readonly tokens: FileTokens;
  readonly publicUrl: () => string;
}

/** A run, as far as its files are concerned. */
export interface FilesOfRun {
  readonly id: string;
  readonly projectId: string;
  readonly eventJson: Uint8Array;
}

/** The files of runs, with addresses to read them from. */
export class RunFiles {
  readonly #options: RunFilesOptions;

  constructor(options: RunFilesOptions) {
    this.#options = options;
  }

  /** Those that its event has brought and it keeps itself, and those that it has written last. */
  async list(run: FilesOfRun): Promise<runApi.ListRunFilesResponse> {
    const { files, tokens } = this.#options;
    const brought: runApi.RunFile[] = [];
    for (const grant of filesIn(tokens, run.eventJson, run.projectId, FILES_MAX)) {
      if (await this.#keeps(run, grant)) brought.push(this.#toFile(runApi.RunFileOrigin.EVENT, grant.filename, grant));
    }
    const written = await files.listWritten(run.projectId, run.id, FILES_MAX + 1);
    const expiresAtMs = Date.now() + LINK_LIFE_DEFAULT_MS;
    const shown = written.slice(0, FILES_MAX).map((file) => this.#toWritten(run.projectId, file, expiresAtMs));
    return { files: [...brought, ...shown], more: written.length > FILES_MAX };
  }

  /** An event may name files of other runs; a run shows only what it keeps. */
  #keeps({ id }: FilesOfRun, { objectId }: ObjectGrant): Promise<boolean> {
    return this.#options.objects.isRetained({ kind: "run", id }, objectId);
  }

  #toWritten(
    projectId: string,
    { path, objectId, size, contentType }: FileRecord,
    expiresAtMs: number,
  ): runApi.RunFile {
    const filename = path.slice(path.lastIndexOf("/") + 1);
    const grant: ObjectGrant = { kind: "object", projectId, objectId, size, contentType, filename, expiresAtMs };
    return this.#toFile(runApi.RunFileOrigin.WRITTEN, `files/${path}`, grant);
  }

  #toFile(origin: runApi.RunFileOrigin, name: string, grant: ObjectGrant): runApi.RunFile {
    const { tokens, publicUrl } = this.#options;
    const { size, contentType, expiresAtMs } = grant;
    const expireTime = expiresAtMs === undefined ? undefined : new Date(expiresAtMs);
    return { origin, name, size, contentType, url: `${publicUrl()}${FILE_PATH}${tokens.sign(grant)}`, expireTime };
  }
}

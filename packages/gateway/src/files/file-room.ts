import type { GatewaySettings } from "@millrace/config";
import type { Store } from "@millrace/store";
import type { Logger } from "@millrace/telemetry";
import { FileService } from "../api/file-service.ts";
import { FileCalls } from "../calls/file-calls.ts";
import type { CallHandler } from "../calls/host-calls.ts";
import { FileDoor } from "./file-door.ts";
import { FileTokens } from "./file-token.ts";
import { RunFiles } from "./run-files.ts";
import { UploadDoor } from "./upload-door.ts";

/** Everything of a gateway that files come and go through. */
export interface FileRoom {
  readonly uploads: UploadDoor;
  readonly door: FileDoor;
  readonly service: FileService;
  readonly ofRuns: RunFiles;
  readonly calls: Readonly<Record<string, CallHandler>>;
}

export interface FileRoomOptions {
  readonly store: Pick<Store, "files" | "objects">;
  readonly settings: GatewaySettings;
  /** Of signed addresses; the same in all gateways. */
  readonly key: Uint8Array;
  readonly publicUrl: () => string;
  readonly log: Logger;
}

/** Wires the doors of files. */
export function openFileRoom({ store, settings, key, publicUrl, log }: FileRoomOptions): FileRoom {
  const { files, objects } = store;
  const tokens = new FileTokens(key);
  const limits = {
    fileBytesMax: settings.fileLimitBytes,
    bounds: { bytesMax: settings.fileStoreBytesMax, filesMax: settings.fileStoreFilesMax },
  };
  const { bodyLimitBytes, uploadLimitBytes, uploadFilesMax, uploadsMax, downloadsMax, streamStallMs } = settings;
  const parts = { files, objects, tokens, publicUrl };
  return {
    uploads: new UploadDoor({ ...parts, bodyLimitBytes, uploadLimitBytes, uploadFilesMax, uploadsMax }),
    door: new FileDoor({ ...parts, downloadsMax, stallMs: streamStallMs, log }),
    service: new FileService({ ...parts, limits, transfersMax: uploadsMax }),
    ofRuns: new RunFiles(parts),
    calls: new FileCalls({ ...parts, limits }).handlers,
  };
}

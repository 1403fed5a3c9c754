import { PlatformError } from "@millrace/core";
import type { FileBounds } from "@millrace/store";

/** Bounds of file stores. */
export interface FileStoreLimits {
  readonly fileBytesMax: number;
  readonly bounds: FileBounds;
}

/** How long a link to a file works unless said otherwise. */
export const LINK_LIFE_DEFAULT_MS = 30 * 60_000;

const CONTENT_TYPE_DEFAULT = "application/octet-stream";
/** A media type with its parameters, as a header may carry it. */
const CONTENT_TYPE = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+\/[!#$%&'*+.^_`|~0-9A-Za-z-]+(\s*;[\x20-\x7e]*)?$/;
const CONTENT_TYPE_LENGTH_MAX = 255;

/** The media type that a file is saved with; empty means bytes of any kind. Throws `INVALID_CONTENT_TYPE`. */
export function checkContentType(given: string): string {
  if (given === "") return CONTENT_TYPE_DEFAULT;
  if (given.length <= CONTENT_TYPE_LENGTH_MAX && CONTENT_TYPE.test(given)) return given;
  const shown = JSON.stringify(given.slice(0, 80));
  throw new PlatformError("InvalidArgument", "INVALID_CONTENT_TYPE", `${shown} is no media type, such as text/csv`);
}

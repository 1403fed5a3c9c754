import { PlatformError } from "@millrace/core";
import type { Page, PageRequest } from "./workflow-records.ts";

const PAGE_SIZE_DEFAULT = 100;
const PAGE_SIZE_MAX = 1_000;

/** The size that a request means; larger ones are cut, as AIP-158 says. */
export function pageSizeOf({ pageSize }: PageRequest): number {
  if (pageSize === undefined || pageSize === 0) return PAGE_SIZE_DEFAULT;
  if (!Number.isInteger(pageSize) || pageSize < 0) {
    throw new PlatformError("InvalidArgument", "INVALID_PAGE_SIZE", "A page size is a whole number from 1 on");
  }
  return Math.min(pageSize, PAGE_SIZE_MAX);
}

/** A token that stands for the last key of a page; opaque to whoever hands it back. */
export function encodePageToken(key: string): string {
  return Buffer.from(key).toString("base64url");
}

/** The key in a token; undefined for the first page. `INVALID_PAGE_TOKEN`. */
export function parsePageToken({ pageToken }: PageRequest, isKey: (key: string) => boolean): string | undefined {
  if (!pageToken) return undefined;
  const key = Buffer.from(pageToken, "base64url").toString();
  if (encodePageToken(key) !== pageToken || !isKey(key)) {
    throw new PlatformError("InvalidArgument", "INVALID_PAGE_TOKEN", "The page token is not one that this house gave");
  }
  return key;
}

/** The page of rows that were asked for with one row more, which tells whether there is a next page. */
export function toPage<T>(rows: readonly T[], size: number, keyOf: (row: T) => string): Page<T> {
  const items = rows.slice(0, size);
  const last = items.at(-1);
  return { items, nextPageToken: rows.length > size && last !== undefined ? encodePageToken(keyOf(last)) : "" };
}

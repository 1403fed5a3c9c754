import { PlatformError } from "@millrace/core";

/** Bounds of a list's pages. */
export interface PageBounds {
  readonly fallback: number;
  readonly max: number;
}

/** The page size that a request means: 0 is the default, what is too large becomes the most. */
export function pageSizeOf(requested: number, bounds: PageBounds): number {
  if (requested < 0) throw new PlatformError("InvalidArgument", "INVALID_PAGE_SIZE", "page_size must not be negative");
  return requested === 0 ? bounds.fallback : Math.min(requested, bounds.max);
}

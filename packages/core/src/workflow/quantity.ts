const DURATION_UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const DURATION = /^(?:\d{1,9}(?:\.\d{1,3})?(?:ms|s|m|h))+$/;
const DURATION_PART = /(\d+(?:\.\d+)?)(ms|s|m|h)/g;

const BYTE_UNITS: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1000,
  MB: 1000 ** 2,
  GB: 1000 ** 3,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
};
const BYTES = /^(\d{1,12}(?:\.\d{1,3})?) ?(B|KB|MB|GB|KiB|MiB|GiB)$/;

/** Reads `30s`, `5m`, `1h30m`, `250ms` or a plain number of seconds as ms; undefined for anything else. */
export function parseDurationMs(value: unknown): number | undefined {
  if (typeof value === "number") return Number.isFinite(value) && value >= 0 ? Math.round(value * 1000) : undefined;
  if (typeof value !== "string" || value.length > 64 || !DURATION.test(value)) return undefined;
  let totalMs = 0;
  for (const [, amount, unit] of value.matchAll(DURATION_PART)) {
    totalMs += Number(amount) * (DURATION_UNITS_MS[unit!] ?? 0);
  }
  return Math.round(totalMs);
}

/** Writes ms in the largest unit that fits without a remainder: the inverse of `parseDurationMs`. */
export function formatDuration(durationMs: number): string {
  for (const unit of ["h", "m", "s"]) {
    const size = DURATION_UNITS_MS[unit]!;
    if (durationMs >= size && durationMs % size === 0) return `${durationMs / size}${unit}`;
  }
  return `${durationMs}ms`;
}

/** Reads `256MB`, `1.5 GiB` and the like as bytes; undefined for anything else, plain numbers included. */
export function parseBytes(value: unknown): number | undefined {
  if (typeof value !== "string") return undefined;
  const match = BYTES.exec(value);
  return match ? Math.round(Number(match[1]) * BYTE_UNITS[match[2]!]!) : undefined;
}

/** Writes bytes in the largest unit that fits without a remainder: the inverse of `parseBytes`. */
export function formatBytes(bytes: number): string {
  for (const unit of ["GiB", "GB", "MiB", "MB", "KiB", "KB"]) {
    const size = BYTE_UNITS[unit]!;
    if (bytes >= size && bytes % size === 0) return `${bytes / size}${unit}`;
  }
  return `${bytes}B`;
}

/** A whole number as it is; undefined for anything else. */
export function parseInteger(value: unknown): number | undefined {
  return Number.isSafeInteger(value) ? (value as number) : undefined;
}

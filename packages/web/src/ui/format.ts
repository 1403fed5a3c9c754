const whole = new Intl.NumberFormat("en-US");
const UNITS = ["B", "KB", "MB", "GB", "TB"] as const;

/** A number with marks between its thousands; the API's 64-bit numbers come as text. */
export function formatCount(count: number | string | undefined): string {
  return whole.format(BigInt(count ?? 0));
}

/** A size as people say it: `512 B`, `1.4 MB`. */
export function formatBytes(bytes: number | string | undefined): string {
  let size = Number(bytes ?? 0);
  let unit = 0;
  for (; size >= 1000 && unit < UNITS.length - 1; unit += 1) size /= 1024;
  return unit === 0 ? `${size} B` : `${size < 10 ? size.toFixed(1) : Math.round(size)} ${UNITS[unit]}`;
}

/** How a file can be looked at here. */
export type Preview = "image" | "text" | "none";

const IMAGES = /^image\/(png|jpeg|gif|webp|avif|bmp|x-icon|vnd\.microsoft\.icon|svg\+xml)$/;
const TEXTS = /^(text\/|application\/(json|x-ndjson|xml|yaml|x-yaml|toml|javascript|sql|x-sh)|.*\+(json|xml)$)/;
const TEXT_NAMES = /\.(txt|md|csv|tsv|json|jsonl|ndjson|xml|ya?ml|toml|ini|log|py|js|ts|sh|sql|html?|css|env|conf)$/i;

/** By its type, and where that says nothing by its name. Markup is shown as text; no file is ever a page of this house. */
export function previewOf(name: string, contentType: string): Preview {
  const type = contentType.split(";")[0]!.trim().toLowerCase();
  if (IMAGES.test(type)) return "image";
  if (TEXTS.test(type)) return "text";
  const saysNothing = type === "" || type === "application/octet-stream";
  return saysNothing && TEXT_NAMES.test(name) ? "text" : "none";
}

/** A file's path with each part safe in an address. */
export function pathSegments(path: string): string {
  return path.split("/").map(encodeURIComponent).join("/");
}

/** The last part of a path: `reports/june.csv` is `june.csv`. */
export function baseName(path: string): string {
  return path.replace(/\/$/, "").split("/").at(-1) ?? path;
}

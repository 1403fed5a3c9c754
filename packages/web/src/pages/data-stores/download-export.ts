import { apiUrl, segment } from "../../api/http.ts";

/** Has the browser save a store's records as lines of JSON, those whose keys start with a text. */
export function downloadExport(store: string, prefix: string): void {
  const link = document.createElement("a");
  link.href = apiUrl(`dataStores/${segment(store)}:export`, { prefix });
  link.download = `${store}.jsonl`;
  link.click();
}

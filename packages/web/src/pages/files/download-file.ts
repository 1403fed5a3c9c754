import { apiUrl } from "../../api/http.ts";
import { baseName, pathSegments } from "./file-kind.ts";

/** Has the browser save a file; the answer says that it is one to keep, never a page. */
export function downloadFile(path: string): void {
  const link = document.createElement("a");
  link.href = apiUrl(`files/${pathSegments(path)}:download`);
  link.download = baseName(path);
  link.click();
}

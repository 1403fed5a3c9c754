import { ApiError, apiUrl, errorFrom, type Query } from "./http.ts";
import { houseSilent } from "./connection.ts";

export interface UploadOptions {
  readonly query?: Query;
  readonly contentType?: string;
  readonly signal?: AbortSignal;
  /** Told of the part that has been sent, from 0 to 1. */
  readonly onProgress?: (part: number) => void;
}

/** Sends a file as its bytes, telling how far it is, and returns the answer. Throws an `ApiError` that says what is wrong. */
export function upload<T>(method: "POST" | "PUT", path: string, file: Blob, options: UploadOptions = {}): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  // What fetch sends tells nobody how far it is.
  const request = new XMLHttpRequest();
  request.open(method, apiUrl(path, options.query));
  request.setRequestHeader("x-millrace-csrf", "1");
  request.setRequestHeader("content-type", options.contentType ?? "application/octet-stream");
  request.upload.onprogress = ({ loaded, total }) => options.onProgress?.(total === 0 ? 1 : loaded / total);
  request.onload = () => {
    const isGood = request.status >= 200 && request.status < 300;
    if (isGood) resolve(parse(request.responseText) as T);
    else reject(errorFrom(request.status, parse(request.responseText), request.getResponseHeader("retry-after")));
  };
  request.onerror = () => {
    houseSilent.set(true);
    reject(new ApiError(0, "The house did not take the file. Is it running, and is this computer connected?", ""));
  };
  const cancelled = (): void => reject(new ApiError(0, "The upload was cancelled.", "CANCELLED"));
  const abort = (): void => request.abort();
  request.onabort = cancelled;
  request.onloadend = () => options.signal?.removeEventListener("abort", abort);
  options.signal?.addEventListener("abort", abort);
  if (options.signal?.aborted === true) cancelled();
  else request.send(file);
  return promise;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

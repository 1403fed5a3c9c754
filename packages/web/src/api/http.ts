import { houseSilent, sessionOver } from "./connection.ts";

/** What the API says when it cannot do something. */
export class ApiError extends Error {
  readonly status: number;
  /** Stable, such as `WORKFLOW_NOT_FOUND`; empty when nothing of the house answered. */
  readonly reason: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** After how many seconds another try is worth its while; undefined when nobody said so. */
  readonly retryAfterS: number | undefined;

  constructor(
    status: number,
    message: string,
    reason: string,
    metadata: Record<string, string> = {},
    retryAfterS?: number,
  ) {
    super(message);
    this.status = status;
    this.reason = reason;
    this.metadata = metadata;
    this.retryAfterS = retryAfterS;
  }
}

interface ErrorBody {
  readonly error?: {
    readonly message?: string;
    readonly reason?: string;
    readonly details?: readonly { readonly reason?: string; readonly metadata?: Record<string, string> }[];
  };
}

export type Query = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

/** The address of a method below `/api/v1`; what is empty or false is left out, as the API has it. */
export function apiUrl(path: string, query: Query = {}): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (Array.isArray(value)) for (const item of value) parameters.append(name, item);
    else if (value !== undefined && value !== "" && value !== false) parameters.set(name, String(value));
  }
  const text = parameters.toString();
  return `/api/v1/${path}${text === "" ? "" : `?${text}`}`;
}

/** One part of a resource's name in a path. A colon would begin the name of a method. */
export function segment(text: string): string {
  return encodeURIComponent(text);
}

export interface CallOptions {
  readonly query?: Query;
  readonly body?: unknown;
  readonly ifMatch?: string;
  /** Outlives the page; for small bodies only. */
  readonly keepalive?: boolean;
  readonly signal?: AbortSignal;
}

/** Calls a method of the API and returns its answer. Throws an `ApiError` that says what is wrong. */
export async function call<T>(method: string, path: string, options: CallOptions = {}): Promise<T> {
  const response = await send(method, path, options);
  if (response.status === 204) return {} as T;
  try {
    return (await response.json()) as T;
  } catch (thrown) {
    throw options.signal?.aborted ? thrown : brokenAnswer();
  }
}

/** An answer whose end did not arrive. */
export function brokenAnswer(): ApiError {
  const message = "The connection to the house broke before its answer was whole. What was asked for may go on there.";
  return new ApiError(0, message, "");
}

/** The response of a method, once it is known to be a good one. */
export async function send(method: string, path: string, options: CallOptions): Promise<Response> {
  const headers: Record<string, string> = { "x-millrace-csrf": "1" };
  if (options.body !== undefined) headers["content-type"] = "application/json";
  if (options.ifMatch !== undefined) headers["if-match"] = options.ifMatch;
  let response: Response;
  try {
    response = await fetch(apiUrl(path, options.query), {
      method,
      headers,
      body: options.body === undefined ? null : JSON.stringify(options.body),
      signal: options.signal ?? null,
      keepalive: options.keepalive ?? false,
    });
  } catch (thrown) {
    if (options.signal?.aborted) throw thrown;
    houseSilent.set(true);
    throw new ApiError(0, "The house does not answer. Is it running, and is this computer connected?", "");
  }
  houseSilent.set(false);
  if (response.ok) return response;
  const error = await errorOf(response);
  if (isSignedOut(error)) sessionOver.set(true);
  throw error;
}

async function errorOf(response: Response): Promise<ApiError> {
  const body: unknown = await response.json().catch(() => ({}));
  return errorFrom(response.status, body, response.headers.get("retry-after"));
}

/** What an answer says that is not a good one. */
export function errorFrom(status: number, body: unknown, retryAfter: string | null): ApiError {
  const { error } = body as ErrorBody;
  const info = error?.details?.find(({ reason }) => reason !== undefined);
  const message = error?.message ?? `The house answered with status ${status}.`;
  const seconds = Number(retryAfter ?? Number.NaN);
  const retryAfterS = Number.isFinite(seconds) ? seconds : undefined;
  return new ApiError(status, message, info?.reason ?? error?.reason ?? "", info?.metadata, retryAfterS);
}

/** True when the caller has to sign in first; a password that is refused is something else. */
export function isSignedOut(error: unknown): boolean {
  return error instanceof ApiError && error.status === 401 && error.reason !== "SIGN_IN_REFUSED";
}

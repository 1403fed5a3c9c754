import { Metadata, status as GrpcStatus, type ServiceError } from "@grpc/grpc-js";
import { PlatformError, coerceError } from "@millrace/core";
import { decodeStatusDetails, encodeStatusDetails } from "./status-details.ts";
import { grpcStatusOf, httpStatusOf, kindOfGrpcStatus } from "./status.ts";

/** Domain of the reasons in `google.rpc.ErrorInfo`. */
export const ERROR_DOMAIN = "millrace";
/** Metadata of an error that says when to try again; becomes `RetryInfo` and `Retry-After`. */
export const RETRY_DELAY_KEY = "retryDelayMs";
/** Metadata, header and trailer that carry a request's id. */
export const REQUEST_ID_HEADER = "x-request-id";

const DETAILS_KEY = "grpc-status-details-bin";
const RETRY_DELAY_DEFAULT_MS = 1_000;
const NOT_FOR_METADATA = new Set([RETRY_DELAY_KEY]);

/** An error as a gRPC server sends it. */
export interface GrpcFailure {
  code: GrpcStatus;
  details: string;
  metadata: Metadata;
}

/** An error as part of a message: of one thing among many that a call is about. */
export interface Failure {
  /** Of `google.rpc.Code`. */
  readonly code: number;
  readonly reason: string;
  readonly message: string;
  readonly metadata: Record<string, string>;
  /** How long to wait before trying again; undefined where that does not help. */
  readonly retryDelayMs: number | undefined;
}

/** An error as an HTTP door sends it. */
export interface HttpFailure {
  status: number;
  headers: Record<string, string>;
  /** AIP-193's shape. */
  body: { error: { code: number; status: string; message: string; details: Record<string, unknown>[] } };
}

interface Shown {
  message: string;
  metadata: Record<string, string>;
  retryDelayMs: number | undefined;
}

/** What of an error its caller may see: nothing of our insides, only the id under which the log tells them. */
function shown(error: PlatformError, requestId: string): Shown {
  if (error.kind === "Internal") {
    return {
      message: `the house failed; report the request id ${requestId}`,
      metadata: { requestId },
      retryDelayMs: undefined,
    };
  }
  const metadata = Object.fromEntries(Object.entries(error.metadata).filter(([key]) => !NOT_FOR_METADATA.has(key)));
  const retryable = error.kind === "ResourceExhausted" || error.kind === "Unavailable";
  const given = Number(error.metadata[RETRY_DELAY_KEY]);
  const retryDelayMs = retryable ? (given >= 0 ? given : RETRY_DELAY_DEFAULT_MS) : undefined;
  // In its own words, a database tells of limits, hosts and users.
  const message =
    error.reason === "DATABASE_UNAVAILABLE"
      ? "the house's database does not answer at the moment; try again"
      : error.message;
  return { message, metadata: { ...metadata, requestId }, retryDelayMs };
}

/** Turns whatever was thrown into what its caller may know of it. The caller logs what is `Internal`. */
export function toFailure(thrown: unknown, requestId: string): Failure {
  const error = coerceError(thrown);
  return { code: grpcStatusOf(error.kind), reason: error.reason, ...shown(error, requestId) };
}

/** Turns it back into the error that was thrown. */
export function fromFailure({ code, reason, message, metadata, retryDelayMs }: Failure): PlatformError {
  const retry = retryDelayMs !== undefined && { [RETRY_DELAY_KEY]: String(retryDelayMs) };
  return new PlatformError(kindOfGrpcStatus(code), reason, message, { metadata: { ...metadata, ...retry } });
}

/** Turns whatever was thrown into a gRPC status with details. The caller logs what is `Internal`. */
export function toGrpcFailure(thrown: unknown, requestId: string): GrpcFailure {
  const { code, reason, message, metadata: info, retryDelayMs } = toFailure(thrown, requestId);
  const metadata = new Metadata();
  metadata.set(REQUEST_ID_HEADER, requestId);
  const details = encodeStatusDetails({
    code,
    message,
    info: { reason, domain: ERROR_DOMAIN, metadata: info },
    retryDelayMs,
  });
  metadata.set(DETAILS_KEY, details);
  return { code, details: message, metadata };
}

/** Turns whatever was thrown into an HTTP answer. The caller logs what is `Internal`. */
export function toHttpFailure(thrown: unknown, requestId: string): HttpFailure {
  const error = coerceError(thrown);
  const { message, metadata, retryDelayMs } = shown(error, requestId);
  const details: Record<string, unknown>[] = [
    { "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: error.reason, domain: ERROR_DOMAIN, metadata },
  ];
  const headers: Record<string, string> = { [REQUEST_ID_HEADER]: requestId };
  if (retryDelayMs !== undefined) {
    details.push({ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: `${retryDelayMs / 1_000}s` });
    headers["retry-after"] = String(Math.max(1, Math.ceil(retryDelayMs / 1_000)));
  }
  const status = httpStatusOf(error.kind);
  return {
    status,
    headers,
    body: { error: { code: status, status: GrpcStatus[grpcStatusOf(error.kind)], message, details } },
  };
}

/** Turns what a gRPC client got back into the error that the server threw. */
export function fromServiceError(thrown: unknown): PlatformError {
  if (!isServiceError(thrown)) return coerceError(thrown);
  const raw = thrown.metadata?.get(DETAILS_KEY)[0];
  const details = raw instanceof Buffer ? decodeStatusDetails(raw) : undefined;
  const kind = thrown.code === GrpcStatus.OK ? "Internal" : kindOfGrpcStatus(thrown.code);
  const metadata = {
    ...details?.info?.metadata,
    ...(details?.retryDelayMs !== undefined && { [RETRY_DELAY_KEY]: String(details.retryDelayMs) }),
  };
  const reason = details?.info?.reason ?? GrpcStatus[thrown.code] ?? "UNKNOWN";
  return new PlatformError(kind, reason, thrown.details || thrown.message, { metadata, cause: thrown });
}

function isServiceError(thrown: unknown): thrown is ServiceError {
  return thrown instanceof Error && typeof (thrown as Partial<ServiceError>).code === "number" && "details" in thrown;
}

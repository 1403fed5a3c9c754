import type { ErrorKind } from "@millrace/core";
import { status as GrpcStatus } from "@grpc/grpc-js";

/** The one place that knows how the house's errors look to gRPC. */
export function grpcStatusOf(kind: ErrorKind): GrpcStatus {
  switch (kind) {
    case "InvalidArgument":
      return GrpcStatus.INVALID_ARGUMENT;
    case "FailedPrecondition":
      return GrpcStatus.FAILED_PRECONDITION;
    case "Unauthenticated":
      return GrpcStatus.UNAUTHENTICATED;
    case "PermissionDenied":
      return GrpcStatus.PERMISSION_DENIED;
    case "NotFound":
      return GrpcStatus.NOT_FOUND;
    case "AlreadyExists":
      return GrpcStatus.ALREADY_EXISTS;
    case "Conflict":
      return GrpcStatus.ABORTED;
    case "ResourceExhausted":
      return GrpcStatus.RESOURCE_EXHAUSTED;
    case "Cancelled":
      return GrpcStatus.CANCELLED;
    case "DeadlineExceeded":
      return GrpcStatus.DEADLINE_EXCEEDED;
    case "Unavailable":
      return GrpcStatus.UNAVAILABLE;
    case "Internal":
      return GrpcStatus.INTERNAL;
  }
}

/** The one place that knows how the house's errors look to HTTP. */
export function httpStatusOf(kind: ErrorKind): number {
  switch (kind) {
    case "InvalidArgument":
    case "FailedPrecondition":
      return 400;
    case "Unauthenticated":
      return 401;
    case "PermissionDenied":
      return 403;
    case "NotFound":
      return 404;
    case "AlreadyExists":
    case "Conflict":
      return 409;
    case "ResourceExhausted":
      return 429;
    case "Cancelled":
      return 499;
    case "DeadlineExceeded":
      return 504;
    case "Unavailable":
      return 503;
    case "Internal":
      return 500;
  }
}

/** What a gRPC status tells a caller to do. Codes that the house does not send come from proxies and libraries. */
export function kindOfGrpcStatus(code: Exclude<GrpcStatus, GrpcStatus.OK>): ErrorKind {
  switch (code) {
    case GrpcStatus.INVALID_ARGUMENT:
    case GrpcStatus.OUT_OF_RANGE:
      return "InvalidArgument";
    case GrpcStatus.FAILED_PRECONDITION:
    case GrpcStatus.UNIMPLEMENTED:
      return "FailedPrecondition";
    case GrpcStatus.UNAUTHENTICATED:
      return "Unauthenticated";
    case GrpcStatus.PERMISSION_DENIED:
      return "PermissionDenied";
    case GrpcStatus.NOT_FOUND:
      return "NotFound";
    case GrpcStatus.ALREADY_EXISTS:
      return "AlreadyExists";
    case GrpcStatus.ABORTED:
      return "Conflict";
    case GrpcStatus.RESOURCE_EXHAUSTED:
      return "ResourceExhausted";
    case GrpcStatus.CANCELLED:
      return "Cancelled";
    case GrpcStatus.DEADLINE_EXCEEDED:
      return "DeadlineExceeded";
    case GrpcStatus.UNAVAILABLE:
      return "Unavailable";
    case GrpcStatus.INTERNAL:
    case GrpcStatus.UNKNOWN:
    case GrpcStatus.DATA_LOSS:
      return "Internal";
  }
}

/** What an HTTP status tells a caller to do, for answers without a body of ours. */
export function kindOfHttpStatus(code: number): ErrorKind {
  switch (code) {
    case 401:
      return "Unauthenticated";
    case 403:
      return "PermissionDenied";
    case 404:
      return "NotFound";
    case 409:
      return "Conflict";
    case 429:
      return "ResourceExhausted";
    case 499:
      return "Cancelled";
    case 408:
    case 504:
      return "DeadlineExceeded";
    case 502:
    case 503:
      return "Unavailable";
    default:
      return code >= 400 && code < 500 ? "InvalidArgument" : "Internal";
  }
}

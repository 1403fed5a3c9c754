import { logVerbosity, setLogVerbosity } from "@grpc/grpc-js";

/** The library's own lines on stderr are no JSON and tell nothing that its errors do not: silence, unless somebody asks. */
export function quiet(): void {
  if (process.env["GRPC_VERBOSITY"] === undefined) setLogVerbosity(logVerbosity.NONE);
}

import type { ConnectionOptions } from "@nats-io/transport-node";

/** Files of PEM text for connections to NATS. They are read anew for each connection, so that renewed ones count. */
export interface TlsFiles {
  /** Authorities that the servers' certificates are checked by; the system's own when absent. */
  readonly caFile?: string | undefined;
  /** Certificate and key that show who we are, where servers ask for one. */
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
}

/** TLS as the NATS client takes it; none without files: then a server that asks for TLS gets it with the system's authorities. */
export function tlsOptions(files: TlsFiles | undefined): Pick<ConnectionOptions, "tls"> {
  const { caFile, certFile, keyFile } = files ?? {};
  if (caFile === undefined && certFile === undefined) return {};
  return {
    tls: {
      ...(caFile !== undefined && { caFile }),
      ...(certFile !== undefined && { certFile }),
      ...(keyFile !== undefined && { keyFile }),
    },
  };
}

import { readFileSync, unwatchFile, watchFile } from "node:fs";
import { createSecureContext } from "node:tls";
import { coerceError, PlatformError } from "@millrace/core";
import type { Logger } from "@millrace/telemetry";

/** Where a certificate and its key are, as PEM. */
export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** A certificate and its key, as PEM. */
export interface CertificatePair {
  readonly cert: Buffer;
  readonly key: Buffer;
}

const LOOK_MS = 5_000;

/**
 * Reads a certificate and its key, which must belong together.
 *
 * @throws PlatformError `INVALID_CERTIFICATE`
 */
export function readCertificate({ certFile, keyFile }: CertificateFiles): CertificatePair {
  try {
    const pair = { cert: readFileSync(certFile), key: readFileSync(keyFile) };
    createSecureContext(pair);
    return pair;
  } catch (thrown) {
    const message = `${certFile} and ${keyFile} are no certificate with its key: ${coerceError(thrown).message}`;
    throw new PlatformError("InvalidArgument", "INVALID_CERTIFICATE", message, { cause: thrown });
  }
}

/** Tells of a renewed certificate within seconds. One that cannot be used is logged, and the old one goes on. */
export function watchCertificate(
  files: CertificateFiles,
  log: Logger,
  onRenewed: (pair: CertificatePair) => void,
): () => void {
  const look = (): void => {
    try {
      onRenewed(readCertificate(files));
      log.info("certificate.renewed", { certFile: files.certFile });
    } catch (thrown) {
      log.warn("certificate.not_renewed", { error: coerceError(thrown) });
    }
  };
  const paths = [files.certFile, files.keyFile];
  for (const path of paths) watchFile(path, { interval: LOOK_MS, persistent: false }, look);
  return () => {
    for (const path of paths) unwatchFile(path, look);
  };
}

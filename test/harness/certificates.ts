/** An authority and certificates for tests, made with openssl. */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

/** PEM files of a certificate. */
export interface TestCertificate {
  readonly certFile: string;
  readonly keyFile: string;
}

/** An authority that lives as long as its folder. */
export class TestAuthority {
  readonly caFile: string;
  readonly #folder: string;
  readonly #keyFile: string;

  constructor(folder: string, name = "test authority") {
    this.#folder = folder;
    this.caFile = join(folder, "ca.pem");
    this.#keyFile = join(folder, "ca.key");
    const subject = ["-subj", `/CN=${name}`, "-days", "2", "-keyout", this.#keyFile, "-out", this.caFile];
    openssl(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", ...subject]);
  }

  /** A certificate for this machine's own name and address, good for both ends of a connection; made anew over an older one. */
  issue(name: string): TestCertificate {
    const [certFile, keyFile, request, extensions] = [".pem", ".key", ".csr", ".ext"].map((end) =>
      join(this.#folder, `${name}${end}`),
    ) as [string, string, string, string];
    writeFileSync(extensions, "subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth,clientAuth\n");
    const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", keyFile];
    openssl(["req", ...key, "-subj", `/CN=${name}`, "-out", request]);
    const authority = ["-CA", this.caFile, "-CAkey", this.#keyFile, "-CAcreateserial", "-days", "2"];
    openssl(["x509", "-req", "-in", request, ...authority, "-extfile", extensions, "-out", certFile]);
    return { certFile, keyFile };
  }
}

function openssl(args: readonly string[]): void {
  execFileSync("openssl", args, { stdio: "pipe" });
}

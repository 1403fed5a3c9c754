import { createHmac, timingSafeEqual } from "node:crypto";
import { PlatformError } from "@millrace/core";

/** What a signed address of the house shows to whoever has it. */
export type FileGrant = ObjectGrant | PathGrant;

/** Bytes that never change: an upload, or a file as it was at one moment. Readable as long as somebody keeps them. */
export interface ObjectGrant {
  readonly kind: "object";
  readonly projectId: string;
  readonly objectId: string;
  readonly size: number;
  readonly contentType: string;
  readonly filename: string;
  /** Ms since 1970; undefined when the address lives as long as what it shows. */
  readonly expiresAtMs: number | undefined;
}

/** A file of a project's file store, as it is when somebody asks. */
export interface PathGrant {
  readonly kind: "path";
  readonly projectId: string;
  readonly path: string;
  /** Ms since 1970. */
  readonly expiresAtMs: number;
}

/** Where signed addresses are, below the public URL. */
export const FILE_PATH = "/f/";

const PREFIX = "mrf1";
const MAC_BYTES = 24;
const TOKEN = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{32})$/;
/** A path of 1,024 bytes in base64url in base64url, with everything else. */
const TOKEN_LENGTH_MAX = 8_192;

type Fields = readonly (string | number | null)[];

/** Makes and checks the tokens of signed addresses: `<grant>.<mac>` in base64url, the MAC under the house's token key. */
export class FileTokens {
  readonly #key: Uint8Array;

  constructor(key: Uint8Array) {
    this.#key = key;
  }

  sign(grant: FileGrant): string {
    const text = Buffer.from(JSON.stringify(toFields(grant))).toString("base64url");
    return `${text}.${this.#mac(text).toString("base64url")}`;
  }

  /**
   * Reads a token, in constant time where it matters.
   *
   * @throws PlatformError `FILE_LINK_INVALID` or `FILE_LINK_EXPIRED`, both PermissionDenied
   */
  verify(token: string, nowMs: number): FileGrant {
    const [, text, mac] = token.length > TOKEN_LENGTH_MAX ? [] : (TOKEN.exec(token) ?? []);
    if (text === undefined || mac === undefined) throw invalidLink();
    if (!timingSafeEqual(Buffer.from(mac, "base64url"), this.#mac(text))) throw invalidLink();
    const grant = fromFields(JSON.parse(Buffer.from(text, "base64url").toString("utf8")) as Fields);
    if (grant.expiresAtMs === undefined || grant.expiresAtMs > nowMs) return grant;
    const message = `this link has expired at ${new Date(grant.expiresAtMs).toISOString()}; ask for a new one`;
    throw new PlatformError("PermissionDenied", "FILE_LINK_EXPIRED", message);
  }

  /** What a token shows, whenever it expires; undefined for text that is none. */
  find(token: string): FileGrant | undefined {
    try {
      return this.verify(token, 0);
    } catch {
      return undefined;
    }
  }

  /** The prefix keeps what is signed here apart from everything else that is signed with the same key. */
  #mac(text: string): Buffer {
    return createHmac("sha256", this.#key).update(`${PREFIX}.${text}`).digest().subarray(0, MAC_BYTES);
  }
}

function toFields(grant: FileGrant): Fields {
  if (grant.kind === "path") return ["path", grant.projectId, grant.path, grant.expiresAtMs];
  const { projectId, objectId, size, contentType, filename, expiresAtMs } = grant;
  return ["object", projectId, objectId, size, contentType, filename, expiresAtMs ?? null];
}

/** Only called for text that this house has signed. */
function fromFields(fields: Fields): FileGrant {
  if (fields[0] === "path") {
    const [, projectId, path, expiresAtMs] = fields as [string, string, string, number];
    return { kind: "path", projectId, path, expiresAtMs };
  }
  const [, projectId, objectId, size, contentType, filename, expiry] = fields as [
    string,
    string,
    string,
    number,
    string,
    string,
    number | null,
  ];
  return { kind: "object", projectId, objectId, size, contentType, filename, expiresAtMs: expiry ?? undefined };
}

function invalidLink(): PlatformError {
  return new PlatformError("PermissionDenied", "FILE_LINK_INVALID", "this is not a link that the house has made");
}

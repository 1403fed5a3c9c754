import { timingSafeEqual } from "node:crypto";
import type { RunTokenMac } from "@millrace/core";
import type { DraftRecord, Drafts } from "@millrace/store";

const ENDPOINT = /^test-([0-9a-f]{32})-([0-9a-f]{32})$/;
const PURPOSE = "millrace test address ";

/** Addresses that take requests to test drafts with. They are signed: what is guessed asks no database. */
export class TestAddresses {
  readonly #mac: RunTokenMac;
  readonly #drafts: Drafts;

  constructor(mac: RunTokenMac, drafts: Drafts) {
    this.#mac = mac;
    this.#drafts = drafts;
  }

  /** What stands behind `/t/` in the address of a draft. */
  endpointOf({ id }: Pick<DraftRecord, "id">): string {
    const plain = id.replaceAll("-", "");
    return `test-${plain}-${this.#sign(plain)}`;
  }

  /** The draft that an endpoint is of; undefined when it is nobody's. */
  draftOf(endpoint: string): string | undefined {
    const [, plain, signature] = ENDPOINT.exec(endpoint) ?? [];
    if (plain === undefined || signature === undefined) return undefined;
    if (!timingSafeEqual(Buffer.from(signature), Buffer.from(this.#sign(plain)))) return undefined;
    return plain.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  }

  /** Keeps a request for whoever waits for it; false when the draft is gone. */
  keep(draftId: string, eventJson: Buffer): Promise<boolean> {
    return this.#drafts.addEvent(draftId, eventJson);
  }

  #sign(plain: string): string {
    return Buffer.from(this.#mac(Buffer.from(`${PURPOSE}${plain}`)))
      .toString("hex")
      .slice(0, 32);
  }
}

import type { EventEmitter } from "node:events";
import type { Duplex } from "node:stream";
import { PlatformError } from "@millrace/core";
import pg from "pg";
import type { Primary } from "./primary.ts";

/** What is needed of a client's inside; its own methods do the same when a socket breaks. */
interface Inside {
  readonly connection: EventEmitter & { readonly stream: Duplex };
}

/**
 * A connection to the primary, whichever server that is now. What it commits is replicated before it says so: when the wait for
 * the standby is broken off (a cancel, a shutdown), Postgres reports success with a warning, and this connection breaks instead,
 * so that whoever wrote finds the outcome unknown. That one place covers everything that is ever committed.
 */
export class PrimaryClient extends pg.Client {
  readonly #primary: Primary;
  #breaking = false;

  constructor(primary: Primary, config: pg.ClientConfig) {
    super(primary.clientConfig(config));
    this.#primary = primary;
    // Whatever breaks while nobody asks shows at the next use.
    this.on("error", () => undefined);
    this.on("notice", (notice) => this.#onNotice(notice));
    this.once("end", () => this.#primary.onClosed(this));
  }

  override connect(): Promise<this>;
  override connect(callback: ((error: Error) => void) | ((error: null, client: pg.ClientBase) => void)): void;
  override connect(callback?: (error: never, client: pg.ClientBase) => void): Promise<this> | void {
    const connected = this.#connect();
    if (callback === undefined) return connected;
    const told = callback as (error: unknown, client?: pg.ClientBase) => void;
    connected.then(() => told(null, this), told);
  }

  /** Ends the connection at once; what is under way on it fails as if the network had gone. */
  break(error: Error): void {
    if (this.#breaking) return;
    this.#breaking = true;
    const { connection } = this as unknown as Inside;
    connection.emit("error", error);
    connection.stream.destroy();
  }

  async #connect(): Promise<this> {
    const server = await this.#primary.locate();
    if (server !== undefined) {
      this.host = server.host;
      this.port = server.port;
    }
    try {
      await super.connect();
      await this.#primary.admit(this, server);
      return this;
    } catch (thrown) {
      this.#primary.onRefused(server);
      this.break(thrown as Error);
      throw thrown;
    }
  }

  #onNotice(notice: { code?: string | undefined; routine?: string | undefined }): void {
    if (!isUnreplicated(notice)) return;
    this.#primary.doubt();
    this.break(
      new PlatformError(
        "Unavailable",
        "COMMIT_NOT_REPLICATED",
        "The wait for the standby was broken off: the change stands on this server alone and counts as not made",
      ),
    );
  }
}

/**
 * Postgres words the warning in the server's language; the code and the place it comes from are the same in all. Where a proxy
 * leaves the place out, any plain warning counts: a commit that is repeated costs nothing.
 */
function isUnreplicated({ code, routine }: { code?: string | undefined; routine?: string | undefined }): boolean {
  return code === "01000" && (routine === undefined || routine === "SyncRepWaitForLSN");
}

import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

import { loadTools } from "@millrace/provision";

/** A package that a test makes up. */
export interface MadePackage {
  readonly name: string;
  readonly version: string;
  /** Text by path: of a wheel as it is installed, of a source archive as it is built. */
  readonly files: Readonly<Record<string, string>>;
  readonly requires?: readonly string[];
  /** True for one that exists only as source. */
  readonly source?: boolean;
}

interface MadeFile {
  readonly file: string;
  readonly sha256: string;
  readonly bytes: Buffer;
}

/** An index of packages on this machine, with packages that tests make up. */
export class PackageIndex {
  readonly url: string;
  readonly #server: Server;
  readonly #files = new Map<string, MadeFile[]>();
  #held: ServerResponse[] | undefined;
  #onHeld: (() => void) | undefined;

  private constructor(server: Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/simple`;
  }

  static async start(): Promise<PackageIndex> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const index = new PackageIndex(server);
    server.on("request", (request, response) => index.#serve(request.url ?? "/", response));
    return index;
  }

  /** Publishes packages; returns the SHA-256 of each file. */
  add(...packages: readonly MadePackage[]): string[] {
    const program = join(import.meta.dirname, "make_packages.py");
    const made = JSON.parse(
      execFileSync(loadTools().python, [program], { input: JSON.stringify(packages), maxBuffer: 1 << 28 }).toString(),
    ) as { file: string; data: string; sha256: string }[];
    for (const [position, { file, data, sha256 }] of made.entries()) {
      const { name } = packages[position]!;
      const bytes = Buffer.from(data, "base64");
      this.#files.set(name, [...(this.#files.get(name) ?? []), { file, sha256, bytes }]);
    }
    return made.map(({ sha256 }) => sha256);
  }

  /** Answers no download from now on; resolves at the first one that waits. */
  hold(): Promise<void> {
    this.#held = [];
    return new Promise((resolve) => (this.#onHeld = resolve));
  }

  /** Answers downloads again; those that waited are cut off. */
  release(): void {
    for (const response of this.#held ?? []) response.destroy();
    this.#held = undefined;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #serve(url: string, response: ServerResponse): void {
    const [, folder, name] = url.split("/");
    if (folder === "files") return this.#download(name ?? "", response);
    const files = this.#files.get(name ?? "");
    if (files === undefined) return void response.writeHead(404).end();
    response.writeHead(200, { "content-type": "text/html" });
    response.end(files.map(({ file, sha256 }) => `<a href="/files/${file}#sha256=${sha256}">${file}</a>`).join("\n"));
  }

  #download(name: string, response: ServerResponse): void {
    if (this.#held !== undefined) {
      this.#held.push(response);
      this.#onHeld?.();
      return;
    }
    const found = [...this.#files.values()].flat().find(({ file }) => file === name);
    if (found === undefined) return void response.writeHead(404).end();
    response.writeHead(200, { "content-length": found.bytes.length });
    response.end(found.bytes);
  }
}

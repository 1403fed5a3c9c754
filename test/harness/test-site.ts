import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

/** A request as the site got it. */
export interface SiteRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

type Route = (request: SiteRequest, response: ServerResponse) => void;

/** A local HTTP server in place of other people's sites. What has no route of its own is answered with itself, as JSON. */
export class TestSite {
  readonly url: string;
  /** Everything that was asked for, in order. */
  readonly requests: SiteRequest[] = [];
  readonly #server: Server;
  readonly #routes = new Map<string, Route>();

  private constructor(server: Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(): Promise<TestSite> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const site = new TestSite(server);
    server.on("request", (request, response) => void site.#serve(request, response));
    return site;
  }

  /** Answers what is asked for at a path, whatever the query. */
  route(path: string, route: Route): void {
    this.#routes.set(path, route);
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "", url = "/", headers } = request;
    const seen = { method, path: url, headers, body: await text(request) };
    this.requests.push(seen);
    const route = this.#routes.get(url.split("?")[0]!);
    if (route !== undefined) return route(seen, response);
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify(seen));
  }
}

import { connect, type Socket } from "node:net";

const HEADER_END = "\r\n\r\n";

/**
 * One kept connection that sends prepared requests, one at a time, and reads answers with a Content-Length: what is measured
 * shall be the server, not Node's HTTP client (which takes about 0.1 ms a request).
 */
export class HttpConnection {
  private readonly socket: Socket;
  private readonly request: Buffer;
  private received = "";
  private settle: { resolve: () => void; reject: (error: Error) => void } | undefined;

  private constructor(socket: Socket, request: Buffer) {
    this.socket = socket;
    this.request = request;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.onData(chunk));
    socket.on("error", (error) => this.finish(error));
    socket.on("close", () => this.finish(new Error("the server closed the connection")));
  }

  /** Connects to a URL; every request is a POST of this JSON body. */
  static open(url: string, body: string): Promise<HttpConnection> {
    const { hostname, port, pathname, host } = new URL(url);
    const head = `POST ${pathname} HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\n`;
    const request = Buffer.from(`${head}Content-Length: ${Buffer.byteLength(body)}${HEADER_END}${body}`);
    return new Promise((resolve, reject) => {
      const socket = connect(Number(port), hostname, () => resolve(new HttpConnection(socket, request)));
      socket.once("error", reject);
    });
  }

  /** One exchange; fails on any other status than 200. */
  post(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.settle = { resolve, reject };
      this.socket.write(this.request);
    });
  }

  close(): void {
    this.socket.removeAllListeners("close");
    this.socket.destroy();
  }

  private onData(chunk: Buffer): void {
    this.received += chunk.toString("latin1");
    const end = this.received.indexOf(HEADER_END);
    if (end < 0) return;
    const length = Number(/^content-length: (\d+)/im.exec(this.received.slice(0, end))?.[1] ?? Number.NaN);
    if (Number.isNaN(length)) return this.finish(new Error("an answer has no Content-Length"));
    if (this.received.length < end + HEADER_END.length + length) return;
    const status = this.received.slice(9, 12);
    this.received = "";
    this.finish(status === "200" ? undefined : new Error(`answered ${status}`));
  }

  private finish(error: Error | undefined): void {
    const { settle } = this;
    this.settle = undefined;
    if (error) settle?.reject(error);
    else settle?.resolve();
  }
}

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
  private settle: { resolve: (status: number) => void; reject: (error: Error) => void } | undefined;

  private constructor(socket: Socket, request: Buffer) {
    this.socket = socket;
    this.request = request;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.onData(chunk));
    socket.on("error", (error) => this.fail(error));
    socket.on("close", () => this.fail(new Error("the server closed the connection")));
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

  /** True while the server has not closed it. */
  get isOpen(): boolean {
    return this.socket.writable;
  }

  /** One exchange; fails on any other status than 200. */
  async post(): Promise<void> {
    const status = await this.exchange();
    if (status !== 200) throw new Error(`answered ${status}`);
  }

  /** One exchange; resolves to the status of its answer. */
  exchange(): Promise<number> {
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
    if (Number.isNaN(length)) return this.fail(new Error("an answer has no Content-Length"));
    if (this.received.length < end + HEADER_END.length + length) return;
    const status = Number(this.received.slice(9, 12));
    this.received = "";
    const { settle } = this;
    this.settle = undefined;
    settle?.resolve(status);
  }

  private fail(error: Error): void {
    const { settle } = this;
    this.settle = undefined;
    settle?.reject(error);
  }
}

import { connect, type Socket } from "node:net";

const HEADER_END = "\r\n\r\n";
const NOTHING: Buffer = Buffer.alloc(0);

/**
 * One kept connection that sends prepared requests, one at a time, and reads answers with a Content-Length: what is measured
 * shall be the server, not Node's HTTP client (which takes about 0.1 ms a request).
 */
export class HttpConnection {
  private readonly socket: Socket;
  private readonly request: Buffer;
  private received: Buffer = NOTHING;
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
    const received = this.received.length === 0 ? chunk : Buffer.concat([this.received, chunk]);
    const end = received.indexOf(HEADER_END);
    const length = end < 0 ? Infinity : contentLength(received.toString("latin1", 0, end));
    if (Number.isNaN(length)) return this.fail(new Error("an answer has no Content-Length"));
    const isWhole = received.length >= end + HEADER_END.length + length;
    this.received = isWhole ? NOTHING : received;
    if (!isWhole) return;
    const { settle } = this;
    this.settle = undefined;
    settle?.resolve(Number(received.toString("latin1", 9, 12)));
  }

  private fail(error: Error): void {
    const { settle } = this;
    this.settle = undefined;
    settle?.reject(error);
  }
}

function contentLength(head: string): number {
  return Number(/\ncontent-length: (\d+)/i.exec(head)?.[1] ?? Number.NaN);
}

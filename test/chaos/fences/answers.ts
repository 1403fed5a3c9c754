import assert from "node:assert/strict";
import type { TestHouse } from "../../harness/test-house.ts";

const PIECES = 40;
const PIECE_MS = 150;

/** An answer in pieces, each with the name of the execution that has made it. */
const STREAM = `import time, uuid

def handler(pd):
    token = uuid.uuid4().hex
    def pieces():
        for n in range(${PIECES}):
            yield f"{token} {n}\\n"
            time.sleep(${PIECE_MS / 1000})
    pd.respond({"status": 200, "headers": {"content-type": "text/plain", "x-token": token}, "body": pieces()})
    return token
`;

/** An answer that waits for no checkpoint, in the middle of a step. */
const IMMEDIATE = `import time, uuid

def handler(pd):
    token = uuid.uuid4().hex
    time.sleep(2)
    pd.respond({"status": 200, "headers": {"x-token": token}, "body": token, "immediate": True})
    time.sleep(2)
    return token
`;

/** What one client has got. */
interface Got {
  readonly runId: string;
  /** The execution that its status and headers came from. */
  readonly token: string;
  readonly atMs: number;
  body: string;
  /** Whether the body came to its end, as far as the client can tell. */
  whole: boolean;
}

/** Clients who wait for answers that are not held for a checkpoint, while something is frozen. */
export class AnswerClients {
  readonly #house: TestHouse;
  readonly #urls: { readonly stream: string; readonly immediate: string };
  readonly #streams: Got[] = [];
  #streaming: Promise<void>[] = [];
  #immediate: Promise<Got>[] = [];

  private constructor(house: TestHouse, urls: { readonly stream: string; readonly immediate: string }) {
    this.#house = house;
    this.#urls = urls;
  }

  static async deploy(house: TestHouse): Promise<AnswerClients> {
    const trigger = { http: { respond: "workflow" } };
    const { url: stream } = await house.deploy({ name: "stream", trigger, steps: { answer: STREAM } });
    const { url: immediate } = await house.deploy({ name: "immediate", trigger, steps: { answer: IMMEDIATE } });
    return new AnswerClients(house, { stream, immediate });
  }

  begin(streams: number, immediate: number): void {
    const ask = async (url: string): Promise<Response> => fetch(url, { signal: AbortSignal.timeout(90_000) });
    this.#streaming = Array.from({ length: streams }, async () => this.#read(await ask(this.#urls.stream)));
    this.#immediate = Array.from({ length: immediate }, async () => {
      const response = await ask(this.#urls.immediate);
      return { ...gotOf(response), body: await response.text(), whole: true };
    });
  }

  /** Bodies of which a client has something. */
  get begun(): number {
    return this.#streams.filter(({ body }) => body !== "").length;
  }

  async #read(response: Response): Promise<void> {
    const got = gotOf(response);
    this.#streams.push(got);
    const text = new TextDecoder();
    try {
      for await (const chunk of response.body!) got.body += text.decode(chunk as Uint8Array, { stream: true });
      got.whole = true;
    } catch {
      got.whole = false;
    }
  }

  /** What is whole is the answer of the execution that history keeps, and nobody has got pieces of two. Returns how many are not whole. */
  async check(frozenMs: number): Promise<number> {
    await Promise.all(this.#streaming);
    for (const { runId, token, body, whole } of this.#streams) {
      const lines = body.split("\n").slice(0, -1);
      assert.deepEqual(
        lines,
        Array.from(lines, (_, n) => `${token} ${n}`),
        `run ${runId}: pieces of another execution`,
      );
      if (!whole) continue;
      assert.equal(lines.length, PIECES, `run ${runId}: a body that looks whole lacks pieces`);
      assert.equal(token, await this.#kept(runId), `run ${runId}: a whole body of an execution that does not count`);
    }
    for (const { runId, token, atMs, body } of await Promise.all(this.#immediate)) {
      assert.equal(body, token);
      if (atMs > frozenMs + 1_000)
        assert.equal(token, await this.#kept(runId), `run ${runId}: an answer of an execution that does not count`);
    }
    return this.#streams.filter(({ whole }) => !whole).length;
  }

  async #kept(runId: string): Promise<unknown> {
    const { steps } = await this.#house.waitRun(runId);
    return steps[0]?.returnValue;
  }
}

function gotOf({ headers, status }: Response): Got {
  assert.equal(status, 200);
  const runId = headers.get("millrace-run") ?? "";
  return { runId, token: headers.get("x-token") ?? "", atMs: performance.now(), body: "", whole: false };
}

import { ApiError, brokenAnswer, send, type CallOptions, type Query } from "./http.ts";

const LONGEST_PAUSE_MS = 10_000;

/** The events of a stream of the API, until it ends or `signal` is aborted. Throws an `ApiError` when it ends badly. */
export async function* stream<T>(
  method: string,
  path: string,
  options: CallOptions & { signal: AbortSignal },
): AsyncGenerator<T> {
  const response = await send(method, path, options);
  let event = "";
  let data = "";
  for await (const line of linesOf(response.body!, options.signal)) {
    if (line.startsWith("event:")) event = line.slice(6).trim();
    else if (line.startsWith("data:")) data += line.slice(5).trim();
    else if (line === "" && data !== "") {
      if (event === "end") return;
      const message = JSON.parse(data) as StreamMessage<T>;
      if (event === "error") throw new ApiError(0, message.error?.message ?? "the stream broke", reasonOf(message));
      yield message as Awaited<T>;
      [event, data] = ["", ""];
    }
  }
  throw brokenAnswer();
}

type StreamMessage<T> = T & { error?: { message?: string; details?: { reason?: string }[] } };

function reasonOf(message: StreamMessage<unknown>): string {
  return message.error?.details?.find(({ reason }) => reason !== undefined)?.reason ?? "";
}

async function* linesOf(body: ReadableStream<Uint8Array>, signal: AbortSignal): AsyncGenerator<string> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
      rest = lines.pop()!;
      yield* lines;
    }
  } catch (thrown) {
    throw signal.aborted ? thrown : brokenAnswer();
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** Follows a stream until `signal` is aborted; one that breaks is opened again, with growing pauses and what `query` then says. */
export async function follow<T>(
  path: string,
  signal: AbortSignal,
  on: { readonly event: (message: T) => void; readonly state: (live: boolean) => void },
  query: () => Query = () => ({}),
): Promise<void> {
  for (let failures = 0; !signal.aborted;) {
    try {
      for await (const message of stream<T>("GET", path, { query: query(), signal })) {
        failures = 0;
        on.state(true);
        on.event(message);
      }
      return;
    } catch (thrown) {
      if (signal.aborted) return;
      if (thrown instanceof ApiError && thrown.status >= 400 && thrown.status < 500 && thrown.status !== 429)
        throw thrown;
      on.state(false);
      failures += 1;
      await pause(Math.min(250 * 2 ** failures, LONGEST_PAUSE_MS), signal);
    }
  }
}

/** Passes after a time, or at once when nobody waits any more. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const finish = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", finish);
      resolve();
    };
    const timer = setTimeout(finish, ms);
    signal.addEventListener("abort", finish);
  });
}

import assert from "node:assert/strict";

/** The data of server-sent events as they come, until somebody has had enough. */
export async function* eventsOf<T>(response: Response): AsyncGenerator<T> {
  assert.equal(response.status, 200, await (response.ok ? "" : response.text()));
  let text = "";
  for await (const piece of response.body!.pipeThrough(new TextDecoderStream())) {
    text += piece;
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const data = /^data: (.*)$/m.exec(text.slice(0, end))?.[1];
      text = text.slice(end + 2);
      if (data !== undefined && data !== "{}") yield JSON.parse(data) as T;
    }
  }
}

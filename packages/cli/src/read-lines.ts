import { PlatformError } from "@millrace/core";

const LINE_FEED = 10;

/** The lines of a stream as text in UTF-8, numbered from 1, each of at most so many bytes. */
export async function* readLines(
  input: AsyncIterable<Buffer>,
  bytesMax: number,
): AsyncGenerator<{ number: number; text: string }> {
  const utf8 = new TextDecoder("utf-8", { fatal: true });
  let number = 1;
  let begun: Buffer[] = [];
  let bytes = 0;
  const take = (rest: Buffer): { number: number; text: string } => {
    const line = Buffer.concat([...begun, rest]);
    begun = [];
    bytes = 0;
    return { number: number++, text: decode(utf8, line, number - 1) };
  };
  for await (const chunk of input) {
    let from = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, from)) {
      yield take(chunk.subarray(from, end));
      from = end + 1;
    }
    begun.push(chunk.subarray(from));
    bytes += chunk.length - from;
    if (bytes > bytesMax) {
      throw new PlatformError("InvalidArgument", "INPUT_TOO_LARGE", `Line ${number} is larger than ${bytesMax} bytes.`);
    }
  }
  if (bytes > 0) yield take(Buffer.alloc(0));
}

function decode(utf8: TextDecoder, line: Buffer, number: number): string {
  try {
    return utf8.decode(line);
  } catch (cause) {
    throw new PlatformError("InvalidArgument", "NOT_UTF8", `Line ${number} is not text in UTF-8.`, { cause });
  }
}

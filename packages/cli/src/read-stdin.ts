import { PlatformError } from "@millrace/core";

/** Reads what is piped in as text in UTF-8, up to a bound. */
export async function readStdin(bytesMax: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > bytesMax) {
      throw new PlatformError(
        "InvalidArgument",
        "INPUT_TOO_LARGE",
        `What is piped in is larger than ${bytesMax} bytes.`,
      );
    }
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks));
  } catch (cause) {
    throw new PlatformError("InvalidArgument", "NOT_UTF8", "What is piped in is not text in UTF-8.", { cause });
  }
}

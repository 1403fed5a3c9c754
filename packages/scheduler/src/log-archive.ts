import type { LogReader, LogStream } from "@millrace/bus";
import { step, type control } from "@millrace/protocol";
import type { LogRecord, LogStreamName, Store } from "@millrace/store";

const STREAM_NAMES: ReadonlyMap<number, LogStreamName> = new Map([
  [step.LogStream.STDOUT, "stdout"],
  [step.LogStream.STDERR, "stderr"],
  [step.LogStream.ERROR, "error"],
  [step.LogStream.SYSTEM, "system"],
]);

/** Moves log lines from the stream to the record; what could not be written comes again. */
export function archiveLogs(stream: LogStream, logs: Store["logs"], onRefused: (lines: number) => void): LogReader {
  return stream.consume(async (batches) => {
    const refused = await logs.insert(batches.flatMap(toRecords));
    if (refused > 0) onRefused(refused);
  });
}

function toRecords({ handing, lines }: control.LogBatch): LogRecord[] {
  if (!handing) return [];
  const { runId, assignment } = handing;
  return lines.map(({ sequence, time, stream, path, text }) => ({
    ...{ runId, assignment, sequence, path, text },
    timeMs: time?.getTime() ?? 0,
    stream: STREAM_NAMES.get(stream) ?? "system",
  }));
}

import type { CDPSession } from "playwright-core";

/** What a page's heap of JavaScript takes, in bytes. */
export interface Heap {
  /** All that is alive in it. */
  readonly whole: number;
  /**
   * The same without code: values alone. An engine compiles what runs often, with bounds that are its own; whatever a page
   * leaks is here.
   */
  readonly values: number;
}

interface Snapshot {
  readonly snapshot: { readonly meta: { readonly node_fields: string[]; readonly node_types: [string[]] } };
  readonly nodes: readonly number[];
}

/** What is code, or has a place of its own outside the heap. */
const NO_VALUES = new Set(["code", "native", "synthetic"]);

/** Measures the heap of a page behind a collection of its garbage. */
export async function readHeap(session: CDPSession): Promise<Heap> {
  for (let round = 0; round < 3; round++) await session.send("HeapProfiler.collectGarbage");
  const { usedSize } = await session.send("Runtime.getHeapUsage");
  return { whole: usedSize, values: valueBytes(await takeSnapshot(session)) };
}

async function takeSnapshot(session: CDPSession): Promise<Snapshot> {
  const chunks: string[] = [];
  const keep = ({ chunk }: { chunk: string }): void => void chunks.push(chunk);
  session.on("HeapProfiler.addHeapSnapshotChunk", keep);
  await session.send("HeapProfiler.takeHeapSnapshot", { reportProgress: false });
  session.off("HeapProfiler.addHeapSnapshotChunk", keep);
  return JSON.parse(chunks.join("")) as Snapshot;
}

function valueBytes({ snapshot: { meta }, nodes }: Snapshot): number {
  const width = meta.node_fields.length;
  const [type, size] = [meta.node_fields.indexOf("type"), meta.node_fields.indexOf("self_size")];
  const counts = meta.node_types[0].map((name) => !NO_VALUES.has(name));
  let bytes = 0;
  for (let at = 0; at < nodes.length; at += width) if (counts[nodes[at + type]!]!) bytes += nodes[at + size]!;
  return bytes;
}

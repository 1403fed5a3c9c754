/** Number of partitions of a house when it is created; kept in its database and fixed from then on. */
export const PARTITION_COUNT_DEFAULT = 256;

/** FNV-1a over the UTF-16 units: stable over releases, since partitions of existing workflows follow from it. */
function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return mix(hash >>> 0);
}

/** Finaliser of MurmurHash3: FNV alone spreads short, similar names badly over the low bits. */
function mix(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** The partition that a workflow belongs to, 0 to `partitionCount - 1`. */
export function partitionOf(workflowId: string, partitionCount: number): number {
  return hash32(workflowId) % partitionCount;
}

/** Who should hold a partition among the living schedulers (rendezvous hashing); undefined when nobody lives. */
export function preferredOwner(partition: number, schedulers: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestWeight = -1;
  for (const name of schedulers) {
    const weight = hash32(`${name}/${partition}`);
    if (weight > bestWeight || (weight === bestWeight && best !== undefined && name < best)) {
      best = name;
      bestWeight = weight;
    }
  }
  return best;
}

/** How much memory JavaScript's heap of this thread has taken, on either runtime. */

interface HeapStatistics {
  /** The capacity counts the shared memory that objects stand for. */
  heapStats(): { readonly heapCapacity: number; readonly extraMemorySize: number };
}

const statistics: HeapStatistics | null =
  process.versions['bun'] === undefined
    ? null
    : ((process.getBuiltinModule('bun:jsc') as HeapStatistics | undefined) ?? null);

/** Bytes of the blocks that objects are in; on Node, of the objects. */
export function heapBytes(): number {
  if (statistics === null) return process.memoryUsage().heapUsed;
  const { heapCapacity, extraMemorySize } = statistics.heapStats();
  return heapCapacity - extraMemorySize;
}

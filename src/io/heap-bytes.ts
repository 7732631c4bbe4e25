/** Bytes of the blocks that this thread's objects are in, on either runtime; shared memory that objects stand for is not in it. Takes microseconds. */
export function heapBytes(): number {
  // Not what Bun says of its heap elsewhere: for that it walks over all objects, milliseconds for which clients would wait.
  return process.memoryUsage().heapTotal;
}

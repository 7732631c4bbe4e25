/**
 * Asks the system for large pages under large shared memory. A store of a gigabyte stands on 262,144 pages of 4 KiB, far more than the
 * processor keeps the places of, so nearly every look-up of an item first waits for a page table; pages of 2 MiB are
 * 512 times fewer. It is advice: where the system's settings or its memory do not allow it, all works as before. Linux's
 * `/sys/kernel/mm/transparent_hugepage/enabled` decides (`madvise` or `always`). Measured in docs/adr/0013-hot-paths.md.
 */
import { createRequire } from 'node:module';
import type * as Foreign from 'bun:ffi';

/** Less memory is not worth it: of a small node a page that is touched in one place only would be a good part. */
export const HUGE_PAGES_BYTES_MIN: number = 64 * 2 ** 20;
const PAGE_BYTES = 4096;
/** `MADV_HUGEPAGE` of `sys/mman.h`. */
const ADVICE_HUGE_PAGE = 14;

/** Advises each of these buffers that is large enough. Returns whether the system took it for all of those, and there were any. */
export function adviseHugePages(buffers: readonly SharedArrayBuffer[]): boolean {
  const large = buffers.filter((buffer) => buffer.byteLength >= HUGE_PAGES_BYTES_MIN);
  if (large.length === 0 || process.platform !== 'linux' || process.versions['bun'] === undefined) return false;
  try {
    const foreign = createRequire(import.meta.url)('bun:ffi') as typeof Foreign;
    const library = foreign.dlopen('libc.so.6', { madvise: { args: ['u64', 'u64', 'i32'], returns: 'i32' } });
    try {
      return large.every((buffer) => {
        const start = Number(foreign.ptr(new Uint8Array(buffer)));
        const pageStart = Math.ceil(start / PAGE_BYTES) * PAGE_BYTES;
        const length = Math.floor((start + buffer.byteLength - pageStart) / PAGE_BYTES) * PAGE_BYTES;
        return library.symbols.madvise(pageStart, length, ADVICE_HUGE_PAGE) === 0;
      });
    } finally {
      library.close();
    }
  } catch {
    // No such library: a C library of another kind.
    return false;
  }
}

/**
 * What to make of a place where a log does not go on with a whole block. Was it *torn*, not written whole because the process or the power ended, so that
 * nobody was told that it is kept? Then the log is cut there. Or is it *corrupt*, damaged after it had been written? Then nothing may be cut.
 *
 * It is torn where both hold:
 *  - no block behind it says that the place was known to survive (`synced to`): had the system confirmed it, it would be whole;
 *  - it looks like something that was never written: the file ends within the block, or a sector of it is all zeros. The system hands sectors of
 *    512 bytes or more to the disk, in any order, so what is missing is missing by sectors; and what was appended and never written reads as zeros.
 *
 * A block can be damaged in a way that looks unwritten. Where that matters, the end of what is durable is marked in the log itself: behind each pause of
 * the writers, and at the end, stands a block without records.
 */
import type { DiskFile } from '../io/disk.ts';
import { BLOCK_ALIGNMENT, BLOCK_HEADER_BYTES, BLOCK_MAGIC, blockBytes, readBlockHeader } from './block.ts';
import type { BlockReader, BlockStop } from './block-reader.ts';

const SECTOR_BYTES = 512;
const SCAN_BYTES: number = 1024 * 1024;

export type Damage =
  | { readonly kind: 'torn' }
  | {
      readonly kind: 'corrupt';
      /** For people, after "is damaged at byte X: ". */
      readonly reason: string;
    };

/** Judges where `reader` stopped, other than at the end, in the last log of a data set. */
export function judgeDamage(file: DiskFile, fileSeed: number, reader: BlockReader): Damage {
  if (!looksUnwritten(file, reader)) return { kind: 'corrupt', reason: stopReason(reader) };
  const evidence = findSyncedBehind(file, fileSeed, reader);
  if (evidence === null) return { kind: 'torn' };
  return {
    kind: 'corrupt',
    reason: `${stopReason(reader)}, and the block at byte ${evidence} says that it was whole before`,
  };
}

/** Why the reader stopped, for people. */
export function stopReason({ stop }: BlockReader): string {
  return STOP_REASONS[stop];
}

const STOP_REASONS: Readonly<Record<BlockStop, string>> = {
  end: 'the file ends',
  header: 'no block begins there',
  short: 'the file ends within a block',
  payload: 'the checksum of a block is wrong',
};

function looksUnwritten(file: DiskFile, { stop, offset, header }: BlockReader): boolean {
  if (stop === 'short') return true;
  if (stop === 'header') return hasZeroSector(file, offset, BLOCK_HEADER_BYTES);
  return hasZeroSector(file, offset + BLOCK_HEADER_BYTES, header.payloadLength);
}

/** Whether the part of some sector that lies in the range is all zeros. */
function hasZeroSector(file: DiskFile, start: number, length: number): boolean {
  const bytes = Buffer.allocUnsafe(length);
  const end = start + file.read(bytes, 0, length, start);
  for (let from = start; from < end; ) {
    const to = Math.min(end, from + SECTOR_BYTES - (from % SECTOR_BYTES));
    if (bytes.subarray(from - start, to - start).every(isZero)) return true;
    from = to;
  }
  return false;
}

/** The first block behind the place that says that the place survived; null: there is none. */
function findSyncedBehind(file: DiskFile, fileSeed: number, reader: BlockReader): number | null {
  let found: number | null = null;
  eachHeaderBehind(file, fileSeed, reader.offset, (offset, syncedTo) => {
    if (syncedTo <= reader.offset) return true;
    found = offset;
    return false;
  });
  return found;
}

/** Calls `visit` with each whole header of a block behind `offset`, until it says false. */
export function eachHeaderBehind(
  file: DiskFile,
  fileSeed: number,
  offset: number,
  visit: (offset: number, syncedTo: number, length: number) => boolean,
): void {
  const size = file.size();
  const bytes = Buffer.allocUnsafe(Math.min(SCAN_BYTES, Math.max(0, size - offset)));
  let windowOffset = offset + BLOCK_ALIGNMENT;
  while (windowOffset + BLOCK_HEADER_BYTES <= size) {
    const length = file.read(bytes, 0, Math.min(bytes.length, size - windowOffset), windowOffset);
    if (length < BLOCK_HEADER_BYTES) return;
    const window = bytes.subarray(0, length);
    for (let at = window.indexOf(BLOCK_MAGIC); at !== -1; at = window.indexOf(BLOCK_MAGIC, at + 1)) {
      if (at + BLOCK_HEADER_BYTES > length || (windowOffset + at) % BLOCK_ALIGNMENT !== 0) continue;
      const header = readBlockHeader(window, at, fileSeed, windowOffset + at);
      if (header !== null && !visit(windowOffset + at, header.syncedTo, blockBytes(header.payloadLength))) return;
    }
    if (windowOffset + length >= size) return;
    // A header may stand across the border.
    windowOffset += length - BLOCK_HEADER_BYTES + BLOCK_ALIGNMENT;
  }
}

function isZero(byte: number): boolean {
  return byte === 0;
}

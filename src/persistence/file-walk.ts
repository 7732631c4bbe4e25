/**
 * All of a log or snapshot that is whole, whatever is damaged between: a block that is not as it was written is passed over, up to the next that is. For
 * those who look at a data set or save what is left of it; a recovery stops at the first damage.
 */
import type { DiskFile } from '../io/disk.ts';
import { BlockReader } from './block-reader.ts';
import { eachHeaderBehind, stopReason } from './damage.ts';
import { FILE_HEADER_BYTES, type FileIdentity, fileSeed } from './file-names.ts';
import { RecordKind, RecordReader } from './records.ts';

/** A part of a file of which nothing can be used. */
export interface DamagedPart {
  readonly offset: number;
  readonly bytes: number;
  /** For people, after "is damaged at byte X: ". */
  readonly reason: string;
}

export interface WalkVisitor {
  /** Called with each record; `offset` is that of its block in the file. What the reader says holds during the call. */
  readonly record: (record: RecordReader, offset: number) => void;
  readonly damage: (part: DamagedPart) => void;
}

/** What a walk came to. */
export interface WalkResult {
  readonly blockCount: number;
  readonly recordCount: number;
  readonly itemCount: number;
  /** What the last record of a snapshot says; null: there was none. */
  readonly endItemCount: number | null;
  /** Where the first damage stopped a reader, null: nowhere. A log may be torn there. */
  readonly firstStop: BlockReader | null;
}

export function walkFile(file: DiskFile, identity: FileIdentity, visitor: WalkVisitor): WalkResult {
  const seed = fileSeed(identity);
  const records = new RecordReader();
  let blockCount = 0;
  let recordCount = 0;
  let itemCount = 0;
  let endItemCount: number | null = null;
  let firstStop: BlockReader | null = null;
  for (let offset = FILE_HEADER_BYTES; ; ) {
    const reader = new BlockReader(file, seed, offset);
    while (reader.next()) {
      blockCount += 1;
      records.begin(reader.bytes, reader.payloadStart, reader.payloadEnd);
      while (records.next()) {
        recordCount += 1;
        if (records.kind === RecordKind.item) itemCount += 1;
        if (records.kind === RecordKind.end) endItemCount = records.itemCount;
        visitor.record(records, reader.offset);
      }
      if (records.problem !== null)
        visitor.damage({
          offset: reader.offset,
          bytes: reader.payloadEnd - records.recordEnd,
          reason: records.problem,
        });
    }
    if (reader.stop === 'end') break;
    firstStop ??= reader;
    const next = nextWhole(file, seed, reader.offset);
    visitor.damage({ offset: reader.offset, bytes: (next ?? reader.size) - reader.offset, reason: stopReason(reader) });
    if (next === null) break;
    offset = next;
  }
  return { blockCount, recordCount, itemCount, endItemCount, firstStop };
}

/** Where the next whole block behind `offset` begins; null: there is none. */
function nextWhole(file: DiskFile, seed: number, offset: number): number | null {
  let found: number | null = null;
  eachHeaderBehind(file, seed, offset, (at) => {
    if (!new BlockReader(file, seed, at).next()) return true;
    found = at;
    return false;
  });
  return found;
}

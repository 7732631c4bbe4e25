/** The records of a data set, one after the other, for people and their tools. Changes nothing. */
import { unreachable } from '../base/assert.ts';
import type { Disk } from '../io/disk.ts';
import { EVERY_NAMESPACE } from '../store/change-ring.ts';
import { CLAIM_TAKEN } from '../store/slot-notes.ts';
import { DATABASE_COUNT } from '../store/types.ts';
import { findDataFiles } from './data-files.ts';
import { diskFailure } from './data-folder.ts';
import { type DamagedPart, walkFile } from './file-walk.ts';
import { RecordKind, type RecordReader } from './records.ts';

/** Where an entry stands: file, and the offset of its block in it. */
interface Place {
  readonly file: string;
  readonly offset: number;
}

/** Bytes are views, which hold during the call that brings them. Name spaces are those of src/store/namespaces.ts. */
export type DumpEntry =
  | (Place & {
      readonly kind: 'item';
      readonly namespace: number;
      readonly key: Buffer;
      readonly value: Buffer;
      /** ms since 1970; 0: none. */
      readonly expiresAtMs: number;
    })
  | (Place & { readonly kind: 'removed'; readonly namespace: number; readonly key: Buffer })
  /** `namespace` is null where all are meant. */
  | (Place & { readonly kind: 'flushed'; readonly namespace: number | null })
  | (Place & { readonly kind: 'mapping'; readonly namespaces: readonly number[] })
  | (Place & { readonly kind: 'end'; readonly itemCount: number })
  | (Place & { readonly kind: 'cluster'; readonly name: string })
  /** `slots`: first and last of each range; `namespace` as of `flushed`. */
  | (Place & {
      readonly kind: 'cleared' | 'emptied';
      readonly namespace: number | null;
      readonly slots: readonly number[];
    })
  /** `isTaken`: as what followed that time. */
  | (Place & {
      readonly kind: 'claimed';
      readonly time: number;
      readonly isTaken: boolean;
      readonly slots: readonly number[];
    })
  | (Place & { readonly kind: 'damaged' } & Omit<DamagedPart, 'offset'>);

/** Calls `visit` with each entry in the order in which a recovery reads them. Throws a ShoalError, DataSetFailed, where there is no data set or it cannot be read. */
export function dumpDataSet(disk: Disk, path: string, visit: (entry: DumpEntry) => void): void {
  const { folder, files } = findDataFiles(disk, path);
  for (const listed of files) {
    try {
      const file = disk.open(folder.pathOf(listed.name), 'read');
      try {
        walkFile(file, listed, {
          record: (record, offset) => visit(entryOf(record, { file: listed.name, offset })),
          damage: (part) => visit({ kind: 'damaged', file: listed.name, ...part }),
        });
      } finally {
        file.close();
      }
    } catch (error) {
      throw diskFailure(error, `cannot read ${folder.pathOf(listed.name)}`);
    }
  }
}

function entryOf(record: RecordReader, place: Place): DumpEntry {
  const { kind, namespace } = record;
  switch (kind) {
    case RecordKind.item: {
      const { valueStart, valueLength, expiresAtMs } = record;
      const value = record.bytes.subarray(valueStart, valueStart + valueLength);
      return { ...place, kind: 'item', namespace, key: keyOf(record), value, expiresAtMs };
    }
    case RecordKind.removed:
      return { ...place, kind: 'removed', namespace, key: keyOf(record) };
    case RecordKind.flushed:
      return { ...place, kind: 'flushed', namespace: namespace === EVERY_NAMESPACE ? null : namespace };
    case RecordKind.mapping: {
      const namespaces = Array.from({ length: DATABASE_COUNT }, (_unused, database) => record.namespaceOf(database));
      return { ...place, kind: 'mapping', namespaces };
    }
    case RecordKind.cluster:
      return { ...place, kind: 'cluster', name: keyOf(record).toString('utf8') };
    case RecordKind.cleared:
    case RecordKind.emptied: {
      const of = namespace === EVERY_NAMESPACE ? null : namespace;
      return {
        ...place,
        kind: kind === RecordKind.cleared ? 'cleared' : 'emptied',
        namespace: of,
        slots: rangesOf(record),
      };
    }
    case RecordKind.claimed: {
      const { time, flags } = record.note;
      return { ...place, kind: 'claimed', time, isTaken: (flags & CLAIM_TAKEN) !== 0, slots: rangesOf(record) };
    }
    case RecordKind.end:
      return { ...place, kind: 'end', itemCount: record.itemCount };
    default:
      return unreachable(kind);
  }
}

function rangesOf({ note }: RecordReader): readonly number[] {
  const ranges: number[] = [];
  for (const slot of note.slots) {
    if (ranges.at(-1) === slot - 1) ranges[ranges.length - 1] = slot;
    else ranges.push(slot, slot);
  }
  return ranges;
}

function keyOf({ bytes, keyStart, keyLength }: RecordReader): Buffer {
  return bytes.subarray(keyStart, keyStart + keyLength);
}

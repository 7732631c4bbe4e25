/**
 * Saves what is left of a damaged data set: copies the records of all blocks that are whole, in their order, to a new data set, as one log. What was in a
 * damaged block is missing there, so an older value of a key may be the newest that is left.
 */
import type { Disk } from '../io/disk.ts';
import { codeOf } from '../io/system-error.ts';
import { ShoalError } from '../base/errors.ts';
import { BlockWriter } from './block-writer.ts';
import { findDataFiles } from './data-files.ts';
import { diskFailure } from './data-folder.ts';
import { DataSet, type DataSetOptions } from './data-set.ts';
import { FILE_HEADER_BYTES, fileSeed } from './file-names.ts';
import { type DamagedPart, walkFile } from './file-walk.ts';
import { RecordKind } from './records.ts';

export interface SalvageReport {
  readonly recordCount: number;
  /** Records of items: of one key there may be several. */
  readonly itemCount: number;
  readonly leftOut: readonly (DamagedPart & { readonly name: string })[];
  /** Files that are listed and not there. */
  readonly missing: readonly string[];
}

/** The new log is synced, and the lock shown, after so many bytes. */
const SYNC_BYTES: number = 64 * 1024 * 1024;

/**
 * Copies the data set in `from` to `to`, a folder that is not there or empty. Throws a ShoalError, DataSetFailed; then `to` holds an empty data set or
 * none. `options`: of the new data set; the key of item versions is that of the old one where it is known.
 */
export function salvageDataSet(disk: Disk, from: string, to: string, options: DataSetOptions): SalvageReport {
  const found = findDataFiles(disk, from);
  const { itemVersionSeed } = found.manifest ?? options;
  refuseUsed(disk, to);
  const dataSet = DataSet.open(disk, to, { ...options, itemVersionSeed });
  const leftOut: (DamagedPart & { readonly name: string })[] = [];
  const missing: string[] = [];
  try {
    const identity = dataSet.newFile('log');
    const target = dataSet.files.createFile(identity);
    const writer = new BlockWriter(target, fileSeed(identity), FILE_HEADER_BYTES);
    try {
      for (const listed of found.files) {
        const file = openIfThere(disk, found.folder.pathOf(listed.name));
        if (file === null) {
          missing.push(listed.name);
          continue;
        }
        try {
          walkFile(file, listed, {
            record(record) {
              // The new data set is a node's by itself: what the old one owned in its cluster means nothing there.
              const isClusters = record.kind === RecordKind.cluster || record.kind === RecordKind.claimed;
              if (record.kind === RecordKind.end || isClusters) return;
              if (record.kind === RecordKind.item) writer.itemCount += 1;
              writer.copy(record.bytes, record.start, record.recordEnd);
              if (writer.offset - writer.syncedTo < SYNC_BYTES) return;
              writer.sync();
              dataSet.keepLock();
            },
            damage: (part) => void leftOut.push({ name: listed.name, ...part }),
          });
        } finally {
          file.close();
        }
      }
      writer.sync();
      writer.mark();
      writer.sync();
    } finally {
      target.close();
    }
    dataSet.files.finishFile(identity);
    dataSet.publish({ ...dataSet.manifest, firstLog: identity.number, lastLog: identity.number });
    return { recordCount: writer.recordCount, itemCount: writer.itemCount, leftOut, missing };
  } catch (error) {
    throw diskFailure(error, `cannot copy ${from} to ${to}`);
  } finally {
    dataSet.close();
  }
}

function refuseUsed(disk: Disk, folder: string): void {
  let names: readonly string[] = [];
  try {
    names = disk.list(folder);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw diskFailure(error, `cannot use the folder ${folder}`);
  }
  if (names.length > 0)
    throw new ShoalError(
      'DataSetFailed',
      `the folder ${folder} is not empty: give a new one, so that nothing is mixed`,
    );
}

function openIfThere(disk: Disk, path: string): ReturnType<Disk['open']> | null {
  try {
    return disk.open(path, 'read');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}

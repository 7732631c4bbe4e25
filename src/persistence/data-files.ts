/**
 * The files of a data set as they are found, for those who look at one or save what is left: with a manifest those that it lists, without one the newest
 * snapshot and all logs. Nothing is changed and no lock is taken.
 */
import { ShoalError } from '../base/errors.ts';
import type { Disk } from '../io/disk.ts';
import { codeOf } from '../io/system-error.ts';
import { DataFolder, diskFailure, type ListedFile } from './data-folder.ts';
import {
  FILE_HEADER_BYTES,
  type FileKind,
  headerDataSetId,
  isAsideName,
  MANIFEST_NAME,
  parseFileName,
} from './file-names.ts';
import type { Manifest } from './manifest.ts';

export interface DataFiles {
  readonly folder: DataFolder;
  /** Null: there is none that can be used, and `manifestProblem` says why. */
  readonly manifest: Manifest | null;
  readonly manifestProblem: string | null;
  /** In the order in which they are read; some may be missing. */
  readonly files: readonly ListedFile[];
  /** Names of files that a recovery would not read. */
  readonly leftOvers: readonly string[];
}

/** Throws a ShoalError, DataSetFailed, where there is no data set. */
export function findDataFiles(disk: Disk, path: string): DataFiles {
  const folder = new DataFolder(disk, path);
  try {
    const names = folder.dataFileNames();
    const unfinished = disk.list(path).filter(isAsideName);
    let manifest: Manifest | null = null;
    let manifestProblem: string | null = null;
    try {
      manifest = folder.readManifest();
      if (manifest === null) manifestProblem = `${folder.pathOf(MANIFEST_NAME)} is missing`;
    } catch (error) {
      manifestProblem = diskFailure(error, 'cannot read the manifest').message;
    }
    if (manifest === null && names.length === 0) throw new ShoalError('DataSetFailed', `${path} holds no data set`);
    const files = manifest === null ? guessFiles(folder, names) : folder.listedFiles(manifest);
    const read = new Set(files.map(({ name }) => name));
    const leftOvers = [...names.filter((name) => !read.has(name)), ...unfinished];
    return { folder, manifest, manifestProblem, files, leftOvers };
  } catch (error) {
    if (codeOf(error) === 'ENOENT') throw new ShoalError('DataSetFailed', `the folder ${path} is not there`);
    throw diskFailure(error, `cannot read the folder ${path}`);
  }
}

/**
 * The newest snapshot, then all logs. Logs from before the snapshot do no harm: whatever they say of a key is said again, or later, by those behind
 * them, as long as none of them is missing.
 */
function guessFiles(folder: DataFolder, names: readonly string[]): readonly ListedFile[] {
  const found = names.map((name) => ({ name, ...parseFileName(name)! }));
  const snapshots = found.filter(({ kind }) => kind === 'snapshot').slice(-1);
  const logs = found.filter(({ kind }) => kind === 'log');
  const files = [...snapshots, ...logs];
  const dataSetId = firstDataSetId(folder, files);
  return files.map(({ name, kind, number }) => ({ name, kind, number, dataSetId }));
}

function firstDataSetId(
  folder: DataFolder,
  files: readonly { readonly name: string; readonly kind: FileKind }[],
): Uint8Array {
  for (const { name } of files) {
    const file = folder.disk.open(folder.pathOf(name), 'read');
    try {
      const header = Buffer.alloc(FILE_HEADER_BYTES);
      const id = headerDataSetId(header.subarray(0, file.read(header, 0, header.length, 0)));
      if (id !== null) return id;
    } finally {
      file.close();
    }
  }
  throw new ShoalError(
    'DataSetFailed',
    `${folder.path}: neither ${MANIFEST_NAME} nor the header of any file says which data set this is, so nothing can be verified`,
  );
}

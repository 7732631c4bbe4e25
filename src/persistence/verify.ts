/** Looks at each byte of a data set and says what is not as it was written. Changes nothing. */
import type { Disk, DiskFile } from '../io/disk.ts';
import { codeOf } from '../io/system-error.ts';
import { judgeDamage } from './damage.ts';
import { findDataFiles } from './data-files.ts';
import { diskFailure, type ListedFile } from './data-folder.ts';
import { FILE_HEADER_BYTES, type FileKind, fileHeaderProblem, fileSeed } from './file-names.ts';
import { type DamagedPart, walkFile, type WalkResult } from './file-walk.ts';

/** `torn`: the end of the last log was not written whole, and a start cuts it off. */
export type FileCondition = 'whole' | 'torn' | 'damaged' | 'missing';

export interface FileReport {
  readonly name: string;
  readonly kind: FileKind;
  readonly condition: FileCondition;
  readonly bytes: number;
  readonly blockCount: number;
  readonly recordCount: number;
  readonly itemCount: number;
  /** Of a file that is damaged as a whole, or missing: why, as the end of a sentence that begins with its name; else null. */
  readonly problem: string | null;
  readonly damaged: readonly DamagedPart[];
}

export interface VerifyReport {
  readonly folder: string;
  /** Why there is no manifest, or null. */
  readonly manifestProblem: string | null;
  readonly files: readonly FileReport[];
  /** Files that nobody would read; a start removes them. */
  readonly leftOvers: readonly string[];
  /** Whether a start would load it. */
  readonly isLoadable: boolean;
}

/** Throws a ShoalError, DataSetFailed, where there is no data set or it cannot be read. `onFile` is called before each file. */
export function verifyDataSet(disk: Disk, path: string, onFile: (name: string) => void = () => {}): VerifyReport {
  const { folder, manifest, manifestProblem, files, leftOvers } = findDataFiles(disk, path);
  const reports: FileReport[] = [];
  for (const listed of files) {
    onFile(listed.name);
    const isLastLog = listed.kind === 'log' && listed.number === manifest?.lastLog;
    try {
      const file = disk.open(folder.pathOf(listed.name), 'read');
      try {
        reports.push(verifyFile(file, listed, isLastLog));
      } finally {
        file.close();
      }
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw diskFailure(error, `cannot read ${folder.pathOf(listed.name)}`);
      reports.push(reportOf(listed, 'missing', { problem: 'is missing, and MANIFEST lists it' }));
    }
  }
  const isLoadable =
    manifestProblem === null && reports.every(({ condition }) => condition === 'whole' || condition === 'torn');
  return { folder: path, manifestProblem, files: reports, leftOvers, isLoadable };
}

function verifyFile(file: DiskFile, listed: ListedFile, isLastLog: boolean): FileReport {
  const bytes = file.size();
  const header = Buffer.alloc(FILE_HEADER_BYTES);
  const problem = fileHeaderProblem(header.subarray(0, file.read(header, 0, header.length, 0)), listed);
  const damaged: DamagedPart[] = [];
  const walk = walkFile(file, listed, { record: () => {}, damage: (part) => void damaged.push(part) });
  const { firstStop } = walk;
  const details = { bytes, walk, damaged };
  if (problem !== null) return reportOf(listed, 'damaged', { ...details, problem });
  if (isLastLog && damaged.length > 0 && firstStop !== null && damaged[0]!.offset === firstStop.offset) {
    const isTorn = judgeDamage(file, fileSeed(listed), firstStop).kind === 'torn';
    return reportOf(listed, isTorn ? 'torn' : 'damaged', { ...details, problem: null });
  }
  if (damaged.length > 0) return reportOf(listed, 'damaged', { ...details, problem: null });
  return reportOf(listed, ...snapshotCondition(listed, walk, details));
}

function snapshotCondition(
  { kind }: ListedFile,
  { endItemCount, itemCount }: WalkResult,
  details: ReportDetails,
): [FileCondition, ReportDetails] {
  if (kind === 'log') return ['whole', details];
  if (endItemCount === null) return ['damaged', { ...details, problem: 'ends without its last record' }];
  if (endItemCount !== itemCount)
    return ['damaged', { ...details, problem: `holds ${itemCount} items instead of ${endItemCount}` }];
  return ['whole', details];
}

interface ReportDetails {
  readonly problem?: string | null;
  readonly bytes?: number;
  readonly walk?: WalkResult;
  readonly damaged?: readonly DamagedPart[];
}

function reportOf({ name, kind }: ListedFile, condition: FileCondition, details: ReportDetails): FileReport {
  const { problem = null, bytes = 0, walk, damaged = [] } = details;
  const { blockCount = 0, recordCount = 0, itemCount = 0 } = walk ?? {};
  return { name, kind, condition, bytes, blockCount, recordCount, itemCount, problem, damaged };
}

/** A log that is being appended to: its file, and whether the manifest lists it, which says whether a recovery would read it. */
import type { DiskFile } from '../io/disk.ts';
import { BlockWriter } from './block-writer.ts';
import type { ChangeTail } from './change-tail.ts';
import { FILE_HEADER_BYTES, type FileIdentity, fileSeed } from './file-names.ts';

export class AppendLog {
  readonly identity: FileIdentity;
  readonly writer: BlockWriter;
  /** One that is not listed yet counts only with the snapshot that is being made together with it. */
  isListed: boolean;
  private readonly file: DiskFile;
  private beginningEnd = FILE_HEADER_BYTES;

  /** Goes on at `offset` of `file`, before which all is synced. */
  constructor(
    identity: FileIdentity,
    { file, offset, isListed }: { file: DiskFile; offset: number; isListed: boolean },
  ) {
    this.identity = identity;
    this.file = file;
    this.isListed = isListed;
    this.writer = new BlockWriter(file, fileSeed(identity), offset);
  }

  /** Writes what a new log begins with. Throws what the disk throws. */
  begin(tail: ChangeTail): void {
    tail.writeHead(this.writer);
    this.writer.sync();
    this.beginningEnd = this.writer.offset;
  }

  /** Whether it holds no change. */
  get isEmpty(): boolean {
    return this.writer.offset === this.beginningEnd;
  }

  /** Whether its file says of all that it holds that it is durable. */
  get isMarked(): boolean {
    return this.writer.syncedTo !== this.writer.offset;
  }

  close(): void {
    this.file.close();
  }
}

/**
 * Reads the blocks of a file in order, through a window that moves over it. What is wrong is said and not judged: `stop` tells why `next` went no
 * further, and where.
 */
import type { DiskFile } from '../io/disk.ts';
import { BLOCK_HEADER_BYTES, type BlockHeader, blockBytes, isPayloadWhole, readBlockHeader } from './block.ts';
import { FILE_HEADER_BYTES } from './file-names.ts';

/** Read at once: enough that calls cost nothing, and little enough that what was read is in the processor's cache when it is used. */
const WINDOW_BYTES: number = 1024 * 1024;

/**
 * Why there is no further block. `end`: the file ends here. `header`: no header of a block stands at `offset`. `short`: the file ends before the block
 * does. `payload`: its checksum is wrong.
 */
export type BlockStop = 'end' | 'header' | 'short' | 'payload';

export class BlockReader {
  /** Of the block that `next` came to. */
  header: BlockHeader = { payloadLength: 0, payloadCrc: 0, recordCount: 0, syncedTo: 0 };
  /** Where that block, or what stands in the place of one, begins. */
  offset: number;
  /** The payload is `bytes[payloadStart..payloadEnd)`, until the next call. */
  bytes: Buffer = Buffer.allocUnsafe(WINDOW_BYTES);
  payloadStart = 0;
  payloadEnd = 0;
  stop: BlockStop = 'end';
  readonly size: number;
  private readonly file: DiskFile;
  private readonly fileSeed: number;
  private after: number;
  /** `bytes[0..windowLength)` are those of the file from `windowOffset` on. */
  private windowOffset = 0;
  private windowLength = 0;

  constructor(file: DiskFile, fileSeed: number, offset: number = FILE_HEADER_BYTES) {
    this.file = file;
    this.fileSeed = fileSeed;
    this.size = file.size();
    this.offset = offset;
    this.after = offset;
  }

  /** Goes to the next block; false where there is none, as `stop` says. */
  next(): boolean {
    this.offset = this.after;
    if (this.offset >= this.size) return this.stopAt('end');
    if (!this.have(BLOCK_HEADER_BYTES)) return this.stopAt('short');
    const header = readBlockHeader(this.bytes, this.offset - this.windowOffset, this.fileSeed, this.offset);
    if (header === null) return this.stopAt('header');
    this.header = header;
    const length = blockBytes(header.payloadLength);
    if (!this.have(length)) return this.stopAt('short');
    this.payloadStart = this.offset - this.windowOffset + BLOCK_HEADER_BYTES;
    this.payloadEnd = this.payloadStart + header.payloadLength;
    if (!isPayloadWhole(this.bytes, this.payloadStart, header)) return this.stopAt('payload');
    this.after = this.offset + length;
    return true;
  }

  /** Moves the window so that it holds `length` bytes from `offset`; false where the file has not so many. */
  private have(length: number): boolean {
    const { offset } = this;
    if (offset + length > this.size) return false;
    if (offset + length <= this.windowOffset + this.windowLength) return true;
    const wanted = Math.max(length, Math.min(WINDOW_BYTES, this.size - offset));
    if (wanted > this.bytes.length) this.bytes = Buffer.allocUnsafe(wanted);
    else if (length <= WINDOW_BYTES && this.bytes.length > WINDOW_BYTES) this.bytes = Buffer.allocUnsafe(WINDOW_BYTES);
    this.windowOffset = offset;
    this.windowLength = this.file.read(this.bytes, 0, wanted, offset);
    return length <= this.windowLength;
  }

  private stopAt(stop: BlockStop): false {
    this.stop = stop;
    return false;
  }
}

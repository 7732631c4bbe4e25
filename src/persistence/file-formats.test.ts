/** The bytes of headers, blocks and manifests, as docs/DATA-FILES.md draws them; computed by another program. */
import { describe, expect, test } from 'bun:test';
import { SimulatedDisk } from '../../sim/disk.ts';
import { crc32 } from '../base/crc32.ts';
import { BLOCK_HEADER_BYTES, readBlockHeader, sealBlock } from './block.ts';
import { BlockReader } from './block-reader.ts';
import { BlockWriter } from './block-writer.ts';
import {
  encodeFileHeader,
  fileHeaderProblem,
  type FileIdentity,
  fileName,
  fileSeed,
  headerDataSetId,
  isAsideName,
  parseFileName,
} from './file-names.ts';
import { decodeManifest, encodeManifest, type Manifest } from './manifest.ts';

const ID = Buffer.alloc(16, 7);
const LOG: FileIdentity = { kind: 'log', dataSetId: ID, number: 3 };
const MANIFEST: Manifest = { dataSetId: ID, itemVersionSeed: [-5, 9], snapshot: 2, firstLog: 3, lastLog: 4 };

function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(' ', ''), 'hex');
}

const LOG_HEADER = hex('53484f414c4c4f47 01000000 00000000 07070707070707070707070707070707 03000000 1569fd8a');
const BLOCK = hex('53424c4b fc68a401 06000000 4fd2a827 01000000 00000000 0000000000004440 020000 0100 6b 0000');
const MANIFEST_FILE = hex(
  '53484f414c534554 01000000 89a7cfe7 07070707070707070707070707070707 fbffffff 09000000 02000000 03000000 04000000',
);

describe('names', () => {
  test('of files, both ways', () => {
    expect(fileName('log', 7)).toBe('log-0000000007.shoal');
    expect(parseFileName('log-0000000007.shoal')).toEqual({ kind: 'log', number: 7 });
    expect(parseFileName(fileName('snapshot', 4_294_967_295))).toEqual({ kind: 'snapshot', number: 4_294_967_295 });
  });

  test.each([
    'log-7.shoal',
    'log-0000000000.shoal',
    'log-9999999999.shoal',
    'log-0000000007.shoal.next',
    'MANIFEST',
    'x',
  ])('%s is none of a log or snapshot', (name) => {
    expect(parseFileName(name)).toBeNull();
  });

  test('of files that are not finished', () => {
    expect(['MANIFEST.next', 'log-0000000007.shoal.next'].map(isAsideName)).toEqual([true, true]);
    expect(['MANIFEST', 'log-0000000007.shoal', 'notes.next', 'LOCK.0a.new'].map(isAsideName)).not.toContain(true);
  });
});

describe('the header of a file', () => {
  test('is drawn so', () => {
    expect(encodeFileHeader(LOG)).toEqual(LOG_HEADER);
    expect(fileSeed(LOG)).toBe(LOG_HEADER.readUInt32LE(36));
    expect(fileHeaderProblem(LOG_HEADER, LOG)).toBeNull();
    expect(headerDataSetId(LOG_HEADER)).toEqual(new Uint8Array(ID));
  });

  test('no damage to any bit goes unseen', () => {
    for (let bit = 0; bit < LOG_HEADER.length * 8; bit += 1) {
      const damaged = Buffer.from(LOG_HEADER);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      expect(fileHeaderProblem(damaged, LOG)).toBeString();
    }
    for (let length = 0; length < LOG_HEADER.length; length += 1)
      expect(fileHeaderProblem(LOG_HEADER.subarray(0, length), LOG)).toBe(`ends after ${length} bytes, in its header`);
  });

  test.each<[string, Partial<FileIdentity>, string]>([
    ['of another kind', { kind: 'snapshot' }, 'is no log of Shoal'],
    ['of another data set', { dataSetId: Buffer.alloc(16, 8) }, 'belongs to another data set'],
    ['of another number', { number: 9 }, 'is number 9 under another name'],
  ])('%s is refused', (_name, change, problem) => {
    expect(fileHeaderProblem(encodeFileHeader({ ...LOG, ...change }), LOG)).toBe(problem);
  });

  test('of a newer format is told from a damaged one', () => {
    const newer = Buffer.from(LOG_HEADER);
    newer.writeUInt32LE(2, 8);
    expect(fileHeaderProblem(newer, LOG)).toBe('is damaged: the checksum of its header is wrong');
    newer.writeUInt32LE(crc32(newer.subarray(0, 36)), 36);
    expect(fileHeaderProblem(newer, LOG)).toBe(
      'was written by a newer version of Shoal (format 2; this version knows 1): update this node',
    );
  });
});

describe('a block', () => {
  const seed = fileSeed(LOG);

  test('is drawn so', () => {
    const bytes = Buffer.alloc(64, 0xee);
    hex('020000 0100 6b').copy(bytes, BLOCK_HEADER_BYTES);
    const length = sealBlock(bytes, 6, { recordCount: 1, syncedTo: 40, fileSeed: seed, offset: 40 });
    expect(bytes.subarray(0, length).equals(BLOCK)).toBeTrue();
    expect(readBlockHeader(BLOCK, 0, seed, 40)).toMatchObject({ payloadLength: 6, recordCount: 1, syncedTo: 40 });
  });

  test('counts in its place and its file alone', () => {
    expect(readBlockHeader(BLOCK, 0, seed, 48)).toBeNull();
    expect(readBlockHeader(BLOCK, 0, fileSeed({ ...LOG, number: 4 }), 40)).toBeNull();
    expect(readBlockHeader(BLOCK, 0, fileSeed({ ...LOG, dataSetId: Buffer.alloc(16, 8) }), 40)).toBeNull();
  });

  test('no damage to any bit but those of its padding goes unseen', () => {
    for (let bit = 0; bit < 38 * 8; bit += 1) {
      const damaged = Buffer.from(BLOCK);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      const disk = new SimulatedDisk();
      disk.put('/log', Buffer.concat([LOG_HEADER, damaged]));
      const reader = new BlockReader(disk.open('/log'), seed);
      expect(reader.next()).toBeFalse();
      expect(reader.stop).toBe(bit < 32 * 8 ? 'header' : 'payload');
    }
  });
});

describe('a file of blocks', () => {
  const seed = fileSeed(LOG);

  function write(fill: (writer: BlockWriter) => void): SimulatedDisk {
    const disk = new SimulatedDisk();
    disk.put('/log', LOG_HEADER);
    const writer = new BlockWriter(disk.open('/log'), seed, LOG_HEADER.length);
    fill(writer);
    return disk;
  }

  function read(
    disk: SimulatedDisk,
  ): readonly { readonly offset: number; readonly bytes: string; readonly syncedTo: number }[] {
    const reader = new BlockReader(disk.open('/log'), seed);
    const blocks = [];
    while (reader.next()) {
      const bytes = reader.bytes.toString('latin1', reader.payloadStart, reader.payloadEnd);
      blocks.push({ offset: reader.offset, bytes, syncedTo: reader.header.syncedTo });
    }
    expect(reader.stop).toBe('end');
    return blocks;
  }

  test('a block is written when it is full, or at a flush; a sync is told by the next', () => {
    const value = Buffer.alloc(100_000, 'v');
    const disk = write((writer) => {
      for (let count = 0; count < 3; count += 1) writer.copy(value, 0, value.length);
      writer.sync();
      writer.removed(0, Buffer.from('k'), 0, 1);
      writer.flush();
      writer.flush();
      expect([writer.recordCount, writer.isUnsynced]).toEqual([4, true]);
      writer.sync();
      expect(writer.isUnsynced).toBeFalse();
      writer.mark();
    });
    const [first, second, third, mark, ...rest] = read(disk);
    expect([first!.bytes.length, second!.bytes.length]).toEqual([200_000, 100_000]);
    expect([first!.syncedTo, second!.syncedTo]).toEqual([40, 40]);
    expect(third!.syncedTo).toBe(third!.offset);
    expect(mark).toEqual({ offset: third!.offset + 40, bytes: '', syncedTo: third!.offset + 40 });
    expect(rest).toEqual([]);
  });

  test('a record longer than a block has one of its own', () => {
    const long = Buffer.alloc(3_000_000, 'l');
    const disk = write((writer) => {
      writer.copy(Buffer.from('before'), 0, 6);
      writer.copy(long, 0, long.length);
      writer.copy(Buffer.from('behind'), 0, 6);
      writer.flush();
    });
    expect(read(disk).map(({ bytes }) => (bytes.length > 100 ? bytes.length : bytes))).toEqual([
      'before',
      3_000_000,
      'behind',
    ]);
  });

  test('blocks across the window come back whole', () => {
    const disk = write((writer) => {
      for (let count = 0; count < 40; count += 1) {
        writer.copy(Buffer.alloc(1000 * count, count), 0, 1000 * count);
        writer.flush();
      }
    });
    for (const [count, { bytes }] of read(disk).entries())
      expect(bytes).toBe(String.fromCharCode(count).repeat(1000 * count));
  });
});

describe('the manifest', () => {
  test('is drawn so', () => {
    expect(encodeManifest(MANIFEST)).toEqual(MANIFEST_FILE);
    expect(decodeManifest(MANIFEST_FILE)).toEqual({ ...MANIFEST, dataSetId: new Uint8Array(ID) });
  });

  test('no damage to any bit goes unseen', () => {
    for (let bit = 0; bit < MANIFEST_FILE.length * 8; bit += 1) {
      const damaged = Buffer.from(MANIFEST_FILE);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      expect(decodeManifest(damaged)).toBeString();
    }
    for (let length = 0; length < MANIFEST_FILE.length; length += 1)
      expect(decodeManifest(MANIFEST_FILE.subarray(0, length))).toBeString();
    expect(decodeManifest(Buffer.concat([MANIFEST_FILE, Buffer.alloc(1)]))).toBe('is damaged: its checksum is wrong');
  });

  test.each([
    ['that ends before it begins', { firstLog: 5, lastLog: 4 }],
    ['with a last log and no first', { firstLog: 0, lastLog: 4 }],
    ['of more logs than there can be', { firstLog: 1, lastLog: 4_000_000_000 }],
  ])('a row of logs %s is refused', (_name, change) => {
    expect(decodeManifest(encodeManifest({ ...MANIFEST, ...change }))).toStartWith('is damaged: it names the logs');
  });

  test('of a newer format is told from a damaged one', () => {
    const newer = Buffer.concat([MANIFEST_FILE, Buffer.from('something new')]);
    newer.writeUInt32LE(2, 8);
    newer.writeUInt32LE(crc32(newer.subarray(16), crc32(newer.subarray(0, 12))), 12);
    expect(decodeManifest(newer)).toStartWith('was written by a newer version of Shoal (format 2');
  });
});

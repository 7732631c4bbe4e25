/** What every `Disk` does. `folder`: an empty one of its own. */
import { expect, test } from 'bun:test';
import { join } from 'node:path';
import type { Disk } from '../../src/io/disk.ts';
import { codeOf } from '../../src/io/system-error.ts';

export interface DiskFixture {
  readonly disk: Disk;
  readonly folder: string;
}

export function disksKeepTheContract(fixture: () => DiskFixture): void {
  test('what was written is read, at its place', () => {
    const { disk, folder } = fixture();
    const file = disk.create(join(folder, 'a'));
    file.write(Buffer.from('xxhello worldxx'), 2, 11, 3);
    expect(file.size()).toBe(14);
    const bytes = Buffer.alloc(20, 0xff);
    expect(file.read(bytes, 1, 14, 0)).toBe(14);
    expect(bytes.subarray(0, 17)).toEqual(Buffer.from('\xff\0\0\0hello world\xff\xff', 'latin1'));
    file.sync();
    file.close();
  });

  test('a read brings what there is, and nothing behind the end', () => {
    const { disk, folder } = fixture();
    put(disk, join(folder, 'a'), 'abc');
    const file = disk.open(join(folder, 'a'), 'read');
    const bytes = Buffer.alloc(8);
    expect([file.read(bytes, 0, 8, 1), file.read(bytes, 0, 8, 3), file.read(bytes, 0, 8, 1000)]).toEqual([2, 0, 0]);
    file.close();
  });

  test('many megabytes come back whole', () => {
    const { disk, folder } = fixture();
    const file = disk.create(join(folder, 'a'));
    const written = Buffer.alloc(5_000_000, 'many bytes ');
    file.write(written, 0, written.length, 7);
    const bytes = Buffer.alloc(written.length);
    expect(file.read(bytes, 0, bytes.length, 7)).toBe(bytes.length);
    expect(bytes.equals(written)).toBeTrue();
    file.close();
  });

  test('a file is cut, and what comes behind the cut later is not what stood there', () => {
    const { disk, folder } = fixture();
    const path = join(folder, 'a');
    put(disk, path, 'abcdef');
    const file = disk.open(path, 'update');
    file.truncate(2);
    expect(file.size()).toBe(2);
    file.write(Buffer.from('z'), 0, 1, 4);
    file.close();
    expect(contentOf(disk, path)).toBe('ab\0\0z');
  });

  test('create empties a file that is there', () => {
    const { disk, folder } = fixture();
    put(disk, join(folder, 'a'), 'before');
    put(disk, join(folder, 'a'), 'new');
    expect(contentOf(disk, join(folder, 'a'))).toBe('new');
  });

  test('names: listed, exchanged, removed', () => {
    const { disk, folder } = fixture();
    put(disk, join(folder, 'a'), 'of a');
    put(disk, join(folder, 'b'), 'of b');
    disk.rename(join(folder, 'a'), join(folder, 'b'));
    expect(disk.list(folder)).toEqual(['b']);
    expect(contentOf(disk, join(folder, 'b'))).toBe('of a');
    disk.syncFolder(folder);
    disk.remove(join(folder, 'b'));
    disk.remove(join(folder, 'b'));
    expect(disk.list(folder)).toEqual([]);
  });

  test('a file that is open outlives its name', () => {
    const { disk, folder } = fixture();
    put(disk, join(folder, 'a'), 'abc');
    const file = disk.open(join(folder, 'a'), 'update');
    disk.remove(join(folder, 'a'));
    file.write(Buffer.from('d'), 0, 1, 3);
    expect(file.size()).toBe(4);
    file.close();
    expect(disk.list(folder)).toEqual([]);
  });

  test('what is not there: ENOENT', () => {
    const { disk, folder } = fixture();
    expect(failureOf(() => disk.open(join(folder, 'a'), 'read'))).toBe('ENOENT');
    expect(failureOf(() => disk.rename(join(folder, 'a'), join(folder, 'b')))).toBe('ENOENT');
  });

  test('a folder is made with those above it, once', () => {
    const { disk, folder } = fixture();
    const deep = join(folder, 'x', 'y');
    disk.makeFolder(deep);
    disk.makeFolder(deep);
    put(disk, join(deep, 'a'), 'abc');
    expect(disk.list(deep)).toEqual(['a']);
  });
}

function put(disk: Disk, path: string, text: string): void {
  const file = disk.create(path);
  file.write(Buffer.from(text), 0, text.length, 0);
  file.close();
}

function contentOf(disk: Disk, path: string): string {
  const file = disk.open(path, 'read');
  const bytes = Buffer.alloc(file.size());
  file.read(bytes, 0, bytes.length, 0);
  file.close();
  return bytes.toString('latin1');
}

function failureOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    return codeOf(error);
  }
  return 'none';
}

/** The machine's disk and the simulated one do the same; and the simulated one forgets what it should. */
import { afterAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ProcessEnded, SimulatedDisk } from '../../sim/disk.ts';
import { seededRandom } from '../../src/base/random.ts';
import { SYSTEM_DISK } from '../../src/io/disk.ts';
import { disksKeepTheContract } from './disk-contract.ts';

const made: string[] = [];
afterAll(() => {
  for (const folder of made) rmSync(folder, { recursive: true });
});

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-disk-'));
  made.push(folder);
  return folder;
}

describe("the machine's disk", () => {
  disksKeepTheContract(() => ({ disk: SYSTEM_DISK, folder: newFolder() }));

  test('makes files and folders for this user alone', () => {
    const folder = join(newFolder(), 'data');
    SYSTEM_DISK.makeFolder(folder);
    SYSTEM_DISK.create(join(folder, 'a')).close();
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(statSync(join(folder, 'a')).mode & 0o777).toBe(0o600);
  });
});

describe('the simulated disk', () => {
  disksKeepTheContract(() => ({ disk: new SimulatedDisk(), folder: '/data' }));
});

describe('after a loss of power', () => {
  const NEW = Buffer.alloc(2048, 'n');
  const OLD = Buffer.alloc(2048, 'o');

  /** What a file of four sectors that was overwritten may be, each sector a letter: o, n, or 0 for zeros. */
  function contentsAfter(prepare: (disk: SimulatedDisk) => void, path = '/d/a'): ReadonlySet<string> {
    const disk = new SimulatedDisk();
    disk.put('/d/a', OLD);
    prepare(disk);
    const random = seededRandom(1);
    const found = new Set<string>();
    for (let run = 0; run < 500; run += 1) {
      const content = disk.afterPowerLoss(random).contentOf(path);
      const letters = content === null ? ['none'] : [0, 512, 1024, 1536].map((at) => letterAt(content, at));
      found.add(letters.join(''));
    }
    return found;
  }

  function letterAt(content: Buffer, at: number): string {
    const byte = content[at];
    return byte === undefined ? '' : byte === 0 ? '0' : String.fromCharCode(byte);
  }

  test('any sectors of what was not synced are lost', () => {
    const found = contentsAfter((disk) => disk.open('/d/a').write(NEW, 0, 2048, 0));
    expect(found).toContain('oooo');
    expect(found).toContain('nnnn');
    expect(found).toContain('onon');
    expect(found.size).toBe(16);
  });

  test('what was appended may be missing, zeros or there', () => {
    const found = contentsAfter((disk) => {
      const file = disk.create('/d/b');
      file.sync();
      disk.syncFolder('/d');
      file.write(NEW, 0, 2048, 0);
    }, '/d/b');
    for (const one of ['', 'nnnn', '0000', 'n0n0', 'nn']) expect(found).toContain(one);
    expect(found).not.toContain('none');
  });

  test('nothing that was synced is lost', () => {
    const found = contentsAfter((disk) => {
      const file = disk.open('/d/a');
      file.write(NEW, 0, 2048, 0);
      file.sync();
    });
    expect([...found]).toEqual(['nnnn']);
  });

  test('a name counts once its folder is synced', () => {
    const renamed = (disk: SimulatedDisk): void => {
      disk.put('/d/b', NEW);
      disk.rename('/d/b', '/d/a');
    };
    expect(contentsAfter(renamed)).toEqual(new Set(['oooo', 'nnnn']));
    const synced = (disk: SimulatedDisk): void => {
      renamed(disk);
      disk.syncFolder('/d');
    };
    expect([...contentsAfter(synced)]).toEqual(['nnnn']);
  });

  test('a disk that lies has lost what it says it has synced', () => {
    const found = contentsAfter((disk) => {
      disk.liesAboutSync = true;
      const file = disk.open('/d/a');
      file.write(NEW, 0, 2048, 0);
      file.sync();
    });
    expect(found).toContain('oooo');
  });
});

describe('trouble', () => {
  test('the process ends at a call, and at each after it; what it did is there', () => {
    const disk = new SimulatedDisk();
    const file = disk.create('/d/a');
    disk.endAt = 2;
    expect(() => file.write(Buffer.alloc(2000), 0, 2000, 0)).toThrow(ProcessEnded);
    expect(() => disk.list('/d')).toThrow(ProcessEnded);
    expect(disk.afterProcessEnd().contentOf('/d/a')).toHaveLength(1024);
  });

  test('a full disk takes what fits', () => {
    const disk = new SimulatedDisk();
    disk.capacityBytes = 1000;
    const file = disk.create('/d/a');
    expect(() => file.write(Buffer.alloc(1001), 0, 1001, 0)).toThrow('ENOSPC');
    expect(disk.contentOf('/d/a')).toHaveLength(512);
    disk.remove('/d/a');
    disk.create('/d/b').write(Buffer.alloc(1000), 0, 1000, 0);
  });

  test('a read-only disk is read', () => {
    const disk = new SimulatedDisk();
    disk.put('/d/a', Buffer.from('abc'));
    disk.isReadOnly = true;
    expect(disk.open('/d/a').size()).toBe(3);
    expect(() => disk.create('/d/b')).toThrow('EROFS');
    expect(() => disk.remove('/d/a')).toThrow('EROFS');
  });

  test('any call can be made to fail', () => {
    const disk = new SimulatedDisk();
    disk.onCall = (call, path) => (call === 'sync' && path === '/d/a' ? 'EIO' : null);
    const file = disk.create('/d/a');
    expect(() => file.sync()).toThrow('EIO');
    disk.create('/d/b').sync();
  });
});

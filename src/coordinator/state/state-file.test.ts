import { describe, expect, test } from 'bun:test';
import { join } from 'node:path';
import { CrashingFiles, type FileStep, ProcessEnded, systemError } from '../../../test/support/crashing-files.ts';
import { failureOf } from '../../../test/support/failure-of.ts';
import { decodeStateFile, encodeStateFile, STATE_FILE_NAME, StateFile } from './state-file.ts';
import type { StoredState } from './state-store.ts';

const FOLDER = '/state';
const PATH = join(FOLDER, STATE_FILE_NAME);
const A = Uint8Array.of(1, 2, 3, 4, 5);
const B = Uint8Array.of(6, 7, 8, 9, 10, 11, 12);

describe('the format', () => {
  test('comes back', () => {
    for (const state of [
      { revision: 1, value: A },
      { revision: Number.MAX_SAFE_INTEGER - 1, value: new Uint8Array(0) },
      { revision: 2 ** 32, value: new Uint8Array(100_000).fill(7) },
    ]) {
      expect(decodeStateFile(encodeStateFile(state))).toEqual(state);
    }
  });

  test('no damage to any bit goes unseen', () => {
    const whole = encodeStateFile({ revision: 7, value: A });
    for (let bit = 0; bit < whole.length * 8; bit += 1) {
      const damaged = whole.slice();
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(decodeStateFile(damaged)).toBeString();
    }
    for (let length = 0; length < whole.length; length += 1) {
      expect(decodeStateFile(whole.subarray(0, length))).toBeString();
    }
    expect(decodeStateFile(Buffer.concat([whole, Buffer.from([0])]))).toBeString();
  });

  test('a newer one, whole, is told from a damaged one', () => {
    const { newer, damaged } = newerFormat();
    expect(decodeStateFile(newer)).toBe('was written by a newer version of Shoal (format 2; this version knows 1)');
    expect(decodeStateFile(damaged)).toBe('is damaged: its checksum is wrong');
    expect(decodeStateFile(Buffer.alloc(100, 'x'))).toBe('is no state of a Shoal coordinator');
  });
});

describe('a file that cannot be used', () => {
  test.each([
    ['empty', new Uint8Array(0)],
    ['of another program', Buffer.from('{"version":1,"nodes":[],"comment":"something else altogether"}')],
    ['cut', encodeStateFile({ revision: 3, value: A }).slice(0, 58)],
    ['longer than any', Buffer.concat([encodeStateFile({ revision: 3, value: A }), Buffer.alloc(2_000_000)])],
    ['newer', newerFormat().newer],
  ])('%s: is refused with its name, and stays as it is', async (_, content) => {
    const files = new CrashingFiles();
    files.put(PATH, content);
    const failure = await failureOf(new StateFile(FOLDER, files).open());
    expect(failure).toMatchObject({ code: 'StateStoreFailed' });
    expect(failure.message).toStartWith(`${PATH} `);
    expect(files.contentOf(PATH)).toEqual(new Uint8Array(content));
  });
});

describe('a process or the power that ends at any system call', () => {
  test('leaves the old value or the new one, and the new one once it was said to be written', async () => {
    const seen = new Set<number>();
    await forEachEnd(async (files, answer) => {
      for (const found of [files.afterProcessEnd(), ...files.afterPowerLoss()]) {
        const state = await new StateFile(FOLDER, found).open();
        expect([A, B].some((value) => Buffer.compare(value, state.value) === 0)).toBeTrue();
        expect(state.revision).toBe(Buffer.compare(state.value, A) === 0 ? 1 : 2);
        if (answer === 2) expect(state.revision).toBe(2);
        seen.add(state.revision);
      }
    });
    expect(seen).toEqual(new Set([1, 2]));
  });

  test('takes back nothing that a later process has found there', async () => {
    await forEachEnd(async (files) => {
      const next = files.afterProcessEnd();
      const found = await new StateFile(FOLDER, next).open();
      for (const last of next.afterPowerLoss()) {
        expect(await new StateFile(FOLDER, last).open()).toEqual(found);
      }
    });
  });

  test('loses something on a disk that lies about its syncs, which the model shows', async () => {
    const outcomes = new Set<string>();
    await forEachEnd(
      async (files, answer) => {
        for (const found of files.afterPowerLoss()) {
          const state = await new StateFile(FOLDER, found).open().catch(() => null);
          outcomes.add(state === null ? 'damaged' : answer === 2 && state.revision < 2 ? 'lost' : 'right');
        }
      },
      (files) => {
        files.liesAboutSync = true;
      },
    );
    expect(outcomes).toEqual(new Set(['damaged', 'lost', 'right']));
  });
});

describe('a system call that fails', () => {
  test.each<[FileStep, string, string, string]>([
    ['create', 'EROFS', 'StateStoreFailed', 'the file system is read-only'],
    ['create', 'EACCES', 'StateStoreFailed', 'this user may not use it'],
    ['write', 'ENOSPC', 'StateStoreFailed', 'the disk is full'],
    ['write', 'EDQUOT', 'StateStoreFailed', "the user's share of the disk is used up"],
    ['sync', 'EIO', 'StateStoreFailed', 'the disk fails'],
    ['close', 'EIO', 'StateStoreFailed', 'the disk fails'],
    ['rename', 'EIO', 'StateStoreUnavailable', 'the disk fails'],
    ['syncFolder', 'EIO', 'StateStoreUnavailable', 'the disk fails'],
  ])('%s with %s: %s, and the next write goes well', async (step, code, expected, reason) => {
    const { files, file } = await withA();
    files.onStep = (now, path) => {
      if (now === step) throw systemError(code, path);
    };
    const failure = await failureOf(file.replace(B));
    expect(failure).toMatchObject({ code: expected });
    expect(failure.message).toContain(reason);
    // A disk that is full is not filled further by what was half written.
    expect(files.names()).toEqual([PATH]);
    files.onStep = () => undefined;
    const isNew = step === 'syncFolder';
    expect(await file.latest()).toEqual(isNew ? { revision: 2, value: B } : { revision: 1, value: A });
    for (const found of files.afterPowerLoss()) {
      expect((await new StateFile(FOLDER, found).open()).revision).toBe(isNew ? 2 : 1);
    }
    expect(await file.replace(A)).toBe(isNew ? 3 : 2);
  });

  test('of unknown outcome: what is then handed out has been written anew, as a sync that failed once may lie', async () => {
    const { files, file } = await withA();
    let failing = true;
    files.onStep = (step, path) => {
      if (step === 'syncFolder' && failing) throw systemError('EIO', path);
    };
    await failureOf(file.replace(B));
    failing = false;
    const steps: FileStep[] = [];
    files.onStep = (step) => steps.push(step);
    expect((await file.latest()).revision).toBe(2);
    expect(steps).toEqual(['read', 'create', ...writes(B.length), 'sync', 'close', 'rename', 'syncFolder']);
  });
});

/** How often a file takes half of what is left. */
function writes(valueLength: number): readonly FileStep[] {
  let left = encodeStateFile({ revision: 1, value: new Uint8Array(valueLength) }).length;
  const steps: FileStep[] = [];
  for (; left > 0; left -= Math.ceil(left / 2)) steps.push('write');
  return steps;
}

async function withA(): Promise<{ readonly files: CrashingFiles; readonly file: StateFile }> {
  const files = new CrashingFiles();
  const file = new StateFile(FOLDER, files);
  await file.open();
  await file.replace(A);
  return { files, file };
}

/** Replaces A by B with an end at each step, also after the last; `answer` is what `replace` said, or null. */
async function forEachEnd(
  check: (files: CrashingFiles, answer: number | null) => Promise<void>,
  prepare: (files: CrashingFiles) => void = () => undefined,
): Promise<void> {
  let isWhole = false;
  let ends = 0;
  while (!isWhole) {
    const { files } = await withA();
    prepare(files);
    files.steps = 0;
    files.endAt = ends;
    const file = new StateFile(FOLDER, files);
    let answer: number | null = null;
    try {
      const state: StoredState = await file.open();
      expect(state).toEqual({ revision: 1, value: A });
      answer = await file.replace(B);
      isWhole = true;
    } catch (error) {
      expect((error as Error).cause).toBeInstanceOf(ProcessEnded);
    }
    await check(files, answer);
    ends += 1;
  }
  expect(ends).toBeGreaterThan(10);
}

function newerFormat(): { readonly newer: Uint8Array; readonly damaged: Uint8Array } {
  // What a later version might write: another format, and more behind it than this one knows.
  const damaged = encodeStateFile({ revision: 1, value: A });
  damaged[43] = 2;
  const newer = damaged.slice();
  newer.set(new Bun.CryptoHasher('sha256').update(newer.subarray(40)).digest(), 8);
  return { newer, damaged };
}

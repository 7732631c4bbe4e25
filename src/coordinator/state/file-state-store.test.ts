/** What the contract does not say: dead holders, holders that cannot be seen, and an end at any system call. */
import { describe, expect, test } from 'bun:test';
import { seededRandom } from '../../base/random.ts';
import { CrashingFiles, ProcessEnded, systemError } from '../../../test/support/crashing-files.ts';
import { failureOf } from '../../../test/support/failure-of.ts';
import { ManualStateClock } from '../../../test/support/manual-state-clock.ts';
import { RecordingListener } from '../../../test/support/state-listener.ts';
import { FileStateStore } from './file-state-store.ts';
import { ownIdentity, type ProcessIdentity } from '../../io/process-identity.ts';
import type { StateStore } from './state-store.ts';

const FOLDER = '/state';
const STATE = `${FOLDER}/coordinator.state`;
const A = Uint8Array.of(1, 2, 3);
const B = Uint8Array.of(4, 5, 6, 7);
const ADDRESS = '10.0.0.1:7500';

/** A process with our number that began at another time: a dead one. */
const dead = (address: string): ProcessIdentity => ({ ...ownIdentity(address), boot: bootOfOurs(), began: '1' });
/** One that nobody here can see. */
const elsewhere = (address: string): ProcessIdentity => ({ ...ownIdentity(address), namespace: 'pid:[elsewhere]' });

function bootOfOurs(): string | null {
  return ownIdentity('').boot;
}

interface Place {
  readonly files: CrashingFiles;
  readonly clock: ManualStateClock;
}

function newPlace(): Place {
  return { files: new CrashingFiles(), clock: new ManualStateClock() };
}

function storeIn({ files, clock }: Place, identify = ownIdentity): FileStateStore {
  return new FileStateStore(FOLDER, { files, clock, identify });
}

async function started(
  place: Place,
  identify = ownIdentity,
): Promise<{ store: StateStore; listener: RecordingListener }> {
  const store = storeIn(place, identify);
  const listener = new RecordingListener();
  await store.start(ADDRESS, listener);
  return { store, listener };
}

function lockNames({ files }: Place): readonly string[] {
  return files.names().filter((name) => name.includes('.lock.'));
}

describe('a process that ends at any system call', () => {
  test('is followed by one that finds the old value or the new one, and waits for nobody', async () => {
    const seen = new Set<number>();
    let isWhole = false;
    let ends = 0;
    for (; !isWhole; ends += 1) {
      const place = newPlace();
      const first = await started(place, dead);
      expect(await first.store.write(A, 0)).toEqual({ kind: 'written', revision: 1 });
      await first.store.close();

      place.files.steps = 0;
      place.files.endAt = ends;
      let answer: unknown = null;
      const second = storeIn(place, dead);
      try {
        await second.start(ADDRESS, new RecordingListener());
        answer = await second.write(B, 1);
        await second.close();
        isWhole = place.files.steps < ends;
      } catch (error) {
        expect((error as Error).cause).toBeInstanceOf(ProcessEnded);
      }

      const next: Place = { files: place.files.afterProcessEnd(), clock: place.clock };
      const third = await started(next);
      const { state } = await third.listener.next('elected');
      expect(state).toEqual(state.revision === 1 ? { revision: 1, value: A } : { revision: 2, value: B });
      if (answer !== null) expect(answer).toEqual({ kind: 'written', revision: state.revision });
      seen.add(state.revision);
      // Nothing of the dead one is left but the state.
      expect(lockNames(next)).toHaveLength(1);
      await third.store.close();
      expect(next.files.names()).toEqual([STATE]);
      await second.close();
    }
    expect(ends).toBeGreaterThan(30);
    expect(seen).toEqual(new Set([1, 2]));
  });
});

describe('processes that start together', () => {
  test('in any order of their system calls: exactly one gets the folder', async () => {
    for (let seed = 1; seed <= 150; seed += 1) {
      const before = newPlace();
      for (let count = 0; count < 2; count += 1) await started(before, dead);
      const place = { files: before.files.afterProcessEnd(), clock: new ManualStateClock() };
      const random = seededRandom(seed);
      place.files.turn = async () => {
        for (let turns = Math.floor(random() * 12); turns >= 0; turns -= 1) await Promise.resolve();
      };
      const stores = Array.from({ length: 4 }, () => storeIn(place));
      const starts = stores.map((store) => store.start(ADDRESS, new RecordingListener()));
      const results = await place.clock.until(Promise.allSettled(starts));
      expect([seed, results.filter(({ status }) => status === 'fulfilled').length]).toEqual([seed, 1]);
      for (const store of stores) await store.close();
    }
  });
});

describe('a holder', () => {
  test('that is dead is followed at once', async () => {
    const place = newPlace();
    const first = await started(place, dead);
    await first.store.write(A, 0);
    const second = await started(place);
    expect((await second.listener.next('elected')).state).toEqual({ revision: 1, value: A });
    await second.store.close();
    await first.store.close();
  });

  test('that cannot be seen and renews its lock keeps the folder', async () => {
    const place = newPlace();
    const first = await started(place, elsewhere);
    const second = storeIn(place);
    const listener = new RecordingListener();
    const failure = await place.clock.until(failureOf(second.start(ADDRESS, listener)));
    expect(failure).toMatchObject({ code: 'StateStoreFailed' });
    expect(failure.message).toContain(`in use by process ${process.pid} of another container (coordinator ${ADDRESS})`);
    expect(listener.news).toEqual([
      { kind: 'trouble', text: expect.stringContaining('waiting up to 6 s to see whether process') },
    ]);
    expect(await first.store.write(A, 0)).toEqual({ kind: 'written', revision: 1 });
    await first.store.close();
  });

  test('that cannot be seen and is silent is followed after its time, which it has kept by then', async () => {
    const place = newPlace();
    const first = await started(place, elsewhere);
    await first.store.write(A, 0);
    const untilMs = first.store.electedUntilMs();
    // Its process is gone: nothing of it runs any more.
    const abandoned = { files: place.files.afterProcessEnd(), clock: new ManualStateClock() };
    const startMs = abandoned.clock.monotonicMs();
    const second = storeIn(abandoned);
    const listener = new RecordingListener();
    await abandoned.clock.until(second.start(ADDRESS, listener));
    expect(abandoned.clock.monotonicMs() - startMs).toBeGreaterThan(untilMs - place.clock.monotonicMs());
    expect((await listener.next('elected')).state.value).toEqual(A);
    await second.close();
    await first.store.close();
  });

  test('whose lock was taken away writes nothing any more, says so, and tries again', async () => {
    const place = newPlace();
    const { store, listener } = await started(place);
    await listener.next('elected');
    for (const name of lockNames(place)) await place.files.remove(name);
    expect(await store.write(A, 0)).toEqual({ kind: 'notElected' });
    expect(place.files.contentOf(STATE)).toBeNull();
    expect(store.electedUntilMs()).toBe(-Infinity);
    expect((await listener.next('deposed')).reason).toContain('taken away');
    await place.clock.advance(1100);
    expect((await listener.next('elected')).state.revision).toBe(0);
    expect(await store.write(A, 0)).toEqual({ kind: 'written', revision: 1 });
    await store.close();
  });

  test('that was stopped for longer than its time and lost the folder notices before it writes', async () => {
    const place = newPlace();
    const first = await started(place, elsewhere);
    place.clock.skip(60_000);
    expect(first.store.electedUntilMs()).toBeLessThan(place.clock.monotonicMs());
    const taken = lockNames(place)[0] ?? '';
    await place.files.remove(taken);
    expect(await first.store.write(A, 0)).toEqual({ kind: 'notElected' });
    await first.store.close();
  });

  test('that was stopped and lost nothing goes on', async () => {
    const place = newPlace();
    const { store, listener } = await started(place);
    place.clock.skip(60_000);
    expect(await store.write(A, 0)).toEqual({ kind: 'written', revision: 1 });
    expect(store.electedUntilMs()).toBeGreaterThan(place.clock.monotonicMs());
    expect(listener.news.map(({ kind }) => kind)).toEqual(['elected']);
    await store.close();
  });

  test('renews its time again and again', async () => {
    const place = newPlace();
    const { store } = await started(place);
    for (let count = 0; count < 30; count += 1) {
      await place.clock.advance(500);
      expect(store.electedUntilMs() - place.clock.monotonicMs()).toBeGreaterThan(4000);
    }
    await store.close();
  });
});

describe('trouble', () => {
  test('a disk that fails deposes its holder in time, and is found again when it is over', async () => {
    const place = newPlace();
    const { store, listener } = await started(place);
    await store.write(A, 0);
    place.files.onStep = (_, path) => {
      throw systemError('EIO', path);
    };
    await place.clock.advance(10_000);
    expect((await listener.next('trouble')).text).toContain('the disk fails');
    expect((await listener.next('deposed')).reason).toContain('could not be renewed');
    expect(store.electedUntilMs()).toBe(-Infinity);
    place.files.onStep = () => undefined;
    await place.clock.advance(7000);
    expect((await listener.next('trouble')).text).toBeNull();
    expect((await listener.next('elected')).state).toEqual({ revision: 1, value: A });
    await store.close();
  });

  test('a full disk is told with the refusal, and the end of it with the next write', async () => {
    const place = newPlace();
    const { store, listener } = await started(place);
    place.files.onStep = (step, path) => {
      if (step === 'create') throw systemError('ENOSPC', path);
    };
    expect(await failureOf(store.write(A, 0))).toMatchObject({ code: 'StateStoreFailed' });
    const told = await listener.next('trouble');
    expect(told.text).toContain('the disk is full');
    // The lock is renewed all the same, which is no end of it.
    await place.clock.advance(5000);
    expect(listener.news.at(-1)).toBe(told);
    place.files.onStep = () => undefined;
    expect(await store.write(A, 0)).toEqual({ kind: 'written', revision: 1 });
    expect((await listener.next('trouble')).text).toBeNull();
    await store.close();
  });

  test.each([
    ['makeFolder', 'EACCES', 'cannot make the folder /state: this user may not use it'],
    ['create', 'EROFS', 'cannot use the folder /state: the file system is read-only'],
    ['list', 'ENOTDIR', 'cannot use the folder /state: it, or a folder above it, is a file'],
  ])('a folder that cannot be used at the start (%s: %s) is refused', async (failing, code, text) => {
    const place = newPlace();
    place.files.onStep = (step, path) => {
      if (step === failing) throw systemError(code, path);
    };
    const failure = await failureOf(storeIn(place).start(ADDRESS, new RecordingListener()));
    expect(failure).toMatchObject({ code: 'StateStoreFailed' });
    expect(failure.message).toStartWith(text);
  });

  test('a state that cannot be used leaves no lock behind', async () => {
    const place = newPlace();
    place.files.put(STATE, Buffer.from('garbage'));
    const failure = await failureOf(storeIn(place).start(ADDRESS, new RecordingListener()));
    expect(failure.message).toContain(`${STATE} ends after 7 bytes. It was left as it is`);
    expect(place.files.names()).toEqual([STATE]);
  });

  test('a lock file without a sense counts as that of a holder that cannot be seen', async () => {
    const place = newPlace();
    place.files.put(`${FOLDER}/coordinator.lock.00`, new Uint8Array(0));
    const store = storeIn(place);
    const listener = new RecordingListener();
    await place.clock.until(store.start(ADDRESS, listener));
    expect((await listener.next('trouble')).text).toContain('another process (lock 00)');
    expect((await listener.next('elected')).state.revision).toBe(0);
    await store.close();
  });
});

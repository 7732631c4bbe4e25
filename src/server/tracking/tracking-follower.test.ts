/** How changes get from the log to the threads whose clients may hold the keys. */
import { expect, test } from 'bun:test';
import { StoreDriver } from '../../../test/support/store-driver.ts';
import { CONTROL_CHANGE_CONSUMERS } from '../../store/layout.ts';
import { Store } from '../../store/store.ts';
import type { Mail } from '../threads/mail.ts';
import type { Threads } from '../threads/threads.ts';
import { EVERYTHING, type KeyChanges } from './key-changes.ts';
import { TrackingFollower } from './tracking-follower.ts';
import { trackingHash, TrackingMemory } from './tracking-memory.ts';

const NOW_MS = 1_750_000_000_000;
const THREADS = 2;

/** Takes mail for the test; `isFull`: the receiver takes none. */
class CaughtMail implements Threads {
  readonly count = THREADS;
  readonly own: number;
  readonly caught: { readonly to: number; readonly mail: Mail }[] = [];
  isFull = false;

  constructor(own: number) {
    this.own = own;
  }

  everywhere(): never {
    throw new Error('nobody is asked');
  }

  everywhereAtOnce(): never {
    throw new Error('nobody is asked');
  }

  send(to: number, mail: Mail): void {
    this.caught.push({ to, mail });
  }

  offer(to: number, mail: Mail): boolean {
    if (!this.isFull) this.send(to, mail);
    return !this.isFull;
  }

  sendToOthers(): never {
    throw new Error('nobody is told');
  }
}

function open() {
  const store = Store.create({
    memoryBytes: 2 ** 22,
    segmentBytes: 0,
    threadCount: THREADS,
    eviction: 's3fifo',
    changeLogBytes: 2 ** 18,
    hashSeed: [1, 2],
  });
  const memory = TrackingMemory.create(THREADS);
  const stores = [store, Store.attach(store.handle, 1)] as const;
  // The other thread is between batches.
  store.enter();
  const mail = [new CaughtMail(0), new CaughtMail(1)] as const;
  const followers = stores.map((one, thread) => new TrackingFollower(memory, one, mail[thread]!));
  const [one, two] = followers as [TrackingFollower, TrackingFollower];
  const control = new Int32Array(store.handle.control);
  return { driver: new StoreDriver(store), memory, one, two, mail, consumers: () => control[CONTROL_CHANGE_CONSUMERS] };
}

function hold(memory: TrackingMemory, thread: number, key: string): void {
  const bytes = Buffer.from(key);
  memory.countKey(thread, trackingHash(bytes, 0, bytes.length));
}

function keysOf(changes: KeyChanges | typeof EVERYTHING | null): readonly string[] | typeof EVERYTHING {
  if (changes === null) return [];
  if (changes === EVERYTHING) return changes;
  const text = Buffer.from(changes.bytes).toString('latin1');
  return [...changes.ends].map((end, index) => text.slice(changes.ends[index - 1] ?? 0, end));
}

test('somebody follows as long as there are clients, on any thread', () => {
  const { one, two, consumers } = open();
  expect(consumers()).toBe(0);
  expect([one.join(), two.join(), two.join()]).toEqual([true, true, true]);
  expect(consumers()).toBe(1);
  two.leave();
  one.leave();
  expect(consumers()).toBe(1);
  two.leave();
  expect(consumers()).toBe(0);
});

test('each change goes once to each thread that may hold the key, whoever reads it', () => {
  const { driver, memory, one, two, mail } = open();
  one.join();
  two.join();
  hold(memory, 0, 'mine');
  hold(memory, 1, 'theirs');
  for (const key of ['mine', 'theirs', 'nobody’s']) driver.set(key, '1', NOW_MS);
  expect(keysOf(one.match())).toEqual(['mine']);
  expect(one.match()).toBeNull();
  expect(two.match()).toBeNull();
  expect(mail[0].caught.map(({ to, mail: got }) => [to, got.kind === 'keysChanged' && keysOf(got.changes)])).toEqual([
    [1, ['theirs']],
  ]);
  driver.set('mine', '2', NOW_MS);
  driver.set('theirs', '2', NOW_MS);
  expect(keysOf(two.match())).toEqual(['theirs']);
  expect(mail[1].caught.map(({ to }) => to)).toEqual([0]);
});

test('a thread that wants to hear of prefixes gets every key', () => {
  const { driver, memory, one } = open();
  one.join();
  memory.addBroadcasters(0, 1);
  driver.set('a', '1', NOW_MS);
  driver.set('b', '1', NOW_MS);
  expect(keysOf(one.match())).toEqual(['a', 'b']);
});

test('a thread that takes no mail is told once that everything has changed, and again when it has heard', () => {
  const { driver, memory, one, two, mail } = open();
  one.join();
  two.join();
  hold(memory, 1, 'k');
  mail[0].isFull = true;
  for (let value = 0; value < 3; value += 1) {
    driver.set('k', String(value), NOW_MS);
    one.match();
  }
  expect(mail[0].caught.map(({ mail: got }) => got.kind)).toEqual(['allChanged']);
  memory.heardAll(1);
  driver.set('k', 'again', NOW_MS);
  one.match();
  expect(mail[0].caught.map(({ mail: got }) => got.kind)).toEqual(['allChanged', 'allChanged']);
});

test('where the log was overrun, all threads with clients are told that everything has changed', () => {
  const { driver, memory, one, two, mail } = open();
  one.join();
  two.join();
  for (let key = 0; key < 20_000; key += 1) driver.set(`key:${key}`, '', NOW_MS);
  expect(one.match()).toBe(EVERYTHING);
  expect(mail[0].caught.map(({ to, mail: got }) => [to, got.kind])).toEqual([[1, 'allChanged']]);
  expect(memory.overrunCount).toBe(1);
  hold(memory, 0, 'k');
  driver.set('k', '1', NOW_MS);
  expect(keysOf(one.match())).toEqual(['k']);
});

test('so they are by a flush', () => {
  const { driver, one } = open();
  one.join();
  driver.store.beginExclusive();
  driver.store.flush(0, NOW_MS);
  driver.store.endExclusive();
  expect(one.match()).toBe(EVERYTHING);
});

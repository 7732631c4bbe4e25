/** Who made which change, and positions of the change log that do not come round. */
import { expect, test } from 'bun:test';
import { StoreDriver } from '../../../test/support/store-driver.ts';
import { ChangeLog } from '../../changes/change-log.ts';
import { CHANGE_SEQUENCE } from '../../store/layout.ts';
import { Store } from '../../store/store.ts';
import { ChangeAuthors, NOBODY } from './change-authors.ts';

const NOW_MS = 1_750_000_000_000;
const CLIENT = 7;

/** A store that somebody follows. `sequence`: where its change log stands. */
function open(sequence = 0): { readonly driver: StoreDriver; readonly authors: ChangeAuthors } {
  const store = Store.create({
    memoryBytes: 2 ** 22,
    segmentBytes: 0,
    threadCount: 1,
    eviction: 's3fifo',
    changeLogBytes: 2 ** 19,
    hashSeed: [1, 2],
  });
  new Int32Array(store.handle.changes)[CHANGE_SEQUENCE] = sequence;
  new ChangeLog(store.handle).open(null);
  store.enter();
  const authors = new ChangeAuthors(store.parts.changes);
  authors.restart();
  return { driver: new StoreDriver(store), authors };
}

test('changes of a command are its client’s, those before and behind are nobody’s', () => {
  const { driver, authors } = open();
  const first = authors.now();
  driver.set('before', '1', NOW_MS);
  authors.begin(CLIENT);
  driver.set('a', '1', NOW_MS);
  driver.delete('a', NOW_MS);
  authors.end();
  driver.set('behind', '1', NOW_MS);
  const wide = [0, 1, 2, 3].map((number) => authors.takeAuthor(first + number));
  expect(wide).toEqual([NOBODY, CLIENT, CLIENT, NOBODY]);
  expect(authors.takeAuthor(first + 1)).toBe(NOBODY);
});

test('what nobody asks for is forgotten, the oldest first', () => {
  const { driver, authors } = open();
  const first = authors.now();
  authors.begin(CLIENT);
  for (let number = 0; number < 5000; number += 1) driver.set('k', String(number), NOW_MS);
  authors.end();
  expect(authors.takeAuthor(first)).toBe(NOBODY);
  expect(authors.takeAuthor(first + 4999)).toBe(CLIENT);
});

test('positions grow on where the numbers of records come round', () => {
  const { driver, authors } = open(-3);
  const first = authors.now();
  const seen: number[] = [];
  for (let number = 0; number < 6; number += 1) {
    driver.set('k', String(number), NOW_MS);
    seen.push(authors.now() - first);
  }
  expect(seen).toEqual([1, 2, 3, 4, 5, 6]);
  // Records that are told late lie behind.
  expect(authors.widen(-2) - first).toBe(1);
  expect(authors.now() - first).toBe(6);
});

/** What data threads read of replicas. */
import { expect, test } from 'bun:test';
import { ReplicaTable, STREAM_COUNT_MAX } from './replica-table.ts';

function tableOf(
  copies: Readonly<Record<number, readonly number[]>>,
  confirmed: readonly [number, number][],
): ReplicaTable {
  const table = ReplicaTable.create();
  table.setCopies((slot) => copies[slot] ?? [], confirmed);
  return ReplicaTable.attach(table.memory);
}

test('counts the synced copies of a slot that are confirmed as far as that', () => {
  const last = STREAM_COUNT_MAX - 1;
  const table = tableOf({ 0: [0], 5: [0, 1, last, 7], 16_383: [1] }, [
    [0, 100],
    [1, 200],
    [7, 50],
    [last, 300],
  ]);
  expect([49, 50, 51, 100, 101, 200, 201, 300, 301].map((position) => table.confirmedCount(5, position))).toEqual([
    4, 4, 3, 3, 2, 2, 1, 1, 0,
  ]);
  expect([table.confirmedCount(0, 100), table.confirmedCount(0, 101)]).toEqual([1, 0]);
  expect([table.confirmedCount(16_383, 200), table.confirmedCount(1, 0)]).toEqual([1, 0]);
  expect([0, 1, 5, 16_383].map((slot) => table.copyCount(slot))).toEqual([1, 0, 4, 1]);
});

test('positions come round', () => {
  const table = tableOf({ 5: [3] }, [[3, 0xffff_fff0]]);
  expect(table.confirmedCount(5, 0xffff_ffef)).toBe(1);
  expect(table.confirmedCount(5, 4)).toBe(0);
  table.confirm(3, 8);
  expect([table.confirmedCount(5, 4), table.confirmedCount(5, 0xffff_fff0), table.confirmedCount(5, 9)]).toEqual([
    1, 1, 0,
  ]);
});

test('news are told, and what changes nothing is none', () => {
  const table = tableOf({ 5: [3] }, [[3, 1]]);
  const { news } = table;
  table.confirm(3, 1);
  expect(table.news).toBe(news);
  table.confirm(3, 2);
  expect(table.news).not.toBe(news);
  const before = table.news;
  table.setCopies(() => [], []);
  expect(table.news).not.toBe(before);
  expect(table.confirmedCount(5, 0)).toBe(0);
});

test('tells how far the furthest replica ever was, also when positions come round', () => {
  const table = tableOf({ 5: [3, 4] }, [[3, 10]]);
  expect(table.furthest).toBe(10);
  table.confirm(4, 7);
  expect(table.furthest).toBe(10);
  table.confirm(4, 0x7fff_ffff);
  table.confirm(4, 0xffff_fff0);
  expect(table.furthest >>> 0).toBe(0xffff_fff0);
  table.setCopies(() => [], [[4, 5]]);
  expect(table.furthest).toBe(5);
});

test('nothing counts of a table that is being changed', () => {
  const table = tableOf({ 5: [3] }, [[3, 10]]);
  const seen: number[] = [];
  const other = ReplicaTable.attach(table.memory);
  table.setCopies(
    (slot) => {
      if (slot === 7) seen.push(other.confirmedCount(5, 1));
      return slot === 5 ? [4] : [];
    },
    [[4, 20]],
  );
  expect(seen).toEqual([0]);
  expect([other.confirmedCount(5, 20), other.confirmedCount(5, 21)]).toEqual([1, 0]);
});

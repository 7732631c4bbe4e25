/** The keys that clients of one thread hold: the table beside a plain map, and its filter beside the table. */
import { expect, test } from 'bun:test';
import { Random } from '../../../test/vectors/random.ts';
import { trackingHash, TrackingMemory } from './tracking-memory.ts';
import { type TrackedKey, TrackingTable } from './tracking-table.ts';

const SLOT = 0;

function hashOf(key: string): number {
  return trackingHash(Buffer.from(key), 0, key.length);
}

function clientsOf({ clients }: TrackedKey): readonly number[] {
  return (typeof clients === 'number' ? [clients] : [...clients]).toSorted((left, right) => left - right);
}

test('random steps leave what a map of sets has', () => {
  const memory = TrackingMemory.create(1);
  const table = new TrackingTable(memory, 0);
  const model = new Map<string, { readonly since: number; clients: Set<number> }>();
  const random = new Random(1);
  for (let step = 0; step < 20_000; step += 1) {
    const key = `k${Math.floor(random.next01() * 50)}`;
    const client = 1 + Math.floor(random.next01() * 4);
    const kind = random.next01();
    const tracked = table.get(key);
    if (kind < 0.6) {
      table.add(key, hashOf(key), SLOT, client, step);
      const known = model.get(key);
      if (known === undefined) model.set(key, { since: step, clients: new Set([client]) });
      else known.clients.add(client);
    } else if (kind < 0.8) {
      if (tracked !== null) table.delete(key, tracked);
      model.delete(key);
    } else if (kind < 0.9) {
      if (tracked === null) continue;
      table.keepOne(tracked, client);
      model.get(key)!.clients = new Set([client]);
    } else if (kind < 0.999) {
      const oldest = table.takeOldest();
      expect(oldest === null).toBe(model.size === 0);
      if (oldest !== null) expect(model.delete(oldest.key)).toBe(true);
    } else {
      table.clear();
      model.clear();
    }
  }
  expect(table.keyCount).toBe(model.size);
  expect(memory.keyCount).toBe(model.size);
  expect(table.itemCount).toBe([...model.values()].reduce((sum, { clients }) => sum + clients.size, 0));
  for (const [key, { since, clients }] of model) {
    const tracked = table.get(key)!;
    expect([tracked.since, clientsOf(tracked)]).toEqual([since, [...clients].toSorted((left, right) => left - right)]);
    expect(memory.mayHold(0, hashOf(key))).toBe(true);
  }
  for (const key of model.keys()) table.delete(key, table.get(key)!);
  for (let number = 0; number < 50; number += 1) expect(memory.mayHold(0, hashOf(`k${number}`))).toBe(false);
  expect([table.tableBytes, table.itemCount]).toEqual([0, 0]);
});

test('keys leave in the order in which they came', () => {
  const table = new TrackingTable(TrackingMemory.create(1), 0);
  for (const key of ['a', 'b', 'c', 'd']) table.add(key, hashOf(key), SLOT, 1, 0);
  table.delete('b', table.get('b')!);
  expect([table.takeOldest()!.key, table.takeOldest()!.key]).toEqual(['a', 'c']);
  table.add('a', hashOf('a'), SLOT, 1, 0);
  expect([table.takeOldest()!.key, table.takeOldest()!.key, table.takeOldest()]).toEqual(['d', 'a', null]);
});

test('a counter of the filter that has come to its end stays there, until the table is empty', () => {
  const memory = TrackingMemory.create(2);
  const table = new TrackingTable(memory, 1);
  const hash = 12_345;
  for (let number = 0; number < 300; number += 1) table.add(`k${number}`, hash, SLOT, 1, 0);
  for (let number = 1; number < 300; number += 1) table.delete(`k${number}`, table.get(`k${number}`)!);
  expect(memory.mayHold(1, hash)).toBe(true);
  expect(memory.mayHold(0, hash)).toBe(false);
  table.delete('k0', table.get('k0')!);
  expect(memory.mayHold(1, hash)).toBe(false);
});

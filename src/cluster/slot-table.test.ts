import { describe, expect, test } from 'bun:test';
import { SLOT_COUNT } from '../topology/slots.ts';
import { NO_NODE } from '../topology/topology.ts';
import {
  HANDED,
  IMPORTING,
  MOVING,
  OWNED,
  type OwnerReading,
  PAUSED,
  ServingRight,
  type SlotImage,
  SlotTable,
} from './slot-table.ts';

function image(word: (slot: number) => number, epoch = 1, selfIndex = 0): SlotImage {
  return { epoch, selfIndex, words: Int32Array.from({ length: SLOT_COUNT }, (_, slot) => word(slot)) };
}

function reading(): OwnerReading {
  return { epoch: 0, ownerIndex: 0, word: 0 };
}

describe('a slot table', () => {
  test('serves nothing at first', () => {
    const table = SlotTable.create();
    expect(table.wordOf(0)).toBe(NO_NODE);
    expect(table.wordOf(SLOT_COUNT - 1)).toBe(NO_NODE);
    expect(table.mayServe(0, Number.NEGATIVE_INFINITY)).toBeFalse();
    expect(table.mayAnswer(0)).toBeFalse();
    expect([table.selfIndex, table.epoch, table.ownedCount, table.assignedCount]).toEqual([NO_NODE, 0, 0, 0]);
  });

  test('is the same for whoever attaches to its memory', () => {
    const table = SlotTable.create();
    const other = SlotTable.attach(table.memory);
    table.apply(image((slot) => (slot === 7 ? OWNED : 1), 9));
    table.setServeUntil(123.25, ServingRight.promises);
    expect(other.wordOf(7)).toBe(OWNED);
    expect(other.wordOf(8)).toBe(1);
    expect([other.epoch, other.ownedCount, other.assignedCount]).toEqual([9, 1, SLOT_COUNT]);
    expect([other.serveUntilMs, other.right]).toEqual([123.25, ServingRight.promises]);
  });

  test('refuses memory of another size', () => {
    expect(() => SlotTable.attach(new SharedArrayBuffer(64))).toThrow('a slot table has');
  });

  test.each([
    ['owned', OWNED, true],
    ['owned and moving', OWNED | MOVING, true],
    ['owned, moving and paused', OWNED | MOVING | PAUSED, false],
    ['paused without being owned', PAUSED, false],
    ['importing', 1 | IMPORTING, false],
    ['handed', 1 | HANDED, false],
    ["another's", 1, false],
    ["nobody's", NO_NODE, false],
  ])('a slot that is %s', (_name, word, serves) => {
    const table = SlotTable.create();
    table.apply(image(() => word));
    table.setServeUntil(100, ServingRight.lease);
    expect(table.mayServe(3, 99.9)).toBe(serves);
    expect(table.mayServe(3, 100)).toBeFalse();
  });

  test('the right ends at its time, or at once', () => {
    const table = SlotTable.create();
    table.apply(image(() => OWNED));
    table.setServeUntil(100, ServingRight.lease);
    expect([table.mayAnswer(99.9), table.mayAnswer(100)]).toEqual([true, false]);
    table.setServeUntil(0, ServingRight.none);
    expect([table.mayAnswer(50), table.mayServe(0, 50)]).toEqual([false, false]);
    expect(table.right).toBe(ServingRight.none);
  });

  test('an epoch above 2^31 stays what it is', () => {
    const table = SlotTable.create();
    table.apply(image(() => 0, 0xffff_ffff));
    expect(table.epoch).toBe(0xffff_ffff);
  });

  test('each change has a version of its own, a prolonged right is none', () => {
    const table = SlotTable.create();
    const versions = [table.version];
    table.apply(image(() => OWNED));
    versions.push(table.version);
    table.setServeUntil(100, ServingRight.lease);
    versions.push(table.version);
    table.setServeUntil(200, ServingRight.lease);
    expect(table.version).toBe(versions.at(-1)!);
    table.setServeUntil(200, ServingRight.none);
    versions.push(table.version);
    expect(new Set(versions).size).toBe(versions.length);
    expect(versions.every((version) => version % 2 === 0)).toBeTrue();
  });

  test('owner and epoch are read as one', () => {
    const table = SlotTable.create();
    table.apply(image(() => 5 | HANDED, 4));
    const into = reading();
    expect(table.readOwner(1, into)).toBeTrue();
    expect(into).toEqual({ epoch: 4, ownerIndex: 5, word: 5 | HANDED });
  });

  test('a reader in the middle of a change is told so', () => {
    const table = SlotTable.create();
    const reader = SlotTable.attach(table.memory);
    const seen: boolean[] = [];
    const words = Int32Array.from({ length: SLOT_COUNT }, () => OWNED);
    // Looks while `apply` goes over the words.
    const watched = new Proxy(words, {
      get(target, name): unknown {
        if (name === '100') seen.push(reader.readOwner(100, reading()));
        return Reflect.get(target, name, target);
      },
    });
    table.apply({ epoch: 2, selfIndex: 0, words: watched });
    expect(seen).toEqual([false]);
    expect(reader.readOwner(100, reading())).toBeTrue();
  });
});

/** A move of half of the slots that some keys are in, with a random workload and the model of what must come of it. */
import { expect } from 'bun:test';
import { seededRandom } from '../../src/base/random.ts';
import { auditStore } from '../../src/store/audit.ts';
import type { Store } from '../../src/store/store.ts';
import { TwoMovers, type TwoMoversOptions } from './two-movers.ts';
import { slotOf, StoreModel } from './workload-model.ts';

export const KEYS: readonly string[] = Array.from({ length: 600 }, (_, number) => `key:${number}`);
/** Half of the keys' slots are moved. */
export const MOVED: readonly number[] = [...new Set(KEYS.map(slotOf))]
  .filter((slot) => slot % 2 === 0)
  .toSorted((left, right) => left - right);
export const isMoved: ReadonlySet<number> = new Set(MOVED);

export interface MoveRun {
  readonly movers: TwoMovers;
  readonly model: StoreModel;
  readonly random: () => number;
  /** Where a key of the slot is served now; null: nowhere, it is paused. */
  readonly storeOf: (slot: number) => Store | null;
}

/** Two stores, the left one with items; the move has not begun. */
export function openRun(seed: number, options: TwoMoversOptions = {}): MoveRun {
  const movers = new TwoMovers(options);
  const random = seededRandom(seed);
  const model = new StoreModel({ random, keys: KEYS, longValueBytes: 2_500_000 });
  const storeOf = (slot: number): Store | null => {
    if (!isMoved.has(slot)) return movers.left;
    if (movers.isPaused) return null;
    if (movers.isHanded) return movers.right;
    return movers.left.writersWait(slot) ? null : movers.left;
  };
  for (let count = 0; count < 2000; count += 1) model.operate(storeOf, movers.wallMs);
  return { movers, model, random, storeOf };
}

/** The move is over, each item is where it belongs, and nothing is left of it. */
export function expectMoved({ movers, model, storeOf }: MoveRun): void {
  expect(movers.error).toBeNull();
  expect(movers.isHanded).toBe(true);
  movers.leftMover.purge(777, MOVED);
  movers.run(() => movers.purged.includes(777));
  expect(model.differences((slot) => storeOf(slot)!, movers.wallMs)).toEqual([]);
  for (const slot of MOVED) expect(movers.left.slotCount(slot)).toBe(0);
  expect(auditStore(movers.left.parts)).toEqual([]);
  expect(auditStore(movers.right.parts)).toEqual([]);
  expect(movers.log.consumerCount).toBe(0);
  expect(MOVED.some((slot) => movers.left.writersWait(slot))).toBe(false);
}

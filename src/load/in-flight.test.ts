import { describe, expect, test } from 'bun:test';
import { seededRandom } from '../base/random.ts';
import { InFlight, NO_SLOT } from './in-flight.ts';
import { NO_REQUEST_ID } from './reply-scanner.ts';

describe.each([true, false])('ordered: %p', (ordered) => {
  /** Against a list of the keys that wait; keys are never used twice. */
  test.each([1, 2, 3, 17])('depth %d: each reply finds its own request', (depth) => {
    const inFlight = new InFlight(depth, ordered);
    const random = seededRandom(depth);
    const waiting: { id: number; key: number }[] = [];
    const answered: number[] = [];
    let key = 0;
    for (let step = 0; step < 5_000; step += 1) {
      expect(inFlight.count).toBe(waiting.length);
      expect(inFlight.isFull).toBe(waiting.length === depth);
      if (!inFlight.isFull && (waiting.length === 0 || random() < 0.5)) {
        const slot = inFlight.take();
        inFlight.key[slot] = key;
        waiting.push({ id: inFlight.requestId(slot), key });
        key += 1;
      } else {
        const index = ordered ? 0 : Math.floor(random() * waiting.length);
        const [request] = waiting.splice(index, 1);
        const slot = inFlight.find(request!.id);
        expect(inFlight.key[slot]).toBe(request!.key);
        inFlight.release(slot);
        answered.push(request!.id);
        // A reply that comes a second time.
        if (!ordered) expect(inFlight.find(request!.id)).toBe(NO_SLOT);
      }
    }
    expect(new Set(answered).size).toBe(ordered ? 1 : answered.length);
    const lost: number[] = [];
    inFlight.clear((slot) => lost.push(inFlight.key[slot]!));
    expect(lost.toSorted((a, b) => a - b)).toEqual(waiting.map((request) => request.key).toSorted((a, b) => a - b));
    expect(inFlight.count).toBe(0);
  });

  test('nothing waits: nothing is found', () => {
    const inFlight = new InFlight(4, ordered);
    for (const id of [NO_REQUEST_ID, 0, 3, 4, 0xffff_ffff]) expect(inFlight.find(id)).toBe(NO_SLOT);
  });
});

test('ids stay within 32 bits', () => {
  const inFlight = new InFlight(7, false);
  const seen: number[] = [];
  for (let i = 0; i < 100; i += 1) {
    const slot = inFlight.take();
    seen.push(inFlight.requestId(slot));
    inFlight.release(slot);
  }
  expect(Math.max(...seen)).toBeLessThan(2 ** 32);
  expect(new Set(seen).size).toBe(100);
});

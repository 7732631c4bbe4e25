/** So many bytes per second, whatever the sizes and times. */
import { expect, test } from 'bun:test';
import { seededRandom } from '../base/random.ts';
import { BytePace } from './byte-pace.ts';

/** Bytes that may be sent in `ms`, in pieces of up to `pieceBytes`. */
function sentIn(pace: BytePace, startMs: number, ms: number, pieceBytes: number): number {
  const random = seededRandom(3);
  let bytes = 0;
  for (let nowMs = startMs; nowMs < startMs + ms; nowMs += random() * 3) {
    while (pace.allows(nowMs)) {
      const piece = Math.ceil(random() * pieceBytes);
      pace.spend(piece);
      bytes += piece;
    }
  }
  return bytes;
}

test.each([100_000, 1_000_000, 100_000_000])('%i bytes a second, but for the first burst', (bytesPerSecond) => {
  const bytes = sentIn(new BytePace(bytesPerSecond), 1000, 10_000, 5000);
  const burstBytes = Math.max(256 * 1024, bytesPerSecond / 20);
  expect(bytes).toBeGreaterThan(bytesPerSecond * 9.9);
  expect(bytes).toBeLessThan(bytesPerSecond * 10 + burstBytes + 5000);
});

test('what is longer than the allowance goes, and is made up for', () => {
  const pace = new BytePace(1_000_000);
  expect(pace.allows(0)).toBe(true);
  pace.spend(10_000_000);
  expect(pace.allows(1)).toBe(false);
  expect(pace.readyAtMs).toBeCloseTo(9738, -1);
  expect(pace.allows(pace.readyAtMs - 1)).toBe(false);
  expect(pace.allows(pace.readyAtMs + 1)).toBe(true);
});

test('a new rate counts at once, and no rate is no limit', () => {
  const pace = new BytePace(1000);
  sentIn(pace, 0, 1000, 1000);
  pace.setRate(1_000_000);
  expect(sentIn(pace, 1000, 1000, 1000)).toBeGreaterThan(900_000);
  pace.setRate(Number.POSITIVE_INFINITY);
  pace.spend(1e12);
  expect(pace.allows(2000)).toBe(true);
  pace.setRate(1000);
  expect(sentIn(pace, 2000, 1000, 100)).toBeLessThan(300_000);
});

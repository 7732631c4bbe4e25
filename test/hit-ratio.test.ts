/**
 * The store evicts by S3-FIFO, over segments and with fingerprints for ghosts; here it is held against the exact policy, and against LRU,
 * on a seeded workload of popular keys with scans in between. The recorded traces are for bench/hit-ratio.ts.
 */
import { describe, expect, test } from 'bun:test';
import { LruSimulator, S3FifoSimulator } from '../bench/lib/policy-simulator.ts';
import { replayThroughPolicy, replayThroughStore, type AccessSequence } from '../bench/lib/replay.ts';
import { seededRandom } from '../src/base/random.ts';
import { zipfKeys } from '../src/load/key-choice.ts';

const POPULAR_KEYS = 20_000;
const REQUESTS = 200_000;
const SCAN_EVERY = 5_000;
const SCAN_KEYS = 1_500;
const CAPACITY = 1_000;

/** Popular keys by a Zipf law, and every so often a scan over keys that are never asked for again. */
function popularKeysWithScans(seed: number): AccessSequence {
  const choosePopular = zipfKeys(POPULAR_KEYS, 0.9, seededRandom(seed));
  const sequence = new Uint32Array(REQUESTS);
  let scanned = POPULAR_KEYS;
  let scanLeft = 0;
  for (let i = 0; i < REQUESTS; i += 1) {
    if (i % SCAN_EVERY === SCAN_EVERY - 1) scanLeft = SCAN_KEYS;
    if (scanLeft > 0) {
      scanLeft -= 1;
      sequence[i] = scanned++;
    } else sequence[i] = choosePopular();
  }
  return sequence;
}

describe('hit ratio', () => {
  const sequence = popularKeysWithScans(7);
  const percent = (hits: number): number => (100 * hits) / sequence.length;
  const store = replayThroughStore(sequence, CAPACITY);

  test('the store holds as many items as the policies, and no more', () => {
    expect(store.itemsMax).toBeLessThanOrEqual(CAPACITY);
    expect(store.itemsMax).toBeGreaterThan(CAPACITY * 0.99);
  });

  test('is above an exact LRU of the same size', () => {
    const lru = percent(replayThroughPolicy(sequence, new LruSimulator(CAPACITY)));
    expect(percent(store.hits)).toBeGreaterThan(lru);
  });

  test('is within 1.5 points of an exact S3-FIFO of the same size', () => {
    const exact = percent(replayThroughPolicy(sequence, new S3FifoSimulator(CAPACITY)));
    expect(percent(store.hits)).toBeGreaterThan(exact - 1.5);
    expect(percent(store.hits)).toBeLessThan(exact + 1.5);
  });
});

describe('the simulators', () => {
  const LOOP = [1, 2, 3, 1, 2, 3];

  test('LRU never hits in a loop one key longer than it', () => {
    expect(replayThroughPolicy(Uint32Array.from(LOOP), new LruSimulator(2))).toBe(0);
    expect(replayThroughPolicy(Uint32Array.from(LOOP), new LruSimulator(3))).toBe(3);
  });

  test('S3-FIFO keeps what was used twice through a scan that empties an LRU', () => {
    const used = [1, 1, 1, 2, 2, 2];
    const scan = Array.from({ length: 50 }, (_, i) => 100 + i);
    const accesses = Uint32Array.from([...used, ...scan, 1, 2]);
    expect(replayThroughPolicy(accesses, new LruSimulator(20))).toBe(4);
    expect(replayThroughPolicy(accesses, new S3FifoSimulator(20))).toBe(6);
  });
});

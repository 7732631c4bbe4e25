/**
 * What the store's operations cost by themselves, without network or protocol, in ns per operation: medians of several rounds in one
 * process. For choosing between ways to write them; only ratios within one run mean anything.
 *
 *     bun bench/store.ts [--items 200000] [--rounds 5]
 */
import { parseArgs } from 'node:util';
import { KeyHash } from '../src/store/hash.ts';
import { Store } from '../src/store/store.ts';
import { ItemSnapshot, Key, WriteOptions } from '../src/store/types.ts';

const { values: flags } = parseArgs({
  options: { items: { type: 'string', default: '200000' }, rounds: { type: 'string', default: '5' } },
});
const itemCount = Number(flags.items);
const roundCount = Number(flags.rounds);
const nowMs = Date.now();

const store = Store.create({ memoryBytes: 1024 * 2 ** 20, segmentBytes: 0, eviction: 's3fifo', threadCount: 4 });
const key = new Key();
const options = new WriteOptions();
const snapshot = new ItemSnapshot();
const value = Buffer.alloc(1024, 'v');
const sink = { bytes: Buffer.alloc(2048), begin: () => 0, makeRoom: () => {} };
const keys = Buffer.alloc(itemCount * 32, 'k');
for (let item = 0; item < itemCount; item += 1) keys.write(String(item).padStart(12, '0'), item * 32 + 20);
// Visited out of order, as clients would.
const order = Uint32Array.from({ length: itemCount }, (_, index) => Math.imul(index, 2_654_435_761) >>> 0).map(
  (mixed) => mixed % itemCount,
);

const hash = new KeyHash(1, 2);
const measures: Record<string, (item: number) => void> = {
  'hash of 32 bytes': (item) => hash.update(keys, item * 32, 32, 0),
  'set 1 KiB': (item) => void store.set(key.assign(keys, item * 32, 32, 0), value, 0, 1024, options.reset(), nowMs),
  'set 64 B': (item) => void store.set(key.assign(keys, item * 32, 32, 1), value, 0, 64, options.reset(), nowMs),
  'get 1 KiB': (item) => void store.get(key.assign(keys, item * 32, 32, 0), sink, nowMs),
  'get 64 B': (item) => void store.get(key.assign(keys, item * 32, 32, 1), sink, nowMs),
  'get, missing': (item) => void store.get(key.assign(keys, item * 32, 32, 2), sink, nowMs),
  'read and set if unchanged': (item) => {
    store.read(key.assign(keys, item * 32, 32, 1), snapshot, nowMs);
    options.reset().ifUnchangedSince = snapshot;
    store.set(key, snapshot.bytes, 0, snapshot.length, options, nowMs);
  },
  'enter and leave a batch': () => {
    store.leave();
    store.enter();
  },
  'exclusive section': () => {
    store.beginExclusive();
    store.endExclusive();
  },
};

const samples = new Map<string, number[]>();
store.enter();
for (let round = 0; round <= roundCount; round += 1) {
  for (const [name, operation] of Object.entries(measures)) {
    const start = process.hrtime.bigint();
    for (let index = 0; index < itemCount; index += 1) operation(order[index]!);
    const ns = Number(process.hrtime.bigint() - start) / itemCount;
    // The first round warms up.
    if (round > 0) samples.set(name, [...(samples.get(name) ?? []), ns]);
  }
}
store.leave();
console.log(
  `${process.versions.bun === undefined ? `node ${process.versions.node}` : `bun ${process.versions.bun}`}, ${itemCount} items, median of ${roundCount} rounds`,
);
for (const [name, ns] of samples) {
  const sorted = ns.toSorted((left, right) => left - right);
  console.log(`${name.padEnd(28)} ${sorted[sorted.length >> 1]!.toFixed(0).padStart(6)} ns`);
}

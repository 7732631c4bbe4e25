/**
 * What the change log costs a write, and counting by hash slot: CPU time per SET of the store alone, of stores that differ in nothing else, in turns in one
 * process. The consumer reads in a thread of its own; and, for what both cost together, in this one.
 *
 *     bun bench/change-log.ts [--items 100000] [--rounds 200] [--json]
 */
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { ChangeLog, ChangeReading, ChangeRecord } from '../src/changes/change-log.ts';
import { keySlot } from '../src/base/key-slot.ts';
import { Store } from '../src/store/store.ts';
import { Key, WriteOptions } from '../src/store/types.ts';

const { values: flags } = parseArgs({
  options: {
    items: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '200' },
    json: { type: 'boolean', default: false },
  },
});
const itemCount = Number(flags.items);
const roundCount = Number(flags.rounds);
const VALUE_SIZES = [64, 1024];
/** Writes of one sample: short, so that what else runs on the machine meets few of them. */
const SAMPLE_WRITES = 10_000;
/** How often the consumer of this thread reads. */
const READ_EVERY = 256;
const nowMs = Date.now();

interface Contestant {
  readonly name: string;
  readonly store: Store;
  /** Called every READ_EVERY writes. */
  readonly read: () => void;
}

const key = new Key();
const options = new WriteOptions();
const keys = Buffer.alloc(itemCount * 32, 'k');
for (let item = 0; item < itemCount; item += 1) keys.write(String(item).padStart(12, '0'), item * 32 + 20);
const order = Uint32Array.from(
  { length: itemCount },
  (_, index) => (Math.imul(index, 2_654_435_761) >>> 0) % itemCount,
);

function open(
  name: string,
  clustered: boolean,
  changeLogBytes: number,
  follow: (log: ChangeLog) => () => void,
): Contestant {
  const store = Store.create({
    memoryBytes: 768 * 2 ** 20,
    segmentBytes: 0,
    eviction: 's3fifo',
    threadCount: 2,
    clustered,
    changeLogBytes,
    hashSeed: [1, 2],
  });
  store.enter();
  return { name, store, read: changeLogBytes === 0 ? () => {} : follow(new ChangeLog(store.handle)) };
}

/** Slots of a move that has none of the keys. */
function otherSlots(): number[] {
  const used = new Set<number>();
  for (let item = 0; item < itemCount; item += 1) used.add(keySlot(keys, item * 32, 32));
  const free = Array.from({ length: 16_384 }, (_, slot) => slot).filter((slot) => !used.has(slot));
  return free.length > 0 ? free.slice(0, 64) : [0];
}

function followHere(log: ChangeLog): () => void {
  const consumer = log.open(null)!;
  const record = new ChangeRecord();
  return () => {
    while (consumer.read(record) === ChangeReading.record);
  };
}

const LOG_BYTES = 8 * 2 ** 20;
const nobody = () => () => {};
const contestants: Contestant[] = [
  open('no log', false, 0, nobody),
  open('log, nobody listens', false, LOG_BYTES, nobody),
  open('a move of 64 other slots', false, LOG_BYTES, (log) => {
    log.open(otherSlots());
    return () => {};
  }),
  open('all slots, consumer elsewhere', false, LOG_BYTES, () => () => {}),
  open('all slots, consumer here', false, LOG_BYTES, followHere),
  open('slots counted, no log', true, 0, nobody),
];

const reader = new Worker(new URL('./lib/change-log-reader.ts', import.meta.url), {
  workerData: contestants[3]!.store.handle,
});
await new Promise((resolve) => reader.once('message', resolve));

let position = 0;

/** Nanoseconds of a write, over `count` writes from the present position on. */
function measure({ store, read }: Contestant, valueBytes: number, count: number): number {
  const value = Buffer.alloc(valueBytes, 'v');
  const database = valueBytes === VALUE_SIZES[0] ? 0 : 1;
  const start = process.hrtime.bigint();
  for (let index = 0; index < count; index += 1) {
    const item = order[(position + index) % itemCount]!;
    store.set(key.assign(keys, item * 32, 32, database), value, 0, valueBytes, options.reset(), nowMs);
    if (index % READ_EVERY === 0) read();
  }
  read();
  return Number(process.hrtime.bigint() - start) / count;
}

/** The value below which `share` of all are: a low one is the less disturbed by what else runs on the machine. */
function quantile(values: readonly number[], share: number): number {
  return values.toSorted((left, right) => left - right)[Math.floor(values.length * share)]!;
}

if (!flags.json) console.log('value    store                            ns, quarter  ratio  median of ratios');
const results: object[] = [];
for (const valueBytes of VALUE_SIZES) {
  const samples = contestants.map((): number[] => []);
  for (const contestant of contestants) measure(contestant, valueBytes, itemCount * 2);
  for (let round = 0; round < roundCount; round += 1) {
    position = Math.floor(Math.random() * itemCount);
    for (let turn = 0; turn < contestants.length; turn += 1) {
      const index = (turn + round) % contestants.length;
      samples[index]!.push(measure(contestants[index]!, valueBytes, SAMPLE_WRITES));
    }
  }
  for (const [index, { name }] of contestants.entries()) {
    const ns = quantile(samples[index]!, 0.25);
    const ratio = ns / quantile(samples[0]!, 0.25);
    const ratios = samples[index]!.map((each, round) => each / samples[0]![round]!);
    const medianRatio = quantile(ratios, 0.5);
    results.push({ name, valueBytes, ns, ratio, medianRatio });
    if (flags.json) continue;
    const figures = [ns.toFixed(0).padStart(5), ratio.toFixed(3).padStart(7), medianRatio.toFixed(3).padStart(7)];
    console.log(`${String(valueBytes).padStart(5)} B  ${name.padEnd(32)} ${figures.join('  ')}`);
  }
}
if (flags.json)
  console.log(
    JSON.stringify({ runtime: process.versions.bun ?? process.versions.node, itemCount, roundCount, results }),
  );
await reader.terminate();

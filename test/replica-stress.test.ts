/**
 * Three threads write to one store without a pause while half of its slots are copied to a replica, over connections that break; the replica writes items of its own, too many, and has a
 * janitor by whose clock all that was copied has expired. At rest the replica has each key with its last value and expiry.
 */
import { expect, test } from 'bun:test';
import { Worker } from 'node:worker_threads';
import { seededRandom } from '../src/base/random.ts';
import { auditStore } from '../src/store/audit.ts';
import { startJanitorThread } from '../src/store/janitor-thread.ts';
import { SLOT_COUNT } from '../src/topology/slots.ts';
import {
  FLAG_STOP,
  FLAG_WORDS,
  FLAG_WRITES,
  isMovedSlot,
  type MoveStressReport,
  type MoveStressTask,
} from './support/move-stress-worker.ts';
import { type NetNode, ReplicaNet } from './support/replica-net.ts';
import { slotOf } from './support/workload-model.ts';

const THREADS = 3;
const KEYS = 4000;
const SEED = Number(process.env['SHOAL_STRESS_SEED'] ?? 1);
const RUNS = Number(process.env['SHOAL_STRESS_RUNS'] ?? 2);
/** Writes while the slots are copied, and after; and items of its own that the replica gives up meanwhile. */
const WRITES = 30_000;
const EVICTIONS = 1000;
/** Of a slot that is not copied. */
const OWN: string = ['{own}', '{ours}', '{mine}', '{here}'].find((prefix) => !isMovedSlot(slotOf(prefix)))!;
const COPIED = Array.from({ length: SLOT_COUNT }, (_, slot) => slot).filter(isMovedSlot);

async function nextTurn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

function startWriter(
  primary: NetNode,
  task: Omit<MoveStressTask, 'handle'>,
): { worker: Worker; report: Promise<MoveStressReport> } {
  const workerData: MoveStressTask = { ...task, handle: primary.store.handle };
  const worker = new Worker(new URL('./support/move-stress-worker.ts', import.meta.url), { workerData });
  const report = new Promise<MoveStressReport>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  return { worker, report };
}

async function replicateWhileWriting(seed: number): Promise<void> {
  const random = seededRandom(seed);
  const net = new ReplicaNet(random);
  const primary = net.add('a', { threadCount: THREADS });
  // Its own items have to make room all the time.
  const replica = net.add('b', { memoryBytes: 4 * 2 ** 20, eviction: 's3fifo' });
  const janitor = startJanitorThread(replica.store.handle, (error) => {
    throw error;
  });
  const flags = new SharedArrayBuffer(FLAG_WORDS * Int32Array.BYTES_PER_ELEMENT);
  const words = new Int32Array(flags);
  const writers: { worker: Worker; report: Promise<MoveStressReport> }[] = [];
  try {
    for (let thread = 0; thread < THREADS; thread += 1)
      writers.push(startWriter(primary, { thread, seed, keyCount: KEYS, nowMs: net.wallMs, flags }));
    net.pair(primary, replica, COPIED);
    let own = 0;
    const isOver = (): boolean =>
      Atomics.load(words, FLAG_WRITES) >= WRITES &&
      replica.syncedFrom(primary).length === COPIED.length &&
      replica.store.stats().evicted >= EVICTIONS;
    while (!isOver()) {
      if (random() < 0.01) net.cut();
      net.connect();
      replica.batch(() => {
        for (let count = 0; count < 200; count += 1, own += 1)
          replica.driver.set(`${OWN}${own}`, 'v'.repeat(500), net.wallMs);
      });
      net.tick(1);
      await nextTurn();
    }
    Atomics.store(words, FLAG_STOP, 1);
    await Promise.all(writers.map(({ report }) => report));
    const { position } = primary.store.parts.changes;
    net.run(() => COPIED.every((slot) => primary.table.confirmedCount(slot, position) === 1), { ms: 5 });
    expect(replica.items(COPIED, net.wallMs)).toEqual(primary.items(COPIED, net.wallMs));
    expect(replica.items(COPIED, net.wallMs).length).toBeGreaterThan(1000);
    expect(primary.mover.replicaFigures.fullCopies).toBe(0);
  } finally {
    Atomics.store(words, FLAG_STOP, 1);
    await Promise.all(writers.map(({ worker }) => worker.terminate()));
    await janitor.stop();
  }
  expect(auditStore(primary.store.parts)).toEqual([]);
  expect(auditStore(replica.store.parts)).toEqual([]);
}

test.each(Array.from({ length: RUNS }, (_, index) => SEED + index))(
  'the replica ends with what was written last, seed %i',
  replicateWhileWriting,
  60_000,
);

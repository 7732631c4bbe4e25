/**
 * One figure of a data set, in a process of its own so that memory is fresh: `write FOLDER ITEMS BYTES` fills one and ends with a snapshot, `load FOLDER` loads it. Prints
 * JSON. CPU is that of the whole process, where a janitor works beside it as in a node.
 */
import { ChangeLog } from '../../src/changes/change-log.ts';
import { SYSTEM_DISK } from '../../src/io/disk.ts';
import { adviseHugePages } from '../../src/io/huge-pages.ts';
import { DataSet } from '../../src/persistence/data-set.ts';
import { PersistenceEngine } from '../../src/persistence/persistence-engine.ts';
import { PersistenceState } from '../../src/persistence/persistence-state.ts';
import { startJanitorThread } from '../../src/store/janitor-thread.ts';
import { diskRow } from '../../src/store/memory.ts';
import { Store } from '../../src/store/store.ts';
import { createStoreMemory } from '../../src/store/store-parts.ts';
import { Key, WriteOptions } from '../../src/store/types.ts';
import { keyOfItem, RandomValues } from './data-set-items.ts';

/** Writes between two steps of the engine: a group or two. */
const BATCH_WRITES = 10_000;

interface Spent {
  readonly wallMs: number;
  readonly userMs: number;
  readonly systemMs: number;
}

function measure(work: () => void): Spent {
  const before = process.cpuUsage();
  const startedAtMs = performance.now();
  work();
  const { user, system } = process.cpuUsage(before);
  return { wallMs: performance.now() - startedAtMs, userMs: user / 1000, systemMs: system / 1000 };
}

const [mode, folder = '', items = '0', bytes = '0'] = process.argv.slice(2);
const itemCount = Number(items);
const valueBytes = Number(bytes);
const memoryBytes = 4 * 2 ** 30;
const handle = createStoreMemory(
  { memoryBytes, segmentBytes: 0, threadCount: 1, eviction: 's3fifo', changeLogBytes: 64 * 2 ** 20 },
  adviseHugePages,
);
const janitor = startJanitorThread(handle, (error) => {
  throw error;
});
const store = Store.attach(handle, diskRow(handle));
const dataSet = DataSet.open(SYSTEM_DISK, folder, { itemVersionSeed: [1, 2], address: 'bench' });
const loaded = { itemCount: 0, bytes: 0 };
const loading = measure(() =>
  Object.assign(
    loaded,
    dataSet.recover(store, Date.now(), () => {}),
  ),
);
const result = mode === 'write' ? write() : { loading, items: loaded.itemCount, bytes: loaded.bytes };
dataSet.close();
await janitor.stop();
console.log(JSON.stringify(result));

function write(): object {
  const writer = Store.attach(handle, 0);
  const state = PersistenceState.create();
  const engine = new PersistenceEngine(
    {
      store,
      log: new ChangeLog(handle),
      dataSet,
      mode: 'log',
      fsync: 'never',
      snapshotIntervalMs: Number.POSITIVE_INFINITY,
      state,
      logLine: (_level, text) => console.error(text),
      onAdvance: () => {},
    },
    performance.now(),
    Date.now(),
  );
  const values = new RandomValues();
  const key = new Key();
  const options = new WriteOptions();
  const appending = { wallMs: 0, userMs: 0, systemMs: 0 };
  for (let first = 0; first < itemCount; first += BATCH_WRITES) {
    const nowMs = Date.now();
    writer.enter();
    for (let item = first; item < Math.min(itemCount, first + BATCH_WRITES); item += 1) {
      const name = keyOfItem(item);
      key.assign(name, 0, name.length, 0);
      writer.set(key, values.bytes, values.startOf(item), valueBytes, options.reset(), nowMs);
    }
    writer.leave();
    const { wallMs, userMs, systemMs } = measure(() => {
      while (engine.step(performance.now(), Date.now()) <= performance.now());
    });
    appending.wallMs += wallMs;
    appending.userMs += userMs;
    appending.systemMs += systemMs;
  }
  const ticket = state.requestSave();
  const saving = measure(() => {
    while (state.saveOutcome(ticket) === 'pending') engine.step(performance.now(), Date.now());
  });
  const failure = engine.stop(performance.now(), Date.now());
  if (failure !== null) throw failure;
  return { appending, saving };
}

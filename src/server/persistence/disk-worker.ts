/**
 * Entry of the disk thread: loads what is in the data folder, says so, then keeps the folder up to date until it is told to stop. It blocks: in
 * the disk's calls, and asleep where there is nothing to do.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { ShoalError } from '../../base/errors.ts';
import { ChangeLog } from '../../changes/change-log.ts';
import { effectiveMode } from '../../config/persistence-options.ts';
import { SYSTEM_DISK } from '../../io/disk.ts';
import { wakeReactor } from '../../io/epoll/reactor.ts';
import { yieldProcessors } from '../../io/thread-priority.ts';
import { ClaimTable } from '../../persistence/claims.ts';
import { DataSet } from '../../persistence/data-set.ts';
import { PersistenceEngine } from '../../persistence/persistence-engine.ts';
import { Figure, PersistenceState } from '../../persistence/persistence-state.ts';
import { diskRow } from '../../store/memory.ts';
import { Store } from '../../store/store.ts';
import { wakeThread } from '../threads/mailbox.ts';
import { announceProgress } from '../threads/progress.ts';
import { SharedState } from '../threads/shared-state.ts';
import type { DiskReport, DiskStart, LoadingProgress } from './disk-start.ts';

const start = workerData as DiskStart;
const { options, threadCount } = start;
const mode = effectiveMode(options) === 'log' ? 'log' : 'snapshot';
const state = PersistenceState.attach(start.state);
const cluster =
  start.cluster === null ? null : { name: start.cluster.name, claims: ClaimTable.attach(start.cluster.claims) };
const shared = new SharedState(start.shared);
const wake =
  start.wakesBy === 'mail'
    ? (thread: number) => wakeThread(shared, thread, wakeReactor)
    : () => report({ kind: 'advanced' });

// One access for loading and for keeping: a row of the store has one set of parts.
const store = Store.attach(start.store, diskRow(start.store));
store.countsUse = false;
const dataSet = openDataSet();
if (dataSet !== null) {
  const failure = keep(dataSet);
  dataSet.close();
  report({ kind: 'stopped', failure: failure === null ? null : failure.message });
}
// Whatever the runtime still holds open must not keep the thread.
process.exit(0);

/** The data set, loaded; null where it cannot be used, which was reported. */
function openDataSet(): DataSet | null {
  let opened: DataSet | null = null;
  try {
    const { itemVersionSeed, address } = start;
    opened = DataSet.open(SYSTEM_DISK, options.dataDir, {
      itemVersionSeed,
      address,
      onWait: (message) => report({ kind: 'log', level: 'warn', message }),
    });
    const beganAtMs = performance.now();
    const tell = (progress: LoadingProgress): void => report({ kind: 'loading', ...progress });
    const recovery = opened.recover(store, Date.now(), tell, cluster?.name ?? null);
    for (const note of recovery.claims) cluster?.claims.set(note);
    state.setFigure(Figure.loadedItems, recovery.itemCount);
    report({ kind: 'loaded', loaded: { ...recovery, durationMs: performance.now() - beganAtMs } });
    return opened;
  } catch (error) {
    opened?.close();
    if (!(error instanceof ShoalError)) throw error;
    report({ kind: 'refused', code: error.code, message: error.message });
    return null;
  }
}

/** Steps until the node stops, then writes what is left. Returns why not all is kept, or null. */
function keep(opened: DataSet): ShoalError | null {
  const engine = new PersistenceEngine(
    {
      store,
      log: new ChangeLog(start.store),
      dataSet: opened,
      mode,
      fsync: options.fsync,
      snapshotIntervalMs: snapshotIntervalMs(),
      cluster,
      state,
      logLine: (level, message) => report({ kind: 'log', level, message }),
      onAdvance: () => announceProgress(shared, threadCount, wake),
    },
    performance.now(),
    Date.now(),
  );
  // Where all processors are busy, more changes share a group and its sync; where one is free, it is used at once.
  yieldProcessors();
  // The engine follows from here on: now others may write.
  report({ kind: 'ready', itemVersionSeed: opened.itemVersionSeed, dataSetId: opened.id });
  while (!state.isStopping) {
    state.beginStep();
    const wakeAtMs = engine.step(performance.now(), Date.now());
    state.sleep(wakeAtMs - performance.now());
  }
  return mode === 'snapshot' && state.lastWill === 'discard' ? null : engine.stop(performance.now(), Date.now());
}

/** A log asks for snapshots by its length. */
function snapshotIntervalMs(): number {
  const { snapshotIntervalMs: intervalMs } = options;
  return mode === 'log' || intervalMs === 0 ? Number.POSITIVE_INFINITY : intervalMs;
}

function report(message: DiskReport): void {
  parentPort?.postMessage(message);
}

/**
 * The disk thread as the thread that starts it sees it: loaded, serving, ended. What a node keeps on disk is written there and nowhere else, so
 * that no data thread ever waits for a disk.
 */
import { Worker } from 'node:worker_threads';
import { type ErrorCode, ShoalError } from '../../base/errors.ts';
import { ClaimTable } from '../../persistence/claims.ts';
import { type LastWill, PersistenceState, PersistenceStatus } from '../../persistence/persistence-state.ts';
import type { Log } from '../environment.ts';
import { wakeReactor } from '../../io/epoll/reactor.ts';
import { wakeThread } from '../threads/mailbox.ts';
import { announceProgress } from '../threads/progress.ts';
import { SharedState } from '../threads/shared-state.ts';
import type { DiskReport, DiskStart, Loaded, LoadingProgress } from './disk-start.ts';

export interface DiskThread {
  /** What others of the node attach to. */
  readonly state: PersistenceState;
  /** Of the data set. */
  readonly itemVersionSeed: readonly [number, number];
  readonly dataSetId: string;
  /** Of a node in a cluster, where it says what is its own. */
  readonly claims: ClaimTable;
  readonly loaded: Loaded;
  /** Has what is left written, and ends the thread. Rejects with a ShoalError, when it has ended, where not all is kept. */
  stop(last: LastWill): Promise<void>;
}

export interface DiskThreadParts {
  readonly start: Omit<DiskStart, 'state' | 'wakesBy' | 'cluster'>;
  /** That the node is in; null: none. */
  readonly cluster: string | null;
  readonly log: Log;
  readonly onLoading: (progress: LoadingProgress) => void;
  /** What is waited for has moved: for the one data thread that has no mail; null where they have. */
  readonly onAdvance: (() => void) | null;
}

/** Resolves once all that is in the data folder is loaded. Rejects with a ShoalError, DataSetFailed, where the folder cannot be used. */
export function startDiskThread({ start, cluster, log, onLoading, onAdvance }: DiskThreadParts): Promise<DiskThread> {
  const state = PersistenceState.create();
  state.setStatus(PersistenceStatus.loading);
  const claims = ClaimTable.create();
  // The compiled module stands beside this one under the ending that this one has.
  const file = import.meta.url.endsWith('.ts') ? './disk-worker.ts' : './disk-worker.js';
  const worker = new Worker(new URL(file, import.meta.url), {
    workerData: {
      ...start,
      state: state.memory,
      wakesBy: onAdvance === null ? 'mail' : 'report',
      cluster: cluster === null ? null : { name: cluster, claims: claims.memory },
    } satisfies DiskStart,
    // Flags that the process was started with are for its own program.
    execArgv: [],
  });
  let end: string | null = 'the thread that writes to the disk ended before its time';
  const ended = new Promise<void>((resolve) => {
    worker.once('exit', () => resolve());
  });
  const died = (error: Error): void => {
    end = `the thread that writes to the disk died: ${error.message}`;
    log('error', `nothing is kept on disk any more: ${error.stack ?? error.message}`);
    state.setFailure(`${end}; start the node again`);
    state.setStatus(PersistenceStatus.failing);
    // Whoever asks it for something is not to wait.
    state.requestStop();
    const shared = new SharedState(start.shared);
    announceProgress(shared, start.threadCount, (thread) => {
      if (onAdvance === null) wakeThread(shared, thread, wakeReactor);
      else onAdvance();
    });
  };
  const stop = async (last: LastWill): Promise<void> => {
    state.requestStop(last);
    worker.ref();
    await ended;
    if (end !== null) throw new ShoalError('DataSetFailed', end);
  };
  return new Promise((resolve, reject) => {
    let loaded: Loaded | null = null;
    worker.on('message', (report: DiskReport) => {
      switch (report.kind) {
        case 'loading':
          onLoading(report);
          break;
        case 'loaded':
          loaded = report.loaded;
          sayWhatWasLoaded(loaded, start.options.dataDir, log);
          break;
        case 'ready': {
          worker.unref();
          const { itemVersionSeed, dataSetId } = report;
          resolve({ state, itemVersionSeed, dataSetId, claims, loaded: loaded!, stop });
          break;
        }
        case 'refused':
          reject(new ShoalError(report.code as ErrorCode, report.message));
          break;
        case 'advanced':
          onAdvance?.();
          break;
        case 'log':
          log(report.level, report.message);
          break;
        case 'stopped':
          end = report.failure;
          break;
      }
    });
    worker.once('error', (error: Error) => {
      died(error);
      reject(error);
    });
    worker.once('exit', (code) => {
      reject(new Error('the disk thread ended before it was ready'));
      if (loaded !== null && !state.isStopping) died(new Error(`it ended with ${code}`));
    });
  });
}

function sayWhatWasLoaded(report: Loaded, folder: string, log: Log): void {
  const { itemCount, expiredCount, evictedCount, durationMs, cutTail } = report;
  if (cutTail !== null) {
    const { file, offset, bytes } = cutTail;
    log(
      'warn',
      `the last ${bytes} bytes of ${file}, from offset ${offset} on, were not written whole before the node ended, and are left out`,
    );
  }
  const expired = expiredCount === 0 ? '' : `, ${expiredCount} had expired`;
  const evicted = evictedCount === 0 ? '' : `, ${evictedCount} found no room`;
  log('info', `loaded ${itemCount} items from ${folder} in ${Math.round(durationMs)} ms${expired}${evicted}`);
}

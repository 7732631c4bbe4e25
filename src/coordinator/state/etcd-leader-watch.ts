/**
 * Follows one key: reads it, then watches it from the next revision on, and begins again whenever the watch ends.
 *
 * Only the last state of the key matters here, so nothing is gained by resuming at the revision that a lost watch had
 * reached, and something could be lost: that revision may have been compacted away. A read gives the state and the revision
 * to watch from, whatever happened in between. A watch may also fall silent without ending (a member that is stopped, a
 * connection that leads nowhere), so the key is read now and then beside the watch, too.
 */
import type { EtcdClient } from './etcd-client.ts';
import { type EtcdFailure, failureOfConnection } from './etcd-errors.ts';
import type { Sighting } from './etcd-messages.ts';
import { pause, type StateClock } from './state-clock.ts';

export interface LeaderWatchParts {
  readonly client: Pick<EtcdClient, 'get' | 'watch'>;
  readonly clock: StateClock;
  readonly key: string;
  /** Between two reads beside a watch. */
  readonly pollMs: number;
  /** How long a read may take, over all members. */
  readonly readMs: number;
  /** Between the end of a watch, or a read that failed, and the next read. */
  readonly againMs: number;
  /** Each state of the key that is newer than the last, and the first. Not called after the abort. */
  readonly onSeen: (sighting: Sighting) => void;
  /** A read found no change: etcd answers. */
  readonly onAlive: () => void;
  readonly onFailure: (failure: EtcdFailure) => void;
}

/** Resolves once the signal is aborted. */
export async function watchLeader(parts: LeaderWatchParts, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await watchOnce(parts, signal);
    } catch (error) {
      if (!signal.aborted) parts.onFailure(failureOfConnection(error));
    }
    await pause(parts.clock, parts.againMs, signal);
  }
}

/** Resolves when the watch ended or fell silent. Rejects where the key cannot be read. */
async function watchOnce(parts: LeaderWatchParts, signal: AbortSignal): Promise<void> {
  const { client, clock, key, pollMs, readMs } = parts;
  const read = (): Promise<Sighting> => client.get(key, clock.monotonicMs() + readMs, signal);
  const ended = new AbortController();
  const stop = (): void => ended.abort();
  let known = await read();
  if (signal.aborted) return;
  parts.onSeen(known);
  signal.addEventListener('abort', stop);
  const watching = client.watch(key, known.revision + 1, ended.signal, (message) => {
    if (message.kind !== 'changed' || message.revision <= known.revision || ended.signal.aborted) return;
    known = { ...known, item: message.item, revision: message.revision };
    parts.onSeen(known);
  });
  const over = watching.then(stop);
  try {
    for (;;) {
      await pause(clock, pollMs, ended.signal);
      if (ended.signal.aborted) return;
      const before = known;
      const now = await read();
      if (ended.signal.aborted) return;
      if (now.revision > known.revision && modRevisionOf(now) !== modRevisionOf(known)) {
        known = now;
        parts.onSeen(now);
        // The watch had as long as the read to say it, and did not.
        if (modRevisionOf(before) !== modRevisionOf(now)) return;
      } else {
        parts.onAlive();
      }
    }
  } finally {
    stop();
    signal.removeEventListener('abort', stop);
    await over;
  }
}

function modRevisionOf({ item }: Sighting): number {
  return item?.modRevision ?? 0;
}

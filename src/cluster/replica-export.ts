/**
 * A move to a node that has copied the slots as a replica, at its source: nothing is sent but what the stream sends anyway. It waits until the replica is close behind; once the
 * slots are paused, the position of the change log says what the replica has to have.
 *
 *     waiting ─(synced, and close behind)─► ready ─► shipRest: drained        each ─► failed
 */
import { recordsBetween } from '../changes/log-position.ts';
import type { Store } from '../store/store.ts';
import type { MoveExtent, MoveReport, MoveReportState } from './mover.ts';

/** So many changes go in far less than a pause may last. */
const READY_CHANGES = 2048;
/** So long a replica is waited for that is far behind, or whose copy is not known here to be whole. */
const READY_MS_MAX = 10_000;
const TICK_MS = 5;

/** The stream to the target, as far as it matters here; `StreamSource`. */
export interface StreamProgress {
  /** The replica has everything of its slots before this position of the change log. */
  readonly confirmed: number;
  hasSynced(slots: readonly number[]): boolean;
}

export interface ReplicaExportParts {
  /** The control thread's access. */
  readonly store: Store;
  readonly moveId: number;
  readonly slots: readonly number[];
  /** Null where there is none. */
  readonly stream: () => StreamProgress | null;
  /** Where the change log ends now. */
  readonly logEnd: () => number;
  /** Sends the replica everything up to here at once. */
  readonly confirmNow: () => void;
}

type Phase = 'waiting' | 'ready' | 'drained' | 'failed';

const REPORTED: Readonly<Record<Phase, MoveReportState>> = {
  waiting: 'copying',
  ready: 'ready',
  drained: 'drained',
  failed: 'failed',
};

export class ReplicaExport {
  readonly id: number;
  private readonly parts: ReplicaExportParts;
  private readonly itemsTotal: number;
  private phase: Phase = 'waiting';
  private error = '';
  private lag = 0;
  private sinceMs: number | null = null;
  private restWanted = false;
  /** Up to the end of the log when nobody could write to the slots any more. */
  private extent: MoveExtent | null = null;

  constructor(parts: ReplicaExportParts) {
    this.id = parts.moveId;
    this.parts = parts;
    this.itemsTotal = parts.store.parts.slotCounters.itemCountOf(parts.slots);
  }

  get report(): MoveReport {
    const { id, itemsTotal, lag, error, phase, extent } = this;
    const all = { items: itemsTotal, bytes: 0, itemsTotal };
    const report = { id, role: 'source' as const, state: REPORTED[phase], ...all, lag };
    if (phase === 'failed') return { ...report, error };
    return extent === null ? report : { ...report, extent };
  }

  /** All commands on its slots wait, or may at any moment. */
  get isHandingOver(): boolean {
    return this.phase === 'ready' || this.phase === 'drained';
  }

  /** The slots are paused. */
  shipRest(): void {
    this.restWanted = true;
  }

  /** A piece of work. `nowMs` is monotonic. */
  step(nowMs: number): void {
    if (this.phase === 'failed' || this.phase === 'drained') return;
    this.sinceMs ??= nowMs;
    const stream = this.parts.stream();
    const isWhole = stream?.hasSynced(this.parts.slots) === true;
    this.lag = stream === null ? 0 : Math.max(0, recordsBetween(stream.confirmed, this.parts.logEnd()));
    if (this.phase === 'ready') {
      if (!isWhole) this.fail('the replica has no whole copy of the slots any more');
      else if (this.restWanted) this.drain();
    } else if (isWhole && this.lag <= READY_CHANGES) this.phase = 'ready';
    else if (nowMs - this.sinceMs >= READY_MS_MAX) {
      this.fail(isWhole ? 'the replica is too far behind' : 'the replica has no whole copy of the slots');
    }
  }

  wakeAtMs(nowMs: number): number {
    return this.phase === 'failed' || this.phase === 'drained' ? Number.POSITIVE_INFINITY : nowMs + TICK_MS;
  }

  close(): void {}

  /** Nobody who writes is ever made to wait. */
  takeWritersResumed(): boolean {
    return false;
  }

  /** Every batch of a data thread that began before the pause is over when the exclusive section ends, so nobody writes to the slots any more. */
  private drain(): void {
    const { store, logEnd, confirmNow } = this.parts;
    store.enter();
    store.beginExclusive();
    store.endExclusive();
    store.leave();
    this.phase = 'drained';
    this.extent = { attempt: 1, frames: logEnd() };
    confirmNow();
  }

  private fail(reason: string): void {
    this.phase = 'failed';
    this.error = reason;
  }
}

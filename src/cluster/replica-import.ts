/**
 * A move to this node, which has copied the slots as a replica: nothing is to be done but to say when the stream from the source has brought everything. Where it
 * does not within TAKE_OVER_MS_MAX, clients have waited long enough: this side fails for good, and the source serves on.
 */
import { isBefore } from '../changes/log-position.ts';
import type { MoveExtent, MoveReport } from './mover.ts';

/** So long the last changes may take after the source has let go. */
const TAKE_OVER_MS_MAX = 1000;

/** The stream from the source, as far as it matters here; `StreamTarget`. */
export interface StreamState {
  /** Everything before this position of the source's change log is stored. */
  readonly through: number;
  hasSynced(slots: readonly number[]): boolean;
}

export class ReplicaImport {
  readonly id: number;
  private readonly slots: readonly number[];
  private readonly stream: () => StreamState | null;
  private extent: MoveExtent | null = null;
  private untilMs = Number.POSITIVE_INFINITY;
  private isComplete = false;
  private error: string | null = null;

  /** `stream`: null where there is none. */
  constructor(moveId: number, slots: readonly number[], stream: () => StreamState | null) {
    this.id = moveId;
    this.slots = slots;
    this.stream = stream;
  }

  get report(): MoveReport {
    const { id, error, isComplete } = this;
    const report = { id, role: 'target' as const, items: 0, bytes: 0, itemsTotal: 0, lag: 0 };
    if (error !== null) return { ...report, state: 'failed', error };
    return { ...report, state: isComplete ? 'complete' : 'importing' };
  }

  /** Clients wait for the last changes. */
  get isTakingOver(): boolean {
    return this.extent !== null && !this.isComplete && this.error === null;
  }

  /** By when it is to be stepped, to notice that the last changes do not come. */
  get dueAtMs(): number {
    return this.isTakingOver ? this.untilMs : Number.POSITIVE_INFINITY;
  }

  takeOver(extent: MoveExtent): void {
    this.extent = extent;
  }

  checkExtent(nowMs: number): void {
    if (this.extent === null || !this.isTakingOver) return;
    this.untilMs = Math.min(this.untilMs, nowMs + TAKE_OVER_MS_MAX);
    const stream = this.stream();
    if (stream === null || !stream.hasSynced(this.slots)) this.error = 'there is no whole copy of the slots';
    else if (!isBefore(stream.through, this.extent.frames)) this.isComplete = true;
    else if (nowMs >= this.untilMs) this.error = `the last changes did not come within ${TAKE_OVER_MS_MAX} ms`;
  }

  storeWaiting(): void {}
}

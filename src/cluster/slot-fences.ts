/**
 * Promises that this node gave to others, and the slots that it must not serve because of them.
 *
 * A node that cannot reach the coordinator serves on while all others have promised to take over none of its slots. The coordinator
 * knows nothing of that: it removes the node and gives its slots away. So who promised holds back, until the promise has ended
 * by its own clock, the slots that the node may still serve, whoever they come from in the end.
 */
import { SLOT_COUNT } from '../topology/slots.ts';

/** Longest promise that is given; a longer wish is refused. */
export const PROMISE_MS_MAX = 60_000;

export class SlotFences {
  /** By the node's id: when the promise to it ends. */
  private readonly promisedUntilMs = new Map<string, number>();
  /** When a slot's fence ends; a slot without one has −Infinity. */
  private readonly fencedUntilMs = new Float64Array(SLOT_COUNT).fill(Number.NEGATIVE_INFINITY);
  private fenceCount = 0;

  /** From `nowMs` on for `durationMs`, nothing that `nodeId` may serve is served here. */
  promise(nodeId: string, durationMs: number, nowMs: number): void {
    const untilMs = nowMs + durationMs;
    this.promisedUntilMs.set(nodeId, Math.max(untilMs, this.promisedUntilMs.get(nodeId) ?? untilMs));
  }

  /** The nodes that hold a promise of ours at `nowMs`. */
  promised(nowMs: number): readonly string[] {
    for (const [nodeId, untilMs] of this.promisedUntilMs) {
      if (untilMs <= nowMs) this.promisedUntilMs.delete(nodeId);
    }
    return [...this.promisedUntilMs.keys()];
  }

  /** `nodeId`, which holds a promise, may serve `slot` although the topology gives it to somebody else from now on. */
  raise(slot: number, nodeId: string): void {
    const untilMs = this.promisedUntilMs.get(nodeId) ?? Number.NEGATIVE_INFINITY;
    if (untilMs <= this.fencedUntilMs[slot]!) return;
    if (this.fencedUntilMs[slot] === Number.NEGATIVE_INFINITY) this.fenceCount += 1;
    this.fencedUntilMs[slot] = untilMs;
  }

  /** Takes down the fences that have ended at `nowMs`; true where there were any. */
  lower(nowMs: number): boolean {
    if (this.fenceCount === 0) return false;
    let lowered = false;
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
      const untilMs = this.fencedUntilMs[slot]!;
      if (untilMs === Number.NEGATIVE_INFINITY || untilMs > nowMs) continue;
      this.fencedUntilMs[slot] = Number.NEGATIVE_INFINITY;
      this.fenceCount -= 1;
      lowered = true;
    }
    return lowered;
  }

  /** Whether `slot` has a fence that was not taken down yet. */
  has(slot: number): boolean {
    return this.fencedUntilMs[slot] !== Number.NEGATIVE_INFINITY;
  }

  get count(): number {
    return this.fenceCount;
  }
}

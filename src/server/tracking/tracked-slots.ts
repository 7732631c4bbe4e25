/**
 * Which slots of a node in a cluster were lost since one thread last looked: what becomes of their keys, it will not be told. Looked at when the control thread says that slots
 * have changed, and on time.
 *
 * A slot counts as lost as soon as commands on it wait: its hand-over is being finished, and this node may hear last that it is done. Nothing is read of it meanwhile.
 */
import { KEY_SLOT_COUNT } from '../../base/key-slot.ts';
import { OWNED, PAUSED } from '../../cluster/slot-table.ts';
import type { ThreadCluster } from '../cluster/thread-cluster.ts';

/** Slots that this node has lost; `everything`: the right to serve any of them has ended. */
export type LostSlots = ReadonlySet<number> | 'everything' | null;

export class TrackedSlots {
  private readonly cluster: ThreadCluster;
  private readonly served = new Uint8Array(KEY_SLOT_COUNT);
  private version = 0;
  private mayAnswer = false;

  constructor(cluster: ThreadCluster) {
    this.cluster = cluster;
  }

  /** What is lost from now on counts. */
  begin(monotonicMs: number): void {
    const { slots } = this.cluster;
    this.mayAnswer = slots.mayAnswer(monotonicMs);
    this.version = slots.version;
    for (let slot = 0; slot < KEY_SLOT_COUNT; slot += 1) this.served[slot] = this.serves(slot);
  }

  /** What was lost since the last call, or since `begin`. */
  look(monotonicMs: number): LostSlots {
    const { slots } = this.cluster;
    const { mayAnswer: didAnswer } = this;
    this.mayAnswer = slots.mayAnswer(monotonicMs);
    const { version } = slots;
    const lost = version === this.version ? null : this.compare();
    // Before the words that were compared, so none that changes meanwhile is missed.
    this.version = version;
    return didAnswer && !this.mayAnswer ? 'everything' : lost;
  }

  private compare(): ReadonlySet<number> | null {
    const { served } = this;
    let lost: Set<number> | null = null;
    for (let slot = 0; slot < KEY_SLOT_COUNT; slot += 1) {
      const isServed = this.serves(slot);
      if (isServed < served[slot]!) (lost ??= new Set()).add(slot);
      served[slot] = isServed;
    }
    return lost;
  }

  private serves(slot: number): 0 | 1 {
    return (this.cluster.slots.wordOf(slot) & (OWNED | PAUSED)) === OWNED ? 1 : 0;
  }
}

/**
 * Slots whose items are only in copies: their owner has died, or it died while it handed them over and the new owner may have nothing. Which copy is the best is known only once none of them
 * is added to any more. So there are two steps: a topology without the owner, and, once every node that may have a copy has applied it and told how far its copy goes, another one
 * in which the best is the owner. What a replica had confirmed to the owner is in the best copy then, whatever the owner did before it knew that it was removed.
 *
 * This says since when each slot waits, and at which epoch it began to.
 */
import { SLOT_COUNT } from '../topology/slots.ts';
import { NO_NODE, type Topology } from '../topology/topology.ts';

export class Vacancies {
  /** Slots that wait. */
  private slots: readonly number[] = [];
  private readonly epochs = new Uint32Array(SLOT_COUNT);
  private readonly sinceMs = new Float64Array(SLOT_COUNT);
  private topology: Topology | null = null;

  /** After an election: what was told before counts for nothing. */
  clear(): void {
    this.topology = null;
    this.slots = [];
    this.epochs.fill(0);
  }

  /** `topology` is stored. */
  observe(topology: Topology, nowMs: number): readonly number[] {
    if (topology === this.topology) return this.slots;
    this.topology = topology;
    if (topology.lineage === null) {
      this.clear();
      this.topology = topology;
      return this.slots;
    }
    const slots: number[] = [];
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
      if (!isVacant(topology, slot)) {
        this.epochs[slot] = 0;
        continue;
      }
      slots.push(slot);
      if (this.epochs[slot] !== 0) continue;
      this.epochs[slot] = topology.epoch;
      this.sinceMs[slot] = nowMs;
    }
    this.slots = slots;
    return slots;
  }

  /** Who has applied this epoch has copied nothing of `slot` since, but from its next owner. */
  epochOf(slot: number): number {
    return this.epochs[slot]!;
  }

  waitedMs(slot: number, nowMs: number): number {
    return nowMs - this.sinceMs[slot]!;
  }
}

function isVacant(topology: Topology, slot: number): boolean {
  if (topology.isUnsure(slot)) return true;
  return (
    topology.ownerIndex(slot) === NO_NODE && topology.sinceOf(slot) > 0 && topology.replicaIndex(slot, 0) !== NO_NODE
  );
}

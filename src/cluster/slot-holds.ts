/**
 * The slots that this node gets from the topology and must not serve yet, by reason: another node may serve them for the rest of a promise (a
 * fence) or by a move in doubt, or what this node once had in them is still to be deleted. Part of the agent.
 */
import { SLOT_COUNT } from '../topology/slots.ts';
import type { SlotMove } from '../topology/topology.ts';
import type { AgentOutput } from './agent-output.ts';
import type { SlotFences } from './slot-fences.ts';

export class SlotHolds {
  private readonly output: AgentOutput;
  private readonly fences: SlotFences;
  private readonly purges = new Map<number, readonly number[]>();
  /** Purges of each slot that are not done. */
  private readonly purging = new Uint16Array(SLOT_COUNT);
  private nextPurgeId = 1;

  constructor(output: AgentOutput, fences: SlotFences) {
    this.output = output;
    this.fences = fences;
  }

  /** Has all items of `slots` deleted; until that is done they are held back. */
  purge(slots: readonly number[]): void {
    if (slots.length === 0) return;
    const purgeId = this.nextPurgeId;
    this.nextPurgeId += 1;
    this.purges.set(purgeId, slots);
    for (const slot of slots) this.purging[slot]! += 1;
    this.output.add({ type: 'purge', purgeId, slots });
  }

  /** The mover has done it. False where the purge is not known (any more). */
  purged(purgeId: number): boolean {
    const slots = this.purges.get(purgeId);
    if (slots === undefined) return false;
    this.purges.delete(purgeId);
    for (const slot of slots) this.purging[slot]! -= 1;
    return true;
  }

  /** All is to be deleted: no single purge counts any more. */
  clearPurges(): void {
    this.purges.clear();
    this.purging.fill(0);
  }

  /** A byte per slot, 1: held back. `doubtful`: moves of which the target may still serve the slots. */
  withheld(doubtful: readonly SlotMove[]): Uint8Array {
    const withheld = new Uint8Array(SLOT_COUNT);
    if (this.purges.size > 0 || this.fences.count > 0) this.addHeld(withheld);
    for (const { slots } of doubtful) for (const slot of slots) withheld[slot] = 1;
    return withheld;
  }

  private addHeld(withheld: Uint8Array): void {
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
      if (this.purging[slot] !== 0 || this.fences.has(slot)) withheld[slot] = 1;
    }
  }
}

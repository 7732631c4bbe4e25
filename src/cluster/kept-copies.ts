/** Whole copies that this node keeps of slots whose source has ended, and how far each goes. Part of the replicator. */
import type { KeptCopyReport } from './mover.ts';

/** A stream to this node, as it is when copies of it begin to be kept; `StreamTarget`. */
export interface KeptFrom {
  readonly sourceId: string;
  readonly through: number;
  syncedSlots(): readonly number[];
}

interface KeptCopy {
  readonly id: string;
  readonly through: number;
}

export class KeptCopies {
  /** By slot. */
  private copies: ReadonlyMap<number, KeptCopy> = new Map();

  /** From now on these slots are kept, those of which `sources` have a whole copy now or a copy is kept already; and no others. */
  take(slots: readonly number[], sources: Iterable<KeptFrom>): void {
    if (slots.length === 0 && this.copies.size === 0) return;
    const wanted = new Set(slots);
    const copies = new Map<number, KeptCopy>();
    for (const [slot, copy] of this.copies) if (wanted.has(slot)) copies.set(slot, copy);
    for (const source of sources) {
      const copy = { id: source.sourceId, through: source.through };
      for (const slot of source.syncedSlots()) if (wanted.has(slot)) copies.set(slot, copy);
    }
    this.copies = copies;
  }

  report(): readonly KeptCopyReport[] {
    const groups = new Map<KeptCopy, number[]>();
    for (const [slot, copy] of this.copies) {
      const slots = groups.get(copy);
      if (slots === undefined) groups.set(copy, [slot]);
      else slots.push(slot);
    }
    return [...groups].map(([{ id, through }, slots]) => ({
      id,
      through,
      slots: slots.toSorted((left, right) => left - right),
    }));
  }
}

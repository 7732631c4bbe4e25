/**
 * What the control thread of a node that keeps its data tells the disk thread of whole slots, through the change log, where it stands in its place among the
 * changes of keys: slots that were given up, and slots that the node owns from here on (src/persistence/claims.ts).
 */
import { ChangeOperation, EVERY_NAMESPACE } from '../store/change-ring.ts';
import { encodeSlotNote, type SlotNote } from '../store/slot-notes.ts';
import type { Store } from '../store/store.ts';

/** How far the disk thread is; `PersistenceState`. */
export interface DiskProgress {
  wake(): void;
  isDurable(mark: number): boolean;
}

export interface DiskNotesParts {
  /** The control thread's access. */
  readonly store: Store;
  /** What the node claims, where the disk thread sees it: a `ClaimTable`. */
  readonly claims: { set(note: SlotNote): void };
  readonly progress: DiskProgress;
  readonly mode: 'snapshot' | 'log';
}

export class DiskNotes {
  private readonly parts: DiskNotesParts;

  constructor(parts: DiskNotesParts) {
    this.parts = parts;
  }

  /** All items of `slots` are gone, and with them what was claimed. */
  cleared(slots: readonly number[]): void {
    const note = { time: 0, flags: 0, slots };
    this.parts.claims.set(note);
    this.parts.store.parts.changes.changedSlots(ChangeOperation.slotsCleared, EVERY_NAMESPACE, encodeSlotNote(note));
  }

  /** Returns a mark for `isDurable`. */
  claimed(notes: readonly SlotNote[]): number {
    const { store, claims, progress } = this.parts;
    const { changes } = store.parts;
    for (const note of notes) {
      claims.set(note);
      changes.changedSlots(ChangeOperation.slotsClaimed, EVERY_NAMESPACE, encodeSlotNote(note));
    }
    progress.wake();
    return changes.end;
  }

  /** Whether all that was noted before `mark` survives a loss of power. Where only snapshots are kept nothing waits for one. */
  isDurable(mark: number): boolean {
    const { mode, progress } = this.parts;
    return mode === 'snapshot' || progress.isDurable(mark);
  }
}

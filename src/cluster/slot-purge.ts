/**
 * Deletes the items of hash slots, one job after the other in the order given, each a walk over the index in steps. Before a walk all batches of
 * data threads that began earlier are waited for: whoever still wrote to the slots by an older slot table is done then. Where the
 * counters say that the slots are empty there is no walk. Who keeps the store on disk hears of it: once where whole slots were emptied, else key by key.
 */
import { ANY_NAMESPACE, type KeySelection } from '../store/iteration.ts';
import { removeSelected } from '../store/slot-items.ts';
import type { SlotFilter, SlotSet } from '../store/slot-set.ts';
import type { Store } from '../store/store.ts';
import type { DiskNotes } from './disk-notes.ts';

/** Buckets walked in one step: about a millisecond. */
const STEP_BUCKETS = 1024;

interface PurgeJob {
  readonly slots: SlotSet;
  readonly selection: KeySelection;
  readonly onDone: () => void;
  /** Whether all items of the slots go, whatever happens meanwhile. */
  readonly isWhole: boolean;
}

export class SlotPurge {
  private readonly store: Store;
  private readonly notes: DiskNotes | null;
  private readonly jobs: PurgeJob[] = [];
  private isWalking = false;
  private cursor = 0;

  /** `store`: the control thread's access. */
  constructor(store: Store, notes: DiskNotes | null = null) {
    this.store = store;
    this.notes = notes;
  }

  get isIdle(): boolean {
    return this.jobs.length === 0;
  }

  /**
   * Deletes the items of `slots`, of one name space or ANY_NAMESPACE, after all that was asked for before; then calls `onDone`, in a step. `filter` says at each moment in
   * which of the slots that is still to be done; null: in all.
   */
  add(slots: SlotSet, namespace: number, onDone: () => void, filter: SlotFilter | null = null): void {
    const chosen = filter === null ? slots : { has: (slot: number) => slots.has(slot) && filter.has(slot) };
    const isWhole = filter === null && namespace === ANY_NAMESPACE;
    this.jobs.push({ slots, selection: { namespace, slots: chosen }, onDone, isWhole });
  }

  /** Whether `slot` is one of those in which something is to be deleted. */
  concerns(slot: number): boolean {
    return this.jobs.some(({ slots }) => slots.has(slot));
  }

  /** Everything was deleted: forgets all jobs, whose `onDone` is not called. */
  clear(): void {
    this.jobs.length = 0;
    this.isWalking = false;
  }

  /** A piece of work. */
  step(): void {
    const job = this.jobs[0];
    if (job === undefined) return;
    this.store.enter();
    const isDone = this.walk(job);
    this.store.leave();
    if (!isDone) return;
    this.jobs.shift();
    if (job.isWhole) this.notes?.cleared(job.slots.slots);
    job.onDone();
  }

  private walk(job: PurgeJob): boolean {
    const { store } = this;
    if (!this.isWalking) {
      store.beginExclusive();
      store.endExclusive();
      if (this.isEmpty(job)) return true;
      this.isWalking = true;
      this.cursor = 0;
    }
    const note = this.notes === null || job.isWhole ? 'silent' : 'received';
    for (let count = 0; count < STEP_BUCKETS; count += 1) {
      this.cursor = removeSelected(store.parts, this.cursor, job.selection, note);
      if (this.cursor === 0) break;
    }
    if (this.cursor !== 0 && !this.isEmpty(job)) return false;
    this.isWalking = false;
    return true;
  }

  private isEmpty({ slots, selection: { namespace } }: PurgeJob): boolean {
    const { slotCounters } = this.store.parts;
    if (!slotCounters.isOn) return false;
    if (namespace === ANY_NAMESPACE) return slotCounters.itemCountOf(slots.slots) === 0;
    return slots.slots.every((slot) => slotCounters.namespaceItemCount(namespace, slot) === 0);
  }
}

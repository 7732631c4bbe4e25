/**
 * Which hash slots the files of a node in a cluster are whole for, and as of which owner's time (docs/adr/0024-persistence-in-a-cluster.md): a claim stands in the files
 * behind all items that the slot had when this node became its owner, and before all that came then; it is void once they were given up.
 *
 * `Claims` is what the files say, as of some place in them. `ClaimTable` is what the node has said, in shared memory: the control thread writes it, before the change log's note
 * that says the same, and the disk thread reads it where it has missed notes. By slot:
 *
 *     times  u32   the time that is claimed; 0: none
 *     flags  u8    as in a note (src/store/slot-notes.ts)
 */
import { assert } from '../base/assert.ts';
import { KEY_SLOT_COUNT } from '../base/key-slot.ts';
import { encodeSlotNote, type SlotNote, SlotNoteList } from '../store/slot-notes.ts';

export interface Claim {
  readonly time: number;
  readonly flags: number;
}

const TABLE_BYTES = KEY_SLOT_COUNT * (Uint32Array.BYTES_PER_ELEMENT + 1);

export class ClaimTable {
  /** What the other thread attaches to. */
  readonly memory: SharedArrayBuffer;
  private readonly times: Uint32Array;
  private readonly flags: Uint8Array;

  private constructor(memory: SharedArrayBuffer) {
    this.memory = memory;
    this.times = new Uint32Array(memory, 0, KEY_SLOT_COUNT);
    this.flags = new Uint8Array(memory, KEY_SLOT_COUNT * Uint32Array.BYTES_PER_ELEMENT, KEY_SLOT_COUNT);
  }

  static create(): ClaimTable {
    return new ClaimTable(new SharedArrayBuffer(TABLE_BYTES));
  }

  static attach(memory: SharedArrayBuffer): ClaimTable {
    assert(memory.byteLength === TABLE_BYTES, `a table of claims has ${TABLE_BYTES} bytes, not ${memory.byteLength}`);
    return new ClaimTable(memory);
  }

  /** Null where nothing is claimed, or where it is being changed: a note says the rest then. */
  claimOf(slot: number): Claim | null {
    const time = Atomics.load(this.times, slot);
    const flags = Atomics.load(this.flags, slot);
    return time === 0 || Atomics.load(this.times, slot) !== time ? null : { time, flags };
  }

  /** `time` 0: nothing is claimed. */
  set({ time, flags, slots }: SlotNote): void {
    for (const slot of slots) {
      Atomics.store(this.times, slot, 0);
      Atomics.store(this.flags, slot, flags);
      Atomics.store(this.times, slot, time);
    }
  }
}

export class Claims {
  private readonly times = new Uint32Array(KEY_SLOT_COUNT);
  private readonly flags = new Uint8Array(KEY_SLOT_COUNT);

  /** Takes a note of claimed slots, or with `time` 0 of cleared ones. */
  take({ time, flags, slots }: SlotNote): void {
    for (const slot of slots) {
      this.times[slot] = time;
      this.flags[slot] = flags;
    }
  }

  /** Takes all that `table` has, and nothing else. */
  takeAll(table: ClaimTable): void {
    for (let slot = 0; slot < KEY_SLOT_COUNT; slot += 1) {
      const claim = table.claimOf(slot);
      this.times[slot] = claim?.time ?? 0;
      this.flags[slot] = claim?.flags ?? 0;
    }
  }

  /** All claims, as few notes as can be. */
  notes(): readonly SlotNote[] {
    const list = new SlotNoteList();
    for (let slot = 0; slot < KEY_SLOT_COUNT; slot += 1)
      if (this.times[slot] !== 0) list.add(slot, this.times[slot]!, this.flags[slot]!);
    return list.notes;
  }

  bodies(): readonly Buffer[] {
    return this.notes().map((note) => encodeSlotNote(note));
  }
}

/** What the files of a node in a cluster say beside its items: which slots came, went and are its own, in their place among the changes. */
import { describe, expect, test } from 'bun:test';
import { SimulatedDisk } from '../../sim/disk.ts';
import { KeptStore, type KeptStoreOptions } from '../../test/support/kept-store.ts';
import { keySlot } from '../base/key-slot.ts';
import { DiskNotes } from '../cluster/disk-notes.ts';
import { SlotPurge } from '../cluster/slot-purge.ts';
import { ANY_NAMESPACE } from '../store/iteration.ts';
import { controlRow } from '../store/memory.ts';
import { CLAIM_TAKEN, decodeSlotNote, encodeSlotNote } from '../store/slot-notes.ts';
import { SlotSet } from '../store/slot-set.ts';
import { Store } from '../store/store.ts';
import { Key, WriteOptions } from '../store/types.ts';
import { dumpDataSet } from './dump.ts';
import { salvageDataSet } from './salvage.ts';
import { FOLDER } from '../../test/support/kept-store.ts';

const SLOT = slotOf('moved');

function slotOf(key: string): number {
  const bytes = Buffer.from(key);
  return keySlot(bytes, 0, bytes.length);
}

/** A node in the cluster `name`, with its control thread's access. */
class ClusterStore extends KeptStore {
  readonly control: Store;
  readonly notes: DiskNotes;
  private readonly purge: SlotPurge;
  private readonly key = new Key();

  constructor(disk: SimulatedDisk, options: KeptStoreOptions = {}) {
    super(disk, { cluster: 'one', ...options, store: { clustered: true, ...options.store } });
    const { handle } = this.store;
    this.control = Store.attach(handle, controlRow(handle));
    this.control.recordsWrites = 'received';
    this.notes = new DiskNotes({ store: this.control, claims: this.claims!, progress: this.state, mode: 'log' });
    this.purge = new SlotPurge(this.control, this.notes);
  }

  /** An item comes from another node. */
  receive(key: string, value: string): void {
    const { control } = this;
    control.enter();
    const bytes = Buffer.from(value);
    const name = Buffer.from(key);
    control.set(this.key.assign(name, 0, name.length, 0), bytes, 0, bytes.length, new WriteOptions(), this.wallMs);
    control.leave();
  }

  claim(time: number, slots: readonly number[], flags = 0): void {
    this.notes.claimed([{ time, flags, slots }]);
  }

  clear(slots: readonly number[]): void {
    this.purge.add(new SlotSet(slots), ANY_NAMESPACE, () => {});
    while (!this.purge.isIdle) this.purge.step();
  }
}

function claimsOf(store: KeptStore): readonly string[] {
  return store.report.claims.map(({ time, flags, slots }) => `${time}/${flags}: ${slots.join()}`);
}

/** What the next process finds after a loss of power in the worst way. */
function restarted(disk: SimulatedDisk, options: KeptStoreOptions = {}): ClusterStore {
  return new ClusterStore(
    disk.afterPowerLoss(() => 0),
    options,
  );
}

describe('a note of slots', () => {
  test.each([[[]], [[0]], [[16_383]], [[5, 3, 4, 9]], [Array.from({ length: 8192 }, (_, n) => 2 * n)]])(
    'comes back as it was',
    (slots) => {
      const body = encodeSlotNote({ time: 0xffff_fffe, flags: CLAIM_TAKEN, slots });
      expect(decodeSlotNote(Buffer.concat([Buffer.alloc(3), body]), 3, body.length)).toEqual({
        time: 0xffff_fffe,
        flags: CLAIM_TAKEN,
        slots: slots.toSorted((left, right) => left - right),
      });
    },
  );

  test.each([
    ['cut', '01000000 00000000 0100'],
    ['of slots that are none', '01000000 00000000 0000 0040'],
    ['out of order', '01000000 00000000 0500 0600 0300 0300'],
    ['with unknown flags', '01000000 02000000 0100 0100'],
  ])('%s is told', (_name, bytes) => {
    const body = Buffer.from(bytes.replaceAll(' ', ''), 'hex');
    expect(decodeSlotNote(body, 0, body.length)).toBeString();
  });
});

describe('claims', () => {
  test('are there again, from the log and from the head of the next one', () => {
    for (const isSaved of [false, true]) {
      const disk = new SimulatedDisk();
      const kept = new ClusterStore(disk);
      kept.settle();
      kept.claim(7, [1, 2, 3]);
      kept.claim(9, [2], CLAIM_TAKEN);
      kept.settle();
      if (isSaved) kept.save();
      expect(claimsOf(restarted(disk))).toEqual(['7/0: 1,3', '9/1: 2']);
    }
  });

  test('imply that all is there which came before: never the claim without the items', () => {
    for (const fsync of ['always', 'everysec', 'never'] as const) {
      const disk = new SimulatedDisk();
      const kept = new ClusterStore(disk, { fsync });
      kept.settle();
      kept.receive('moved', 'value');
      const mark = kept.notes.claimed([{ time: 3, flags: 0, slots: [SLOT] }]);
      expect(kept.notes.isDurable(mark)).toBeFalse();
      expect(claimsOf(restarted(disk, { fsync }))).toEqual([]);
      kept.settle();
      // Whatever the policy: slots are handed over by it.
      expect(kept.notes.isDurable(mark)).toBeTrue();
      const next = restarted(disk, { fsync });
      expect([claimsOf(next), next.get('moved')]).toEqual([[`3/0: ${SLOT}`], 'value']);
    }
  });

  test('are void with the items, which never come back', () => {
    for (const isSaved of [false, true]) {
      const disk = new SimulatedDisk();
      const kept = new ClusterStore(disk);
      kept.receive('moved', 'old');
      kept.set('other', 'stays');
      kept.claim(3, [SLOT, slotOf('other')]);
      kept.settle();
      kept.clear([SLOT]);
      // It comes again, with other keys.
      kept.receive('{moved}2', 'new');
      kept.settle();
      if (isSaved) kept.save();
      const next = restarted(disk);
      expect(claimsOf(next)).toEqual([`3/0: ${slotOf('other')}`]);
      expect(next.contents(['moved', '{moved}2', 'other'])).toEqual({
        moved: null,
        '{moved}2': 'new',
        other: 'stays',
      });
    }
  });

  test('are known again where the change log ran over', () => {
    const disk = new SimulatedDisk();
    const kept = new ClusterStore(disk);
    kept.settle();
    kept.claim(3, [1]);
    for (let number = 0; number < 20_000; number += 1) kept.set(`key:${number % 100}`, `value ${number}`);
    kept.claim(4, [2]);
    kept.settle();
    expect(kept.lines.join()).toContain('written anew');
    expect(claimsOf(restarted(disk))).toEqual(['3/0: 1', '4/0: 2']);
  });
});

describe('FLUSHALL in a cluster', () => {
  test('empties the slots that the node serves, and leaves what it has of others, across a crash', () => {
    const disk = new SimulatedDisk();
    const kept = new ClusterStore(disk);
    kept.receive('moved', 'copy');
    kept.set('mine', 'value');
    kept.set('mine', 'value', 3);
    kept.settle();
    kept.store.visibleSlots = { has: (slot) => slot !== SLOT };
    kept.store.notesFlushedSlots = true;
    kept.alone((store) => store.flush(0, kept.wallMs));
    kept.set('later', 'value');
    kept.settle();
    const next = restarted(disk);
    expect(next.contents(['moved', 'mine', 'later'])).toEqual({ moved: 'copy', mine: null, later: 'value' });
    expect(next.get('mine', 3)).toBe('value');
  });
});

describe('files of another kind of node', () => {
  function refusal(make: () => KeptStore): string {
    try {
      make().dataSet.close();
    } catch (error) {
      return (error as Error).message;
    }
    return 'none';
  }

  test('are refused with what to do, and nothing is changed', () => {
    const single = new SimulatedDisk();
    const alone = new KeptStore(single);
    alone.set('key', 'value');
    expect(alone.stop()).toBeNull();
    const clustered = new SimulatedDisk();
    const member = new ClusterStore(clustered);
    member.set('key', 'value');
    expect(member.stop()).toBeNull();

    expect(refusal(() => new ClusterStore(single.copy()))).toBe(
      '/data holds the data of a node by itself, and this node is in the cluster "one". Nothing was changed; give this node a folder of its own',
    );
    expect(refusal(() => new ClusterStore(clustered.copy(), { cluster: 'other' }))).toContain(
      'holds the data of a node in the cluster "one", and this node is in the cluster "other"',
    );
    expect(refusal(() => new KeptStore(clustered.copy()))).toContain(
      'start it with --coordinator, or "shoal data salvage',
    );
    expect(new KeptStore(single.copy()).get('key')).toBe('value');
    expect(new ClusterStore(clustered.copy()).get('key')).toBe('value');
  });

  test('an empty folder is anybody’s', () => {
    const disk = new SimulatedDisk();
    expect(new KeptStore(disk).stop()).toBeNull();
    expect(refusal(() => new ClusterStore(disk))).toBe('none');
  });

  test('salvage makes them those of a node by itself', () => {
    const disk = new SimulatedDisk();
    const kept = new ClusterStore(disk);
    kept.set('key', 'value');
    kept.claim(3, [slotOf('key')]);
    expect(kept.stop()).toBeNull();
    const copy = disk.copy();
    salvageDataSet(copy, FOLDER, '/saved', { itemVersionSeed: [1, 2], address: 'salvage' });
    expect(new KeptStore(copy, { folder: '/saved' }).get('key')).toBe('value');
  });
});

test('a dump shows claims and what was given up', () => {
  const disk = new SimulatedDisk();
  const kept = new ClusterStore(disk);
  kept.settle();
  kept.claim(3, [1, 2, 5]);
  kept.clear([5]);
  expect(kept.stop()).toBeNull();
  const found: unknown[] = [];
  dumpDataSet(disk.copy(), FOLDER, (entry) => {
    const { file: _file, offset: _offset, ...rest } = entry;
    if (rest.kind !== 'mapping') found.push(rest);
  });
  expect(found).toEqual([
    { kind: 'cluster', name: 'one' },
    { kind: 'claimed', time: 3, isTaken: false, slots: [1, 2, 5, 5] },
    { kind: 'cleared', namespace: null, slots: [5, 5] },
  ]);
});

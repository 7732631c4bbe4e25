/**
 * Bugs that can be planted into a run, each by a wrapper around a real part: they show that the checks find what they are for. No run has one unless
 * it is asked for.
 */
import { type ChangeConsumer, type ChangeLog, ChangeReading } from '../src/changes/change-log.ts';
import { type MovedItem, RecordKind, RecordWriter } from '../src/cluster/item-records.ts';
import type { MoveReport } from '../src/cluster/mover.ts';
import type { SlotTable } from '../src/cluster/slot-table.ts';
import { STREAM_HEADER_BYTES, StreamFrameReader } from '../src/cluster/stream-frames.ts';
import type { CoordinatorRequest } from '../src/protocol/cluster/messages.ts';

export const PLANTED_BUGS = [
  'skipFence',
  'dropTail',
  'takeEarly',
  'reuseEpoch',
  'fastClock',
  'ackEarly',
  'promoteLagging',
  'skipGap',
  'reorderWrites',
] as const;

/**
 * `skipFence`: a node serves on when its lease has ended. `dropTail`: what is written during a move is not sent to the target.
 * `takeEarly`: the target of a move takes over before it has all that the source sent.
 * `reuseEpoch`: a coordinator that is elected reads an old state, so its first topology has an epoch that another one had. `fastClock`: not a bug but a machine whose clock is slower by more than
 * leases allow for, which shows what their bound is for.
 *
 * With replicas: `ackEarly`: a write that is to wait for replicas is answered when they are there, not when they have it. `promoteLagging`: of the copies of a dead node's slots the least advanced is
 * taken. `skipGap`: a replica goes on behind frames that it has lost. `reorderWrites`: of two writes of one key a replica stores the older one last.
 */
export type PlantedBug = (typeof PLANTED_BUGS)[number];

/** A table that lets its node serve although its right has ended. */
export function withoutFence(slots: SlotTable): SlotTable {
  return Object.create(slots, { mayAnswer: { value: () => true }, mayServe: { value: () => true } }) as SlotTable;
}

/** A change log whose records are read and thrown away. */
export function withoutTail(log: ChangeLog): ChangeLog {
  const open = (slots: readonly number[] | null): ChangeConsumer | null => {
    const consumer = log.open(slots);
    if (consumer === null) return null;
    const read = consumer.read.bind(consumer);
    consumer.read = (record) => {
      for (;;) {
        const reading = read(record);
        if (reading !== ChangeReading.record) return reading;
      }
    };
    return consumer;
  };
  return Object.create(log, { open: { value: open } }) as ChangeLog;
}

/** The heartbeat as of a node that has its kept copies the farther, the less far they go. */
export function withLaggingFirst(message: CoordinatorRequest): CoordinatorRequest {
  if (message.type !== 'heartbeat' || message.replication === undefined) return message;
  const copies = message.replication.copies.map((copy) =>
    copy.kept && copy.through !== null ? { ...copy, through: -copy.through >>> 0 } : copy,
  );
  return { ...message, replication: { ...message.replication, copies } };
}

/** The frame of a stream without the changes that are in it, where it brings nothing else. */
export function withoutChanges(frame: Uint8Array): Uint8Array {
  const reader = new StreamFrameReader(frame.slice());
  while (reader.next()) if (reader.kind > RecordKind.removed) return frame;
  return frame.subarray(0, STREAM_HEADER_BYTES);
}

/** The frames of a replica's streams, with the older of two writes of a key behind the newer one. */
export class LateWrites {
  /** By source and key. */
  private readonly newest = new Map<string, MovedItem>();

  /** `frame`, in which older writes follow those newer ones for which `isLate` says so. */
  reordered(frame: Uint8Array, isLate: () => boolean): Uint8Array {
    const reader = new StreamFrameReader(frame);
    const late = new RecordWriter(reader.number, new Uint8Array(0));
    while (reader.next()) {
      if (reader.kind !== RecordKind.item) continue;
      const { keyBytes, keyStart, keyLength, valueStart, valueLength } = reader;
      const key = Buffer.from(keyBytes.slice(keyStart, keyStart + keyLength));
      const name = `${reader.name.source} ${key.toString('latin1')}`;
      const older = this.newest.get(name);
      if (older !== undefined && isLate()) late.item(older);
      const { database, expiresAtMs, raw, used } = reader;
      const valueBytes = reader.valueBytes.slice(valueStart, valueStart + valueLength);
      const item = { database, keyBytes: key, keyStart: 0, keyLength, valueBytes, valueLength, expiresAtMs, raw, used };
      this.newest.set(name, item);
    }
    return Buffer.concat([frame, late.finish()]);
  }
}

/** What a target says that has everything. */
export function completeReport(id: number): MoveReport {
  return { id, role: 'target', state: 'complete', items: 0, bytes: 0, itemsTotal: 0, lag: 0 };
}

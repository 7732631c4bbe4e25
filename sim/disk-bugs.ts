/** Bugs that can be planted into a run of a data set, each around a real part: they show that the checks find what they are for. */
import { type ChangeConsumer, type ChangeLog, ChangeReading } from '../src/changes/change-log.ts';
import type { PersistenceState } from '../src/persistence/persistence-state.ts';

export const DISK_BUGS = ['forgetFolder', 'earlyDurable', 'skipRecord', 'lyingDisk'] as const;

/**
 * `forgetFolder`: folders are not synced, so a new name may be lost. `earlyDurable`: what was handed to the system is said to be durable at once. `skipRecord`: every
 * hundredth change is not written. `lyingDisk`: not a bug but a disk that says it has synced and has not, which shows what is relied on.
 */
export type DiskBug = (typeof DISK_BUGS)[number];

export function withEarlyDurable(state: PersistenceState): PersistenceState {
  const setWritten = (sequence: number): void => {
    state.setWritten(sequence);
    state.setDurable(sequence);
  };
  return Object.create(state, { setWritten: { value: setWritten } }) as PersistenceState;
}

export function withoutSomeRecords(log: ChangeLog): ChangeLog {
  let count = 0;
  const open = (slots: readonly number[] | null): ChangeConsumer | null => {
    const consumer = log.open(slots);
    if (consumer === null) return null;
    const read = consumer.read.bind(consumer);
    consumer.read = (record) => {
      const reading = read(record);
      if (reading !== ChangeReading.record) return reading;
      count += 1;
      return count % 100 === 0 ? read(record) : reading;
    };
    return consumer;
  };
  return Object.create(log, { open: { value: open } }) as ChangeLog;
}

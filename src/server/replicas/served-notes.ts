/** What dispatch notes of a command that a node in a cluster has run, and asks before it runs a write. */
import { NO_SLOT } from '../cluster/slot-gate.ts';
import type { NodeServices } from '../node-services.ts';
import type { Session } from '../session.ts';
import { WrittenSlots } from './written-slots.ts';

/** Whether `slot`, or EVERY_SLOT, has fewer good replicas than a write needs (min-replicas-to-write). */
export function lacksReplicas({ replicas, settings }: NodeServices, slot: number): boolean {
  return slot !== NO_SLOT && (replicas === null || replicas.goodCount(slot) < settings.replicaCountMin);
}

/** A write of `session` to `slot` was run. */
export function noteWritten(session: Session, slot: number): void {
  if (slot !== NO_SLOT) (session.writtenSlots ??= new WrittenSlots()).add(slot);
}

/** A command of `session` on `slot` was answered from `start` to `end` of the writer. */
export function noteAnswered({ acks }: NodeServices, session: Session, slot: number, start: number, end: number): void {
  const batch = acks === null ? null : acks.batch;
  if (batch !== null && slot !== NO_SLOT && !session.speaksShoal) batch.note(slot, start, end);
}

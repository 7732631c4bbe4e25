/** What both sides of a move share: how it is kept and told, and words for people. */
import type { MoveProgress } from '../protocol/cluster/messages.ts';
import type { SlotMove, Topology } from '../topology/topology.ts';
import type { ExportPhase, ImportPhase, MoveSnapshot } from './agent-types.ts';
import type { MoveReport, MoveRole } from './mover.ts';

/** How far a move is. */
export type Progress = Pick<MoveReport, 'items' | 'bytes' | 'itemsTotal' | 'lag'>;

export const NO_PROGRESS: Progress = { items: 0, bytes: 0, itemsTotal: 0, lag: 0 };

/** A move as one of its nodes keeps it. */
export interface KnownMove<P extends ExportPhase | ImportPhase> {
  readonly move: SlotMove;
  phase: P;
  progress: Progress;
  /** Why it has failed, where it has. */
  error: string | null;
}

/** What a report changes: nothing, the marks of the slots, or also what the coordinator should hear of at once. */
export type ReportChange = 'nothing' | 'marks' | 'news';

/** For the coordinator. */
export function toldProgress({ move, phase, progress, error }: KnownMove<ExportPhase | ImportPhase>): MoveProgress {
  const state = phase === 'handed' || phase === 'failed' ? phase : 'copying';
  return { id: move.id, state, ...progress, error, ...(phase === 'handing' ? { isHanding: true } : {}) };
}

/** For people. */
export function moveSnapshot(known: KnownMove<ExportPhase | ImportPhase>, role: MoveRole): MoveSnapshot {
  const { move, phase, progress, error } = known;
  const peer = role === 'source' ? move.to : move.from;
  return { id: move.id, role, peer, slotCount: move.slots.length, phase, ...progress, error };
}

export function progressOf({ items, bytes, itemsTotal, lag }: MoveReport): Progress {
  return { items, bytes, itemsTotal, lag };
}

/** Whether the topology gives node `id` any slot of the move. */
export function ownsSome(topology: Topology, id: string, { slots }: SlotMove): boolean {
  return slots.some((slot) => topology.ownerOf(slot)?.id === id);
}

export function slotCountText({ slots }: SlotMove): string {
  return slots.length === 1 ? `slot ${slots[0]}` : `${slots.length} slots`;
}

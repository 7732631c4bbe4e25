/** What both sides of a move share: figures, and words for people. */
import type { SlotMove, Topology } from '../topology/topology.ts';
import type { MoveReport } from './mover.ts';

/** How far a move is. */
export type Progress = Pick<MoveReport, 'items' | 'bytes' | 'itemsTotal' | 'lag'>;

export const NO_PROGRESS: Progress = { items: 0, bytes: 0, itemsTotal: 0, lag: 0 };

export function progressOf({ items, bytes, itemsTotal, lag }: MoveReport): Progress {
  return { items, bytes, itemsTotal, lag };
}

/** Whether the topology gives node `id` any slot of the move. */
export function ownsSome(topology: Topology, id: string, { slots }: SlotMove): boolean {
  return slots.some((slot) => topology.ownerOf(slot)?.id === id);
}

/** The digits of an id by which people tell nodes apart. */
export function shortId(id: string): string {
  return id.slice(0, 8);
}

export function slotCountText({ slots }: SlotMove): string {
  return slots.length === 1 ? `slot ${slots[0]}` : `${slots.length} slots`;
}

/**
 * What the slot table has to say, as a pure function of the topology, of what this node knows about its moves, and of the slots that it
 * has to hold back. The agent computes it anew at each change; the table writes only the words that differ.
 *
 * At most one node may serve a slot at any time. This function's part in that: without a mark for a move, exactly the slots that the topology
 * gives this node are OWNED; a mark `taken` adds those whose source has let go of them, `away` takes those that
 * this node has let go of.
 */
import { unreachable } from '../base/assert.ts';
import { SLOT_COUNT } from '../topology/slots.ts';
import { NO_NODE, type Topology } from '../topology/topology.ts';
import { HANDED, IMPORTING, MOVING, OWNED, PAUSED, type SlotImage } from './slot-table.ts';

/**
 * What this node knows about a move of the topology. As source: `moving`, `paused` (about to be handed over, or perhaps handed over), `away` (the target has said
 * that it serves). As target: `importing`, `taken` (this node serves). No mark: as if there were no move.
 */
export type MoveMark = 'moving' | 'paused' | 'away' | 'importing' | 'taken';

export interface SlotView {
  readonly topology: Topology;
  /** This node's id, whether the topology has it or not. */
  readonly selfId: string;
  /** By the move's id. */
  readonly marks: ReadonlyMap<number, MoveMark>;
  /**
   * A byte per slot; not 0: a slot that this node gets from the topology must wait. Another node may still serve it, or
   * this one has yet to delete what it once had in it.
   */
  readonly withheld: Uint8Array;
}

export function slotImage({ topology, selfId, marks, withheld }: SlotView): SlotImage {
  const selfIndex = topology.node(selfId) === null ? NO_NODE : topology.indexOf(selfId);
  const words = new Int32Array(SLOT_COUNT);
  for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
    const owner = topology.ownerIndex(slot);
    const flags = owner !== selfIndex || owner === NO_NODE ? 0 : withheld[slot] === 0 ? OWNED : PAUSED;
    words[slot] = owner | flags;
  }
  if (selfIndex === NO_NODE) return { epoch: topology.epoch, selfIndex, words };
  for (const move of topology.moves) {
    const mark = marks.get(move.id);
    if (mark === undefined) continue;
    const targetIndex = topology.indexOf(move.to);
    for (const slot of move.slots) words[slot] = markedWord(words[slot]!, mark, targetIndex);
  }
  return { epoch: topology.epoch, selfIndex, words };
}

function markedWord(word: number, mark: MoveMark, targetIndex: number): number {
  switch (mark) {
    case 'moving':
      return (word & OWNED) === 0 ? word : word | MOVING;
    case 'paused':
      return word | MOVING | PAUSED;
    case 'away':
      return targetIndex | HANDED;
    case 'importing':
      return word | IMPORTING;
    case 'taken':
      return targetIndex | OWNED;
    default:
      return unreachable(mark);
  }
}

import { describe, expect, test } from 'bun:test';
import { idOf, topologyOf } from '../../test/support/agent-bench.ts';
import { SLOT_COUNT } from '../topology/slots.ts';
import { NO_NODE, type SlotMove } from '../topology/topology.ts';
import { type MoveMark, slotImage } from './slot-image.ts';
import { HANDED, IMPORTING, MOVING, OWNED, PAUSED } from './slot-table.ts';

const NOTHING_WITHHELD = new Uint8Array(SLOT_COUNT);
const MOVE: SlotMove = { id: 5, from: idOf('a'), to: idOf('b'), slots: [1, 2] };
/** Slots 0–9 are a's, 10–19 are b's, the rest nobody's. */
const topology = topologyOf(3, 'ab', (slot) => (slot < 10 ? 'a' : slot < 20 ? 'b' : ''), { moves: [MOVE] });

function wordsOf(self: string, mark: MoveMark | null, withheld: readonly number[] = []): Int32Array {
  const held = NOTHING_WITHHELD.slice();
  for (const slot of withheld) held[slot] = 1;
  const marks = new Map(mark === null ? [] : [[MOVE.id, mark]]);
  return slotImage({ topology, selfId: idOf(self), marks, withheld: held }).words;
}

describe('the image of the slots', () => {
  test("owner's indexes, and OWNED where that is this node", () => {
    const words = wordsOf('a', null);
    expect([words[0], words[9], words[10], words[20]]).toEqual([OWNED, OWNED, 1, NO_NODE]);
    const others = wordsOf('b', null);
    expect([others[0], others[10], others[20]]).toEqual([0, 1 | OWNED, NO_NODE]);
  });

  test('a node that the topology does not have owns nothing, whatever it thinks of moves', () => {
    const image = slotImage({
      topology,
      selfId: idOf('c'),
      marks: new Map([[MOVE.id, 'taken']]),
      withheld: NOTHING_WITHHELD,
    });
    expect(image.selfIndex).toBe(NO_NODE);
    expect(image.words.every((word) => (word & OWNED) === 0)).toBeTrue();
  });

  test('what is held back waits, and only what is ours', () => {
    const words = wordsOf('a', null, [0, 10, 20]);
    expect([words[0], words[1], words[10], words[20]]).toEqual([PAUSED, OWNED, 1, NO_NODE]);
  });

  test.each([
    ['a', 'moving', OWNED | MOVING],
    ['a', 'paused', OWNED | MOVING | PAUSED],
    ['a', 'away', 1 | HANDED],
    ['b', 'importing', 0 | IMPORTING],
    ['b', 'taken', 1 | OWNED],
  ] as const)('a move marked at %s: %s', (self, mark, word) => {
    const words = wordsOf(self, mark);
    expect([words[1], words[2]]).toEqual([word, word]);
    expect(words[3]).toBe(self === 'a' ? OWNED : 0);
  });

  test('a slot that is held back and paused by a move is not served', () => {
    expect(wordsOf('a', 'moving', [1])[1]! & OWNED).toBe(0);
  });

  test('marks of moves that the topology does not have mean nothing', () => {
    const before = slotImage({ topology, selfId: idOf('a'), marks: new Map(), withheld: NOTHING_WITHHELD });
    const marks = new Map<number, MoveMark>([[99, 'away']]);
    expect(slotImage({ topology, selfId: idOf('a'), marks, withheld: NOTHING_WITHHELD })).toEqual(before);
  });

  test('source and target never own a slot at once, through all that a move goes through', () => {
    const order: readonly (readonly [MoveMark, MoveMark])[] = [
      ['moving', 'importing'],
      ['paused', 'importing'],
      ['paused', 'taken'],
      ['away', 'taken'],
    ];
    for (const [source, target] of order) {
      const serves = (word: number): boolean => (word & (OWNED | PAUSED)) === OWNED;
      expect(serves(wordsOf('a', source)[1]!) && serves(wordsOf('b', target)[1]!)).toBeFalse();
    }
  });
});

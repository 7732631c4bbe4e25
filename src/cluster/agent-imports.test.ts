/** A move at its target, and random histories of both sides together. */
import { describe, expect, test } from 'bun:test';
import { AgentBench, CLUSTER, idOf, LEASE_MS, topologyOf } from '../../test/support/agent-bench.ts';
import { after, EXTENT, IN, OUT, outcomes, owner, SLOTS, state, target } from '../../test/support/agent-moves.ts';
import type { PeerRequest } from '../protocol/cluster/messages.ts';
import { SLOT_COUNT } from '../topology/slots.ts';
import type { SlotMove, Topology } from '../topology/topology.ts';
import { IMPORTING } from './slot-table.ts';

const HANDOVER = {
  type: 'handover',
  cluster: CLUSTER,
  to: idOf('a'),
  move: IN.id,
  ...EXTENT,
} as const satisfies PeerRequest;
const STATUS = { type: 'moveStatus', cluster: CLUSTER, to: idOf('a'), move: IN.id } as const satisfies PeerRequest;

describe('the target', () => {
  test('is filled while the source serves', () => {
    const bench = target();
    expect(bench.wanted('beginImport').map(({ move, source: { id } }) => [move.id, id])).toEqual([[8, idOf('b')]]);
    expect(bench.table.wordOf(10)).toBe(1 | IMPORTING);
    expect(bench.ask(STATUS)).toEqual(state('importing'));
  });

  test('serves from the handover on, and has done so before it answers', () => {
    const bench = target();
    bench.effects = [];
    expect(bench.ask(HANDOVER)).toEqual(state('handed'));
    const order = bench.effects.map(({ type }) => type);
    expect(order.indexOf('slots')).toBeLessThan(order.indexOf('reply'));
    expect([bench.serves(10), bench.serves(200)]).toEqual([true, false]);
    expect(bench.heartbeats.at(-1)?.handed).toEqual([8]);
    expect(bench.ask(HANDOVER)).toEqual(state('handed'));
    expect(bench.ask(STATUS)).toEqual(state('handed'));
    expect(outcomes(bench)).toEqual(['8 handed']);
  });

  test('takes over when all that the source has sent is there, and not before', () => {
    const bench = target();
    bench.completesAtOnce = false;
    bench.effects = [];
    expect(bench.ask(HANDOVER)).toBeUndefined();
    expect(bench.wanted('takeOver')).toEqual([{ type: 'takeOver', moveId: IN.id, extent: EXTENT }]);
    expect([bench.serves(10), bench.ask(STATUS)]).toEqual([false, state('importing')]);
    bench.effects = [];
    bench.report({ id: IN.id, role: 'target', state: 'complete' });
    expect(bench.serves(10)).toBeTrue();
    expect(bench.wanted('reply').map(({ answer }) => answer)).toEqual([state('handed')]);
  });

  test('takes nothing over for which it was not asked, complete or not', () => {
    const bench = target();
    bench.report({ id: IN.id, role: 'target', state: 'complete' });
    expect([bench.serves(10), bench.ask(STATUS)]).toEqual([false, state('importing')]);
  });

  test('refuses when what is missing does not come, and for ever', () => {
    const bench = target();
    bench.completesAtOnce = false;
    bench.ask(HANDOVER);
    bench.effects = [];
    bench.report({ id: IN.id, role: 'target', state: 'failed', error: 'it did not come' });
    expect(bench.wanted('reply').map(({ answer }) => answer)).toEqual([state('unknown')]);
    bench.report({ id: IN.id, role: 'target', state: 'complete' });
    expect([bench.serves(10), bench.ask(HANDOVER)]).toEqual([false, state('unknown')]);
  });

  test('answers a source that asks twice once with the end, and at once where the move is over', () => {
    const bench = target();
    bench.completesAtOnce = false;
    bench.ask(HANDOVER);
    bench.effects = [];
    expect(bench.ask(HANDOVER)).toBeUndefined();
    expect(bench.wanted('reply').map(({ answer }) => answer)).toEqual([state('importing')]);
    bench.effects = [];
    bench.apply(after(3, 'b'));
    expect(bench.wanted('reply').map(({ answer }) => answer)).toEqual([state('unknown')]);
    bench.report({ id: IN.id, role: 'target', state: 'complete' });
    expect(bench.serves(10)).toBeFalse();
  });

  test('keeps what it got when the topology confirms it', () => {
    const bench = target();
    bench.ask(HANDOVER);
    bench.effects = [];
    bench.apply(after(3, 'a'));
    expect([bench.serves(10), bench.wanted('purge').length]).toEqual([true, 0]);
    // The source may be behind, and would serve again if it were told that the move was given up.
    expect(bench.ask(STATUS)).toEqual(state('handed'));
    expect(bench.ask(HANDOVER)).toEqual(state('handed'));
    expect(bench.heartbeats.at(-1)?.handed).toEqual([]);
  });

  test('says that it took over when its slots went on to others, and when it has left', () => {
    const bench = target();
    bench.ask(HANDOVER);
    bench.apply(after(3, 'a'));
    bench.apply(after(4, 'b'));
    expect(bench.ask(STATUS)).toEqual(state('handed'));
    bench.onHeartbeat = () => bench.lease({ mayGo: true });
    bench.step({ type: 'leave' });
    bench.pass(LEASE_MS);
    expect(bench.wanted('left')).toHaveLength(1);
    expect(bench.ask(STATUS)).toEqual(state('handed'));
  });

  test('does not answer for another node that was at its address', () => {
    const bench = target();
    for (const request of [STATUS, HANDOVER]) {
      expect(bench.ask({ ...request, to: idOf('c') })?.type).toBe('refused');
    }
    expect(bench.serves(10)).toBe(false);
  });

  test('keeps what it got through topologies that do not end the move', () => {
    const bench = target();
    bench.ask(HANDOVER);
    bench.effects = [];
    bench.apply(topologyOf(3, 'abc', owner('b'), { moves: [IN], states: { c: 'draining' } }));
    expect([bench.serves(10), bench.wanted('purge').length]).toEqual([true, 0]);
    expect(bench.ask(STATUS)).toEqual(state('handed'));
  });

  test('takes over nothing that it does not import', () => {
    const bench = target();
    expect(bench.ask({ ...HANDOVER, move: 99 })).toEqual(state('unknown'));
    expect(bench.ask({ ...STATUS, move: 99 })).toEqual(state('unknown'));
    expect(bench.serves(10)).toBeFalse();
  });

  test('that has failed refuses the handover, for ever', () => {
    const bench = target();
    bench.report({ id: 8, role: 'target', state: 'failed', error: 'no memory' });
    bench.pass(LEASE_MS);
    expect(bench.heartbeats.at(-1)?.moves).toMatchObject([{ id: 8, state: 'failed', error: 'no memory' }]);
    expect(bench.ask(HANDOVER)).toEqual(state('unknown'));
    bench.report({ id: 8, role: 'target', state: 'importing' });
    expect(bench.ask(HANDOVER)).toEqual(state('unknown'));
    bench.apply(after(3, 'b'));
    expect(bench.wanted('purge').map(({ slots }) => slots)).toEqual([SLOTS]);
  });

  test('whose move is cancelled forgets it: a handover that comes late is refused', () => {
    const bench = target();
    bench.apply(after(3, 'b'));
    expect(bench.ask(HANDOVER)).toEqual(state('unknown'));
    expect(bench.wanted('purge').map(({ slots }) => slots)).toEqual([SLOTS]);
    expect(bench.table.wordOf(10)).toBe(1);
  });

  test('of a source that died serves empty slots, unless they were handed over', () => {
    const bench = target();
    bench.purgesAtOnce = false;
    bench.effects = [];
    bench.apply(after(3, 'a', 'ac'));
    expect(bench.serves(10)).toBeFalse();
    const [purge] = bench.wanted('purge');
    expect(SLOTS.every((slot) => purge!.slots.includes(slot))).toBeTrue();
    bench.step({ type: 'purged', purgeId: purge!.purgeId });
    expect(bench.serves(10)).toBeTrue();
    const handed = target();
    handed.ask(HANDOVER);
    handed.effects = [];
    handed.apply(after(3, 'a', 'ac'));
    expect(handed.serves(10)).toBeTrue();
    expect(handed.wanted('purge').flatMap(({ slots }) => slots)).not.toContain(10);
  });

  test('that lost the right to serve does not serve what it took over', () => {
    const bench = target();
    bench.coordinatorAnswers = false;
    bench.pass(LEASE_MS * 2);
    expect(bench.ask(HANDOVER)).toEqual(state('handed'));
    expect(bench.serves(10)).toBeFalse();
    bench.coordinatorAnswers = true;
    bench.pass(LEASE_MS);
    expect(bench.serves(10)).toBeTrue();
  });

  test('that is removed forgets the move', () => {
    const bench = target();
    bench.apply(after(3, 'b', 'bc'));
    expect(bench.ask(HANDOVER)).toEqual(state('unknown'));
    expect(bench.wanted('dropAll')).toHaveLength(1);
  });
});

describe('random histories of one move between two agents', () => {
  /** Both agents see the same coordinator; messages between them are delayed, lost and doubled. */
  test('never let both serve, and end with one that does', () => {
    for (let seed = 1; seed <= 60; seed += 1) playMove(seed);
  });
});

function playMove(seed: number): void {
  let bits = seed * 2_654_435_761;
  const chance = (): number => {
    bits = (Math.imul(bits ^ (bits >>> 15), 0x2c1b3c6d) + 0x9e3779b9) | 0;
    return (bits >>> 0) / 2 ** 32;
  };
  const move: SlotMove = { ...OUT };
  const from = new AgentBench({ self: 'a' });
  const to = new AgentBench({ self: 'b' });
  const check = (): void => expect(from.serves(10) && to.serves(10), `seed ${seed}`).toBeFalse();
  from.onPeer = (request) => {
    if (chance() < 0.3) return null;
    const answer = to.ask(request) ?? null;
    if (chance() < 0.2) to.ask(request);
    check();
    return chance() < 0.3 ? null : answer;
  };
  const both = (topology: Topology): void => {
    const order = chance() < 0.5 ? [from, to] : [to, from];
    for (const bench of order) {
      bench.publish(topology);
      for (const each of [from, to]) {
        each.pass(20 * Math.floor(chance() * 4));
        check();
      }
    }
    for (const each of [from, to]) each.pass(40);
    check();
  };
  both(topologyOf(1, 'ab', owner('a')));
  both(topologyOf(2, 'ab', owner('a'), { moves: [move] }));
  if (chance() < 0.9) from.report({ id: 7, role: 'source', state: 'ready' });
  check();
  if (chance() < 0.2) to.report({ id: 7, role: 'target', state: 'failed', error: 'chance' });
  to.completesAtOnce = chance() < 0.5;
  if (chance() < 0.9) from.report({ id: 7, role: 'source', state: 'drained', extent: EXTENT });
  check();
  for (let round = 0; round < 60; round += 1) {
    for (const bench of [from, to]) bench.pass(20 * Math.floor(chance() * 3));
    check();
    const end = chance();
    if (end < 0.05) to.report({ id: 7, role: 'target', state: end < 0.01 ? 'failed' : 'complete' });
    check();
  }
  // The coordinator does what it is told by then: a handover wins, a failure ends the move, and else it goes on.
  const isHanded = to.heartbeats.at(-1)?.handed.includes(7) === true;
  const hasFailed = from.heartbeats.at(-1)?.moves.some(({ id, state: name }) => id === 7 && name === 'failed');
  if (!isHanded && hasFailed !== true) return;
  both(topologyOf(3, 'ab', owner(isHanded ? 'b' : 'a')));
  for (const bench of [from, to]) bench.pass(1000);
  check();
  expect(from.serves(10) || to.serves(10), `seed ${seed}`).toBeTrue();
  expect(from.table.ownedCount + to.table.ownedCount).toBe(SLOT_COUNT);
}

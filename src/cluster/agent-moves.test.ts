/** A move at the node's side: who serves, at each point of it, whatever happens to the other node and to messages. */
import { describe, expect, test } from 'bun:test';
import { AgentBench, CLUSTER, idOf, LEASE_MS, topologyOf } from '../../test/support/agent-bench.ts';
import type { PeerAnswer, PeerRequest } from '../protocol/cluster/messages.ts';
import { SLOT_COUNT } from '../topology/slots.ts';
import type { SlotMove, Topology } from '../topology/topology.ts';
import { HANDED, IMPORTING, MOVING, OWNED, OWNER_MASK, PAUSED } from './slot-table.ts';

const SLOTS = [10, 11];
const OUT: SlotMove = { id: 7, from: idOf('a'), to: idOf('b'), slots: SLOTS };
const IN: SlotMove = { id: 8, from: idOf('b'), to: idOf('a'), slots: SLOTS };
const HANDOVER: PeerRequest = { type: 'handover', cluster: CLUSTER, move: IN.id };
const STATUS: PeerRequest = { type: 'moveStatus', cluster: CLUSTER, move: IN.id };

function state(name: 'importing' | 'handed' | 'unknown'): PeerAnswer {
  return { type: 'moveState', state: name };
}

function owner(of: string): (slot: number) => string {
  return (slot) => (SLOTS.includes(slot) ? of : slot < 100 ? 'a' : 'b');
}

/** a is the source; its topology has the move. */
function source(): AgentBench {
  const bench = new AgentBench();
  bench.apply(topologyOf(1, 'abc', owner('a')));
  bench.apply(topologyOf(2, 'abc', owner('a'), { moves: [OUT] }));
  return bench;
}

/** a is the source and has handed over, or tries to. */
function handing(onPeer: AgentBench['onPeer']): AgentBench {
  const bench = source();
  bench.onPeer = onPeer;
  bench.effects = [];
  bench.report({ id: OUT.id, role: 'source', state: 'ready' });
  bench.report({ id: OUT.id, role: 'source', state: 'drained' });
  bench.pass(40);
  return bench;
}

/** a is the target. */
function target(): AgentBench {
  const bench = new AgentBench();
  bench.apply(topologyOf(1, 'abc', owner('b')));
  bench.effects = [];
  bench.apply(topologyOf(2, 'abc', owner('b'), { moves: [IN] }));
  return bench;
}

function outcomes(bench: AgentBench): readonly string[] {
  return bench.wanted('endMove').map(({ moveId, outcome }) => `${moveId} ${outcome}`);
}

function flags(bench: AgentBench): number {
  return bench.table.wordOf(10) & ~OWNER_MASK;
}

function after(epoch: number, of: string, digits = 'abc'): Topology {
  return topologyOf(epoch, digits, (slot) => {
    const wanted = owner(of)(slot);
    return digits.includes(wanted) ? wanted : 'c';
  });
}

describe('the source', () => {
  test('copies while it serves', () => {
    const bench = source();
    expect(bench.wanted('beginExport').map(({ move, target: { id } }) => [move.id, id])).toEqual([[7, idOf('b')]]);
    expect(flags(bench)).toBe(OWNED | MOVING);
    expect([bench.serves(10), bench.serves(12)]).toEqual([true, true]);
  });

  test('tells the coordinator how far it is', () => {
    const bench = source();
    bench.report({ id: 7, role: 'source', state: 'copying', items: 5, bytes: 50, itemsTotal: 9, lag: 2 });
    bench.pass(LEASE_MS);
    expect(bench.heartbeats.at(-1)?.moves).toEqual([
      { id: 7, state: 'copying', items: 5, bytes: 50, itemsTotal: 9, lag: 2, error: null },
    ]);
  });

  test('pauses the slots before the rest is sent, and only them', () => {
    const bench = source();
    bench.effects = [];
    bench.report({ id: 7, role: 'source', state: 'ready' });
    const order = bench.effects.map(({ type }) => type);
    expect(order.indexOf('slots')).toBeLessThan(order.indexOf('shipRest'));
    expect(flags(bench)).toBe(OWNED | MOVING | PAUSED);
    expect([bench.serves(10), bench.serves(12)]).toEqual([false, true]);
  });

  test('hands over when all is drained, and then redirects', () => {
    const asked: PeerRequest[] = [];
    const bench = handing((request, to) => {
      expect(to).toBe('b');
      asked.push(request);
      return state('handed');
    });
    expect(asked).toEqual([{ type: 'handover', cluster: CLUSTER, move: 7 }]);
    expect(bench.table.wordOf(10)).toBe(1 | HANDED);
    expect(outcomes(bench)).toEqual(['7 handed']);
    expect(bench.heartbeats.at(-1)?.moves[0]?.state).toBe('handed');
  });

  test('does not hand over what is not drained, or not paused', () => {
    const bench = source();
    bench.effects = [];
    bench.report({ id: 7, role: 'source', state: 'drained' });
    bench.report({ id: 7, role: 'source', state: 'copying' });
    bench.report({ id: 99, role: 'source', state: 'ready' });
    bench.report({ id: 7, role: 'target', state: 'failed' });
    expect([bench.wanted('askPeer').length, bench.serves(10)]).toEqual([0, true]);
  });

  test('deletes its copy only when the topology says that the target owns the slots', () => {
    const bench = handing(() => state('handed'));
    bench.pass(LEASE_MS);
    expect(bench.wanted('purge')).toEqual([]);
    bench.apply(after(3, 'b'));
    expect(bench.wanted('purge').map(({ slots }) => slots)).toEqual([SLOTS]);
    expect(bench.table.wordOf(10)).toBe(1);
  });

  test('keeps its copy through topologies that do not end the move', () => {
    const bench = handing(() => state('handed'));
    bench.apply(topologyOf(3, 'abc', owner('a'), { moves: [OUT], states: { c: 'draining' } }));
    expect([bench.wanted('purge').length, bench.table.wordOf(10)]).toEqual([0, 1 | HANDED]);
  });

  test('serves nothing while the target does not answer, asks again and again, and hands over when it is back', () => {
    const asked: string[] = [];
    let answer: PeerAnswer | null = null;
    const bench = handing((request) => {
      asked.push(request.type);
      return request.type === 'promise' ? null : answer;
    });
    for (let second = 0; second < 10; second += 1) {
      bench.pass(1000);
      expect(bench.serves(10)).toBeFalse();
    }
    expect(asked[0]).toBe('handover');
    expect(asked.filter((type) => type === 'moveStatus').length).toBeGreaterThan(10);
    answer = state('importing');
    bench.pass(1000);
    expect(asked.lastIndexOf('handover')).toBeGreaterThan(1);
    expect(bench.serves(10)).toBeFalse();
    answer = state('handed');
    bench.pass(1000);
    expect(flags(bench)).toBe(HANDED);
  });

  test('asks again when the connection was lost, or the target answers with something else', () => {
    const bench = handing(() => null);
    const [first] = bench.wanted('askPeer');
    bench.step({ type: 'unanswered', requestId: first!.requestId, reason: 'lost' });
    bench.onPeer = () => ({ type: 'refused', text: 'another cluster' });
    bench.pass(1000);
    expect(bench.serves(10)).toBeFalse();
    bench.onPeer = () => state('handed');
    bench.pass(1000);
    expect(flags(bench)).toBe(HANDED);
  });

  test('serves on with what it has when the target says that it gave the move up', () => {
    const bench = handing(() => state('unknown'));
    expect(bench.serves(10)).toBeTrue();
    expect(flags(bench)).toBe(OWNED);
    expect(bench.wanted('purge')).toEqual([]);
    expect(bench.heartbeats.at(-1)?.moves[0]).toMatchObject({
      state: 'failed',
      error: 'the target has given the move up',
    });
    bench.apply(after(3, 'a'));
    expect([bench.serves(10), bench.wanted('purge').length]).toEqual([true, 0]);
  });

  test('serves on when the mover fails before the handover, and says why', () => {
    const bench = source();
    bench.report({ id: 7, role: 'source', state: 'ready' });
    bench.report({ id: 7, role: 'source', state: 'failed', error: 'the pause was too long' });
    expect(bench.serves(10)).toBeTrue();
    bench.pass(LEASE_MS);
    expect(bench.heartbeats.at(-1)?.moves[0]).toMatchObject({ state: 'failed', error: 'the pause was too long' });
    expect(outcomes(bench)).toEqual(['7 cancelled']);
  });

  test('gives a move up that the coordinator cancels, unless it is being handed over', () => {
    const bench = source();
    bench.onHeartbeat = () => bench.lease({ cancel: [7, 99] });
    bench.pass(LEASE_MS);
    expect([bench.serves(10), flags(bench)]).toEqual([true, OWNED]);
    expect(bench.heartbeats.at(-1)?.moves[0]).toMatchObject({ state: 'failed', error: 'it was cancelled' });
    expect(outcomes(bench)).toEqual(['7 cancelled']);
    const late = handing((request) => (request.type === 'handover' ? null : state('importing')));
    late.onHeartbeat = () => late.lease({ cancel: [7] });
    late.pass(LEASE_MS);
    expect(late.serves(10)).toBeFalse();
    expect(late.heartbeats.at(-1)?.moves[0]?.state).toBe('copying');
  });

  test('serves on when the plan is cancelled while it copies', () => {
    const bench = source();
    bench.effects = [];
    bench.apply(after(3, 'a'));
    expect([bench.serves(10), flags(bench), bench.wanted('purge').length]).toEqual([true, OWNED, 0]);
    expect(outcomes(bench)).toEqual(['7 cancelled']);
  });

  test('serves the slots empty when the target died after it took over', () => {
    const bench = handing(() => state('handed'));
    bench.purgesAtOnce = false;
    bench.apply(after(3, 'a', 'ac'));
    expect(bench.serves(10)).toBeFalse();
    const [purge] = bench.wanted('purge');
    expect(purge?.slots).toEqual(SLOTS);
    bench.step({ type: 'purged', purgeId: purge!.purgeId });
    expect(bench.serves(10)).toBeTrue();
  });

  test('serves the slots empty when the target died and perhaps took over', () => {
    const bench = handing(() => null);
    bench.purgesAtOnce = false;
    bench.apply(after(3, 'a', 'ac'));
    const [purge] = bench.wanted('purge');
    expect([purge?.slots, bench.serves(10)]).toEqual([SLOTS, false]);
    bench.step({ type: 'purged', purgeId: purge!.purgeId });
    expect(bench.serves(10)).toBeTrue();
  });

  test('serves on with what it has when the target died while it copied', () => {
    const bench = source();
    bench.report({ id: 7, role: 'source', state: 'ready' });
    bench.effects = [];
    bench.apply(after(3, 'a', 'ac'));
    expect([bench.serves(10), bench.wanted('purge').length]).toEqual([true, 0]);
  });

  test('waits for the end of its promise to a target that died and perhaps took over', () => {
    const bench = handing(() => null);
    bench.ask({ type: 'promise', cluster: CLUSTER, from: idOf('b'), epoch: 2, durationMs: LEASE_MS });
    bench.apply(after(3, 'a', 'ac'));
    bench.pass(LEASE_MS / 2);
    expect(bench.serves(10)).toBeFalse();
    bench.pass(LEASE_MS / 2);
    expect(bench.serves(10)).toBeTrue();
  });

  describe('whose move is cancelled while it hands over', () => {
    test('serves again only when the target has said that it does not', () => {
      const bench = handing(() => null);
      bench.apply(after(3, 'a'));
      for (const answer of [null, state('importing'), state('handed'), null]) {
        bench.onPeer = (request) => (request.type === 'moveStatus' ? answer : null);
        bench.pass(1000);
        expect(bench.serves(10)).toBeFalse();
      }
      bench.onPeer = () => state('unknown');
      bench.pass(1000);
      expect([bench.serves(10), bench.wanted('purge').length]).toEqual([true, 0]);
    });

    test('serves the slots empty when the target is gone in the end', () => {
      const bench = handing(() => null);
      bench.apply(after(3, 'a'));
      bench.pass(1000);
      bench.apply(after(4, 'a', 'ac'));
      expect(bench.wanted('purge').map(({ slots }) => slots)).toEqual([SLOTS]);
      expect(bench.serves(10)).toBeTrue();
    });

    test('forgets the doubt when the slots become another node’s', () => {
      const bench = handing(() => null);
      bench.apply(after(3, 'a'));
      bench.apply(after(4, 'c'));
      expect(bench.wanted('purge').map(({ slots }) => slots)).toEqual([SLOTS]);
      bench.effects = [];
      bench.pass(2000);
      expect(bench.wanted('askPeer').filter(({ request }) => request.type === 'moveStatus')).toEqual([]);
    });

    test('and that had handed over serves nothing while the target is there and says so', () => {
      const bench = handing(() => state('handed'));
      bench.apply(after(3, 'a'));
      bench.pass(2000);
      expect(bench.serves(10)).toBeFalse();
      bench.onPeer = () => state('unknown');
      bench.pass(1000);
      expect(bench.serves(10)).toBeTrue();
      expect(bench.wanted('purge').map(({ slots }) => slots)).toEqual([SLOTS]);
    });
  });
});

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

  test('keeps what it got when the topology confirms it', () => {
    const bench = target();
    bench.ask(HANDOVER);
    bench.effects = [];
    bench.apply(after(3, 'a'));
    expect([bench.serves(10), bench.wanted('purge').length]).toEqual([true, 0]);
    expect(bench.ask(STATUS)).toEqual(state('unknown'));
    expect(bench.heartbeats.at(-1)?.handed).toEqual([]);
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
  if (chance() < 0.9) from.report({ id: 7, role: 'source', state: 'drained' });
  check();
  for (let round = 0; round < 60; round += 1) {
    for (const bench of [from, to]) bench.pass(20 * Math.floor(chance() * 3));
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

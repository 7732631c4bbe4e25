/** A move at its source: who serves, at each point of it, whatever happens to the other node and to messages. */
import { describe, expect, test } from 'bun:test';
import { type AgentBench, CLUSTER, idOf, LEASE_MS, topologyOf } from '../../test/support/agent-bench.ts';
import { after, EXTENT, OUT, outcomes, owner, SLOTS, source, state } from '../../test/support/agent-moves.ts';
import type { PeerAnswer, PeerRequest } from '../protocol/cluster/messages.ts';
import { HANDED, MOVING, OWNED, OWNER_MASK, PAUSED } from './slot-table.ts';

/** a is the source and has handed over, or tries to. */
function handing(onPeer: AgentBench['onPeer']): AgentBench {
  const bench = source();
  bench.onPeer = onPeer;
  bench.effects = [];
  bench.report({ id: OUT.id, role: 'source', state: 'ready' });
  bench.report({ id: OUT.id, role: 'source', state: 'drained', extent: EXTENT });
  bench.pass(40);
  return bench;
}

function flags(bench: AgentBench): number {
  return bench.table.wordOf(10) & ~OWNER_MASK;
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

  test('hands over when all is sent, says how much that is, and then redirects', () => {
    const asked: PeerRequest[] = [];
    const bench = handing((request, to) => {
      expect(to).toBe('b');
      asked.push(request);
      return state('handed');
    });
    expect(asked).toEqual([{ type: 'handover', cluster: CLUSTER, to: idOf('b'), move: 7, ...EXTENT }]);
    expect(bench.table.wordOf(10)).toBe(1 | HANDED);
    expect(outcomes(bench)).toEqual(['7 handed']);
    expect(bench.heartbeats.at(-1)?.moves[0]?.state).toBe('handed');
  });

  test('does not hand over what is not drained, or not paused', () => {
    const bench = source();
    bench.effects = [];
    bench.report({ id: 7, role: 'source', state: 'drained', extent: EXTENT });
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

  test('does not ask at once again whose question has given way to a later one', () => {
    const asked: string[] = [];
    const bench = handing((request) => {
      asked.push(request.type);
      return state('importing');
    });
    bench.pass(60);
    expect(asked).toEqual(['handover']);
    bench.onPeer = () => state('handed');
    bench.pass(200);
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

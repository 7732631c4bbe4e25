/** Rule 5 of the cluster's contract at the node: promises between nodes while no coordinator answers, and the fences that they raise. */
import { describe, expect, test } from 'bun:test';
import { AgentBench, CLUSTER, idOf, LEASE_MS, topologyOf } from '../../test/support/agent-bench.ts';
import type { PeerAnswer, PeerRequest } from '../protocol/cluster/messages.ts';
import type { SlotMove } from '../topology/topology.ts';
import { PAUSED, ServingRight } from './slot-table.ts';

/** Three nodes: a has the slots below 100, b those below 200, c the rest. */
function thirds(slot: number): string {
  return slot < 100 ? 'a' : slot < 200 ? 'b' : 'c';
}
const TRIO = topologyOf(1, 'abc', thirds);

function joined(): AgentBench {
  const bench = new AgentBench();
  bench.apply(TRIO);
  expect(bench.serves(0)).toBeTrue();
  return bench;
}

function promise(granted: boolean): PeerAnswer {
  return { type: 'promised', granted };
}

function asks(from: string, epoch: number, durationMs = LEASE_MS): PeerRequest {
  return { type: 'promise', cluster: CLUSTER, from: idOf(from), epoch, durationMs };
}

describe('without a coordinator', () => {
  test('a node serves on while all others promise, and says so once', () => {
    const bench = joined();
    bench.onPeer = () => promise(true);
    bench.coordinatorAnswers = false;
    bench.effects = [];
    for (let second = 0; second < 60; second += 1) {
      bench.pass(1000);
      expect(bench.serves(0)).toBeTrue();
    }
    expect(bench.table.right).toBe(ServingRight.promises);
    const said = bench.logged().filter((line) => line.includes('serving on'));
    expect(said).toHaveLength(1);
    expect(said[0]).toContain('all 2 other nodes have promised');
    expect(bench.agent.snapshot(bench.nowMs).state).toBe('ok');
    bench.coordinatorAnswers = true;
    bench.pass(LEASE_MS);
    expect(bench.table.right).toBe(ServingRight.lease);
    expect(bench.logged().filter((line) => line.includes('answers again'))).toHaveLength(1);
  });

  test('a node stops when one other does not answer, and names it', () => {
    const bench = joined();
    bench.onPeer = (_request, to) => (to === 'c' ? null : promise(true));
    bench.coordinatorAnswers = false;
    bench.pass(LEASE_MS);
    expect(bench.serves(0)).toBeFalse();
    const { trouble } = bench.agent.snapshot(bench.nowMs);
    expect(trouble).toContain(`not promised by ${idOf('c').slice(0, 8)} (host-c:7700)`);
    expect(trouble).not.toContain('host-b');
  });

  test('a node stops when one other refuses', () => {
    const bench = joined();
    bench.onPeer = (_request, to) => promise(to !== 'b');
    bench.coordinatorAnswers = false;
    bench.pass(LEASE_MS);
    expect(bench.serves(0)).toBeFalse();
  });

  test('joining and draining nodes have to promise too', () => {
    const bench = new AgentBench();
    bench.apply(topologyOf(1, 'abc', () => 'a', { states: { b: 'joining', c: 'draining' } }));
    bench.onPeer = (_request, to) => (to === 'b' ? promise(true) : null);
    bench.coordinatorAnswers = false;
    bench.pass(LEASE_MS);
    expect(bench.serves(0)).toBeFalse();
  });

  test('a node alone may not promise to itself', () => {
    const bench = new AgentBench();
    bench.apply(topologyOf(1, 'a', () => 'a'));
    bench.onPeer = () => promise(true);
    bench.coordinatorAnswers = false;
    bench.pass(LEASE_MS);
    expect(bench.serves(0)).toBeFalse();
  });

  test('others are asked when half the lease has passed, not before', () => {
    const bench = joined();
    bench.pass(LEASE_MS * 5);
    expect(bench.wanted('askPeer')).toEqual([]);
    bench.coordinatorAnswers = false;
    const sinceMs = bench.nowMs;
    while (bench.wanted('askPeer').length === 0) bench.pass(20);
    const [first] = bench.wanted('askPeer');
    expect(first?.request).toEqual({
      type: 'promise',
      cluster: CLUSTER,
      from: idOf('a'),
      epoch: 1,
      durationMs: LEASE_MS,
    });
    expect(bench.nowMs - sinceMs).toBeLessThanOrEqual(LEASE_MS / 2 + 20);
    expect(bench.nowMs - sinceMs).toBeGreaterThanOrEqual(LEASE_MS / 6);
  });

  test('a promise counts from when it was asked for, and the earliest ends the right', () => {
    const bench = joined();
    bench.coordinatorAnswers = false;
    const askedMs: number[] = [];
    bench.onPeer = (_request, to) => {
      if (to === 'b' && askedMs.length > 0) return null;
      if (to === 'b') askedMs.push(bench.nowMs);
      return promise(true);
    };
    bench.delayMs = 150;
    bench.pass(LEASE_MS * 3);
    expect(bench.table.serveUntilMs).toBe(askedMs[0]! + LEASE_MS * 0.95);
    expect(bench.serves(0)).toBeFalse();
  });

  test('a new member that has not promised ends the right', () => {
    const bench = joined();
    bench.onPeer = (_request, to) => (to === 'd' ? null : promise(true));
    bench.onHeartbeat = () => null;
    bench.pass(LEASE_MS * 2);
    expect(bench.serves(0)).toBeTrue();
    bench.apply(topologyOf(2, 'abcd', thirds));
    expect(bench.serves(0)).toBeFalse();
  });

  test('late and doubled promises change nothing', () => {
    const bench = joined();
    bench.coordinatorAnswers = false;
    bench.pass(LEASE_MS * 2);
    bench.onPeer = () => null;
    const old = bench.wanted('askPeer').map(({ requestId }) => requestId);
    bench.pass(LEASE_MS);
    for (const requestId of [...old, ...old]) {
      bench.step({ type: 'answered', requestId, answer: promise(true) });
    }
    expect(bench.serves(0)).toBeFalse();
  });
});

describe('a promise is given', () => {
  test('to a member that knows of the same topology or a newer one', () => {
    const bench = joined();
    expect(bench.ask(asks('b', 1))).toEqual(promise(true));
    expect(bench.ask(asks('b', 2))).toEqual(promise(true));
  });

  test('not to one that has missed a topology: a takeover may be under way', () => {
    const bench = joined();
    bench.apply(topologyOf(2, 'abc', thirds));
    expect(bench.ask(asks('b', 1))).toEqual(promise(false));
  });

  test('not to a stranger, not to oneself, not by a stranger, not for too long', () => {
    const bench = joined();
    expect(bench.ask(asks('d', 1))).toEqual(promise(false));
    expect(bench.ask(asks('a', 1))).toEqual(promise(false));
    expect(bench.ask(asks('b', 1, 3_600_000))).toEqual(promise(false));
    const stranger = new AgentBench({ self: 'd' });
    stranger.apply(TRIO);
    expect(stranger.ask(asks('b', 1))).toEqual(promise(false));
  });
});

describe('a promise that was given', () => {
  /** b is removed; its slots go to a. */
  const WITHOUT_B = topologyOf(2, 'ac', (slot) => (slot < 200 ? 'a' : 'c'));

  test('outlasts a takeover: the slots wait until it has ended, then they are served', () => {
    const bench = joined();
    const grantedMs = bench.nowMs;
    expect(bench.ask(asks('b', 1))).toEqual(promise(true));
    bench.apply(WITHOUT_B);
    expect(bench.serves(0)).toBeTrue();
    while (bench.nowMs < grantedMs + LEASE_MS - 20) {
      expect(bench.serves(150)).toBeFalse();
      expect(bench.table.wordOf(150) & PAUSED).not.toBe(0);
      expect(bench.agent.snapshot(bench.nowMs).withheldCount).toBe(100);
      bench.pass(20);
    }
    bench.pass(60);
    expect(bench.serves(150)).toBeTrue();
    expect(bench.agent.snapshot(bench.nowMs).withheldCount).toBe(0);
  });

  test('delays nothing where there was none, or where it has ended', () => {
    const bench = joined();
    bench.apply(WITHOUT_B);
    expect(bench.serves(150)).toBeTrue();
    const later = joined();
    expect(later.ask(asks('b', 1, 100))).toEqual(promise(true));
    later.pass(120);
    later.apply(WITHOUT_B);
    expect(later.serves(150)).toBeTrue();
  });

  test('holds for slots that come by way of a third node', () => {
    const bench = joined();
    bench.ask(asks('b', 1));
    bench.apply(topologyOf(2, 'ac', (slot) => (slot < 100 ? 'a' : 'c')));
    bench.apply(topologyOf(3, 'a', () => 'a'));
    expect([bench.serves(50), bench.serves(150), bench.serves(250)]).toEqual([true, false, true]);
    bench.pass(LEASE_MS);
    expect(bench.serves(150)).toBeTrue();
  });

  test('holds for slots that were on their way to the node', () => {
    const move: SlotMove = { id: 1, from: idOf('c'), to: idOf('b'), slots: [300] };
    const bench = joined();
    bench.apply(topologyOf(2, 'abc', thirds, { moves: [move] }));
    bench.ask(asks('b', 2));
    bench.apply(topologyOf(3, 'ac', (slot) => (slot === 300 ? 'a' : thirds(slot) === 'b' ? 'c' : thirds(slot))));
    expect(bench.serves(300)).toBeFalse();
    bench.pass(LEASE_MS);
    expect(bench.serves(300)).toBeTrue();
  });

  test('lasts over the removal of the node that gave it', () => {
    const bench = joined();
    bench.ask(asks('b', 1));
    bench.apply(topologyOf(2, 'c', () => 'c'));
    bench.step({ type: 'dropped', nodeId: idOf('e') });
    bench.apply(topologyOf(3, 'ce', () => 'e'));
    expect([bench.serves(50), bench.serves(150)]).toEqual([true, false]);
  });

  test('does not touch what is handed over by the node itself', () => {
    const move: SlotMove = { id: 1, from: idOf('b'), to: idOf('a'), slots: [150] };
    const bench = joined();
    bench.apply(topologyOf(2, 'abc', thirds, { moves: [move] }));
    bench.ask(asks('b', 2));
    expect(bench.ask({ type: 'handover', cluster: CLUSTER, to: idOf('a'), move: 1, attempt: 1, frames: 2 })).toEqual({
      type: 'moveState',
      state: 'handed',
    });
    expect(bench.serves(150)).toBeTrue();
    bench.apply(topologyOf(3, 'abc', (slot) => (slot === 150 ? 'a' : thirds(slot))));
    expect(bench.serves(150)).toBeTrue();
  });

  test('holds back the export of what is held back', () => {
    const bench = joined();
    bench.ask(asks('b', 1));
    bench.apply(WITHOUT_B);
    const move: SlotMove = { id: 1, from: idOf('a'), to: idOf('c'), slots: [150] };
    bench.effects = [];
    bench.apply(bench.next({ moves: [move] }));
    expect(bench.wanted('beginExport')).toEqual([]);
    bench.pass(LEASE_MS);
    expect(bench.wanted('beginExport').map(({ move: { id } }) => id)).toEqual([1]);
  });
});

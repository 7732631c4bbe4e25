/** Moves and replicas together, at one of a move's nodes: what is sent, what is kept, and who serves, also where a node dies in the midst of it. */
import { describe, expect, test } from 'bun:test';
import { type AgentBench, CLUSTER, idOf, LEASE_MS } from '../../test/support/agent-bench.ts';
import {
  flags,
  joined,
  kept,
  purged,
  replica,
  replicated,
  reported,
  SLOT,
  sources,
  targets,
  told,
} from '../../test/support/agent-replicas.ts';
import type { PeerRequest } from '../protocol/cluster/messages.ts';
import type { SlotMove } from '../topology/topology.ts';
import { HANDED, PAUSED, REPLICA, SYNCED } from './slot-table.ts';

const OUT: SlotMove = { id: 7, from: idOf('a'), to: idOf('b'), slots: [SLOT] };
const IN: SlotMove = { id: 8, from: idOf('b'), to: idOf('a'), slots: [SLOT] };

const EXTENT = { attempt: 1, frames: 44 };

/** The source hands over, and everything is there. */
function takeOver(bench: AgentBench): void {
  const answer = bench.ask({ type: 'handover', cluster: CLUSTER, to: idOf('a'), move: 8, ...EXTENT });
  expect(answer).toEqual({ type: 'moveState', state: 'handed' });
}

/** The mover is done with what a source does before it hands over. */
function drained(bench: AgentBench): void {
  bench.report({ id: 7, role: 'source', state: 'ready' });
  bench.report({ id: 7, role: 'source', state: 'drained', extent: EXTENT });
}

describe('a move', () => {
  test('to a replica sends nothing, and the stream goes on until the slot is handed over', () => {
    const bench = joined({ owner: 'a', since: 1, replicas: 'b' });
    bench.apply(replicated(2, { owner: 'a', since: 1, replicas: 'b' }, { moves: [OUT] }));
    expect(bench.wanted('beginExport').map(({ how }) => how)).toEqual(['replica']);
    const asked: PeerRequest[] = [];
    let isKnown = false;
    bench.onPeer = (request) => {
      asked.push(request);
      return { type: 'moveState', state: request.type === 'handover' ? 'handed' : isKnown ? 'importing' : 'unknown' };
    };
    bench.report({ id: 7, role: 'source', state: 'ready' });
    bench.pass(40);
    // The target has yet to hear of the move.
    expect([asked[0], bench.serves(SLOT)]).toEqual([
      { type: 'moveStatus', cluster: CLUSTER, to: idOf('b'), move: 7, isAhead: true },
      true,
    ]);
    expect(bench.wanted('shipRest')).toEqual([]);
    isKnown = true;
    bench.pass(200);
    expect([bench.wanted('shipRest').length, bench.serves(SLOT)]).toEqual([1, false]);
    bench.report({ id: 7, role: 'source', state: 'drained', extent: EXTENT });
    expect(targets(bench)).toEqual({ b: [SLOT] });
    bench.pass(40);
    expect([asked.at(-1)?.type, flags(bench), targets(bench)]).toEqual(['handover', HANDED, {}]);
  });

  test('to a replica is not given up by what the target said before it was to take over', () => {
    const bench = joined({ owner: 'a', since: 1, replicas: 'b' });
    bench.apply(replicated(2, { owner: 'a', since: 1, replicas: 'b' }, { moves: [OUT] }));
    bench.onPeer = () => null;
    bench.report({ id: 7, role: 'source', state: 'ready' });
    const [ahead] = bench.wanted('askPeer');
    bench.pass(700);
    const again = bench.wanted('askPeer').at(-1)!;
    expect(again.requestId).not.toBe(ahead!.requestId);
    bench.step({ type: 'answered', requestId: again.requestId, answer: { type: 'moveState', state: 'importing' } });
    bench.report({ id: 7, role: 'source', state: 'drained', extent: EXTENT });
    // The answer to the first question comes late.
    bench.step({ type: 'answered', requestId: ahead!.requestId, answer: { type: 'moveState', state: 'unknown' } });
    expect([bench.serves(SLOT), bench.wanted('endMove').length]).toEqual([false, 0]);
  });

  test('to another node copies, and replicas follow meanwhile', () => {
    const bench = joined({ owner: 'a', since: 1, replicas: 'd' });
    bench.apply(replicated(2, { owner: 'a', since: 1, replicas: 'd' }, { moves: [OUT] }));
    expect(bench.wanted('beginExport').map(({ how }) => how)).toEqual(['copy']);
    expect(targets(bench)).toEqual({ d: [SLOT] });
  });

  test('leaves its source with a copy that it keeps as long as it is to', () => {
    const bench = joined({ owner: 'a', since: 1 });
    bench.onPeer = () => ({ type: 'moveState', state: 'handed' });
    bench.apply(replicated(2, { owner: 'a', since: 1 }, { moves: [OUT] }));
    drained(bench);
    bench.pass(40);
    bench.apply(replicated(3, { owner: 'b', since: 3, before: 1, replicas: 'dak' }));
    expect(purged(bench)).toEqual([]);
    expect(told(bench)).toMatchObject({
      epoch: 3,
      copies: [{ source: idOf('a'), through: null, kept: true, slots: [SLOT, SLOT] }],
    });
    bench.apply(replicated(4, { owner: 'b', since: 3, before: 1, replicas: 'd' }));
    expect(purged(bench)).toEqual([[SLOT]]);
  });

  test('back to a source that has kept its copy needs no deletion, where the target is dead', () => {
    const bench = joined({ owner: 'a', since: 1 });
    bench.apply(replicated(3, { owner: 'b', since: 3, before: 1, replicas: 'dak' }));
    bench.apply(replicated(4, { owner: 'a', since: 4, before: 1, replicas: 'd' }, { digits: 'acd' }));
    expect([bench.serves(SLOT), purged(bench)]).toEqual([true, []]);
  });

  test('whose target dies after it may have taken over leaves the source with what it had', () => {
    const bench = joined({ owner: 'a', since: 1, replicas: 'd' });
    bench.onPeer = () => null;
    bench.apply(replicated(2, { owner: 'a', since: 1, replicas: 'd' }, { moves: [OUT] }));
    drained(bench);
    bench.pass(40);
    expect(bench.serves(SLOT)).toBeFalse();
    bench.apply(replicated(3, { owner: 'a', since: 1, replicas: 'd' }, { digits: 'acd' }));
    expect([bench.serves(SLOT), purged(bench)]).toEqual([true, []]);
  });

  test('to this node, which copies the slot, ends with the slot and what was copied', () => {
    const bench = replica();
    bench.apply(replicated(2, { owner: 'b', since: 1, replicas: 'a' }, { moves: [IN] }));
    expect(bench.wanted('beginImport').map(({ how }) => how)).toEqual(['replica']);
    takeOver(bench);
    expect([bench.serves(SLOT), sources(bench)]).toEqual([true, {}]);
    bench.apply(replicated(3, { owner: 'a', since: 3, before: 1, replicas: 'bk' }));
    expect([bench.serves(SLOT), purged(bench)]).toEqual([true, []]);
  });

  test('to this node that it refused before it knew of it is not taken over, whoever asks again', () => {
    const bench = replica();
    const handover = { type: 'handover', cluster: CLUSTER, to: idOf('a'), move: 8, ...EXTENT } as const;
    const unknown = { type: 'moveState', state: 'unknown' } as const;
    expect(bench.ask({ type: 'moveStatus', cluster: CLUSTER, to: idOf('a'), move: 8, isAhead: true })).toEqual(unknown);
    expect(bench.ask(handover)).toEqual(unknown);
    bench.apply(replicated(2, { owner: 'b', since: 1, replicas: 'a' }, { moves: [IN] }));
    expect(bench.ask(handover)).toEqual(unknown);
    expect([bench.serves(SLOT), bench.wanted('beginImport').length]).toEqual([false, 0]);
    expect(bench.heartbeats.at(-1)!.moves).toMatchObject([{ id: 8, state: 'failed' }]);
  });

  test('to this node that was asked of ahead of its time is taken over when it is known', () => {
    const bench = replica();
    const ahead = { type: 'moveStatus', cluster: CLUSTER, to: idOf('a'), move: 8, isAhead: true } as const;
    expect(bench.ask(ahead)).toEqual({ type: 'moveState', state: 'unknown' });
    bench.apply(replicated(2, { owner: 'b', since: 1, replicas: 'a' }, { moves: [IN] }));
    expect(bench.ask(ahead)).toEqual({ type: 'moveState', state: 'importing' });
    takeOver(bench);
    expect(bench.serves(SLOT)).toBeTrue();
  });

  test('to this node, which copies the slot, leaves it a replica where it is given up', () => {
    const bench = replica();
    bench.apply(replicated(2, { owner: 'b', since: 1, replicas: 'a' }, { moves: [IN] }));
    bench.effects = [];
    bench.apply(replicated(3, { owner: 'b', since: 1, replicas: 'a' }));
    expect([purged(bench), sources(bench), flags(bench)]).toEqual([[], { b: [SLOT] }, REPLICA | SYNCED]);
  });
});

describe('a target whose source dies', () => {
  function unsure(): AgentBench {
    const bench = joined({ owner: 'b', since: 1, replicas: 'd' });
    bench.apply(replicated(2, { owner: 'b', since: 1, replicas: 'd' }, { moves: [IN] }));
    bench.effects = [];
    return bench;
  }
  const seized = replicated(3, { owner: 'a', since: 3, before: 1, replicas: 'dk', isUnsure: true }, { digits: 'acd' });

  test('serves where it had taken over', () => {
    const bench = unsure();
    takeOver(bench);
    bench.apply(seized);
    expect(bench.serves(SLOT)).toBeTrue();
    expect(told(bench)).toMatchObject({ epoch: 3, vacant: [] });
  });

  test('serves nothing where it had not, and says so, until the topology says whose the slot is', () => {
    const bench = unsure();
    bench.apply(seized);
    expect([bench.serves(SLOT), flags(bench), purged(bench)]).toEqual([false, PAUSED, []]);
    expect(told(bench)).toMatchObject({ epoch: 3, vacant: [SLOT, SLOT] });
    bench.pass(LEASE_MS * 2);
    expect(bench.serves(SLOT)).toBeFalse();
    bench.apply(replicated(4, { owner: 'd', since: 4, before: 1 }, { digits: 'acd' }));
    expect([bench.serves(SLOT), purged(bench)]).toEqual([false, [[SLOT]]]);
  });

  test('empties the slot and serves it where nobody had a copy', () => {
    const bench = unsure();
    bench.apply(seized);
    bench.apply(replicated(4, { owner: 'a', since: 4 }, { digits: 'acd' }));
    bench.pass(40);
    expect([purged(bench), bench.serves(SLOT)]).toEqual([[[SLOT]], true]);
  });

  test('goes on with its own copy where that is the best', () => {
    const bench = replica();
    bench.apply(replicated(2, { owner: 'b', since: 1, replicas: 'ad' }, { moves: [IN] }));
    bench.apply(seized);
    reported(bench, kept(3));
    expect(bench.serves(SLOT)).toBeFalse();
    expect(told(bench)).toMatchObject({
      vacant: [SLOT, SLOT],
      copies: [{ source: idOf('b'), kept: true, through: 40 }],
    });
    bench.apply(replicated(4, { owner: 'a', since: 4, before: 1, replicas: 'dk' }, { digits: 'acd' }));
    reported(bench, kept(4));
    expect([bench.serves(SLOT), purged(bench)]).toEqual([true, []]);
  });
});

/** What a node does with copies: as primary, as replica, and when it gets a slot that it has copied. */
import { describe, expect, test } from 'bun:test';
import { CLUSTER, idOf, LEASE_MS, nodeOf } from '../../test/support/agent-bench.ts';
import {
  flags,
  joined,
  kept,
  purged,
  replica,
  replicated,
  reported,
  reportOf,
  SLOT,
  sources,
  targets,
  told,
} from '../../test/support/agent-replicas.ts';
import { Topology } from '../topology/topology.ts';
import { OWNED, PAUSED, REPLICA, SYNCED } from './slot-table.ts';

describe('a primary', () => {
  test('has its slots copied by those who are to, not by those who keep what they have', () => {
    const bench = joined({ owner: 'a', since: 1, replicas: 'bdk' });
    expect(targets(bench)).toEqual({ b: [SLOT] });
    bench.apply(replicated(2, { owner: 'a', since: 1, replicas: 'bd' }));
    expect(targets(bench)).toEqual({ b: [SLOT], d: [SLOT] });
    bench.effects = [];
    bench.apply(replicated(3, { owner: 'a', since: 1, replicas: 'bd' }));
    expect(bench.wanted('replicateTo')).toEqual([]);
    bench.apply(replicated(4, { owner: 'a', since: 1 }));
    expect(targets(bench)).toEqual({});
  });

  test('tells how far its replicas are', () => {
    const bench = joined({ owner: 'a', since: 1, replicas: 'b' });
    const target = { id: idOf('b'), synced: [SLOT], lag: 7, error: 'slow' };
    reported(bench, reportOf(1, { targets: [target] }));
    expect(told(bench)).toMatchObject({
      streams: [{ target: idOf('b'), slots: 1, synced: 1, lag: 7, error: 'slow' }],
    });
  });

  test('has nothing copied of what it is deleting', () => {
    const bench = joined({ owner: 'b', since: 1 });
    bench.purgesAtOnce = false;
    bench.apply(replicated(2, { owner: 'a', since: 2, replicas: 'd' }));
    expect(purged(bench)).toEqual([[SLOT]]);
    expect(targets(bench)).toEqual({});
    bench.step({ type: 'purged', purgeId: bench.wanted('purge')[0]!.purgeId });
    expect([targets(bench), flags(bench)]).toEqual([{ d: [SLOT] }, OWNED]);
  });

  test('that is removed tells how much was on no other node', () => {
    const bench = joined({ owner: 'a', since: 1, replicas: 'b' });
    reported(bench, reportOf(1, { alone: 12 }));
    bench.apply(replicated(2, { owner: 'b', since: 2, before: 1 }, { digits: 'bcd' }));
    expect(bench.logged().join()).toContain('of which 12 changes were on no other node');
    expect(bench.wanted('dropAll')).toHaveLength(1);
  });

  test('counts what was on no other node although its replicas hear first that they are not any more', () => {
    const bench = joined({ owner: 'a', since: 1, replicas: 'b' });
    const target = { id: idOf('b'), synced: [SLOT], lag: 12, error: null };
    reported(bench, reportOf(1, { targets: [target], alone: 12 }));
    reported(bench, reportOf(1, { targets: [{ ...target, synced: [], lag: 0 }] }));
    bench.apply(replicated(2, { owner: 'b', since: 2, before: 1 }, { digits: 'bcd' }));
    expect(bench.logged().join()).toContain('of which 12 changes were on no other node');
  });

  test('counts nothing once a replica has confirmed it', () => {
    const bench = joined({ owner: 'a', since: 1, replicas: 'b' });
    const target = { id: idOf('b'), synced: [SLOT], lag: 12, error: null };
    reported(bench, reportOf(1, { targets: [target], alone: 12 }));
    reported(bench, reportOf(1, { targets: [{ ...target, lag: 0 }] }));
    bench.apply(replicated(2, { owner: 'b', since: 2, before: 1 }, { digits: 'bcd' }));
    expect(bench.logged().join()).not.toContain('on no other node');
  });
});

describe('a replica', () => {
  test('takes the slots of their owners, and marks those of which it has a whole copy', () => {
    const bench = joined({ owner: 'b', since: 1, replicas: 'a' });
    expect([sources(bench), flags(bench), bench.serves(SLOT)]).toEqual([{ b: [SLOT] }, REPLICA, false]);
    reported(bench, reportOf(1, { sources: [{ id: idOf('b'), through: 9, synced: [SLOT] }] }));
    expect(flags(bench)).toBe(REPLICA | SYNCED);
    expect(told(bench)).toEqual({
      epoch: 1,
      copies: [{ source: idOf('b'), through: 9, kept: false, slots: [SLOT, SLOT] }],
      vacant: [],
      streams: [],
    });
  });

  test('says at once that copies have become whole or are not any more, and otherwise with time', () => {
    const bench = joined({ owner: 'b', since: 1, replicas: 'a' });
    const report = (through: number, synced: readonly number[]) =>
      reported(bench, reportOf(1, { sources: [{ id: idOf('b'), through, synced }] }));
    const heard = (): number => bench.heartbeats.length;
    const before = heard();
    report(1, [SLOT]);
    expect(heard()).toBe(before + 1);
    report(2, [SLOT]);
    expect(heard()).toBe(before + 1);
    report(2, []);
    expect(heard()).toBe(before + 2);
  });

  test('deletes what it has once it is none any more', () => {
    const bench = replica();
    bench.apply(replicated(2, { owner: 'b', since: 1 }));
    expect([sources(bench), purged(bench), flags(bench)]).toEqual([{}, [[SLOT]], 0]);
    const order = bench.effects.map(({ type }) => type);
    expect(order.indexOf('copyFrom')).toBeLessThan(order.indexOf('purge'));
  });

  test('keeps its copy while nobody owns the slot, and tells how far it goes once the mover knows', () => {
    const bench = replica(40);
    bench.apply(replicated(2, { owner: '', since: 1, replicas: 'a' }, { digits: 'acd' }));
    expect(bench.wanted('copyFrom').at(-1)).toMatchObject({ sources: [], kept: { epoch: 2, slots: [SLOT] } });
    expect(purged(bench)).toEqual([]);
    // What was reported before may not be the end of it.
    expect(bench.heartbeats.at(-1)!.replication).toMatchObject({ epoch: 1 });
    const before = bench.heartbeats.length;
    reported(bench, kept(2, 44));
    expect(bench.heartbeats.length).toBe(before + 1);
    expect(bench.heartbeats.at(-1)!.replication).toMatchObject({
      epoch: 2,
      copies: [{ source: idOf('b'), through: 44, kept: true, slots: [SLOT, SLOT] }],
    });
  });

  test('whose owner has had the slot, and not, and has it again, copies it anew', () => {
    const bench = replica();
    bench.apply(replicated(4, { owner: 'b', since: 4, replicas: 'a' }));
    const calls = bench.wanted('copyFrom');
    expect(calls.map(({ sources: some }) => some.map(({ node, slots }) => [node.id[0], slots]))).toEqual([
      [],
      [['b', [SLOT]]],
    ]);
    expect(flags(bench)).toBe(REPLICA);
    // It is of the owner's time before.
    reported(bench, reportOf(1, { sources: [{ id: idOf('b'), through: 50, synced: [SLOT] }] }));
    expect(flags(bench)).toBe(REPLICA);
    reported(bench, reportOf(4, { sources: [{ id: idOf('b'), through: 60, synced: [SLOT] }] }));
    expect(flags(bench)).toBe(REPLICA | SYNCED);
  });

  test('of another owner from now on begins anew, and deletes nothing by itself', () => {
    const bench = replica();
    bench.apply(replicated(2, { owner: 'd', since: 2, before: 1, replicas: 'a' }));
    expect([sources(bench), purged(bench), flags(bench)]).toEqual([{ d: [SLOT] }, [], REPLICA]);
  });

  test('that is to keep its copy takes nothing of the new owner', () => {
    const bench = replica();
    bench.apply(replicated(2, { owner: 'd', since: 2, before: 1, replicas: 'ak' }));
    expect([sources(bench), purged(bench), flags(bench)]).toEqual([{}, [], 0]);
    reported(bench, kept(2));
    expect(told(bench)).toMatchObject({ epoch: 2, copies: [{ source: idOf('b'), kept: true }] });
    bench.apply(replicated(3, { owner: 'd', since: 2, before: 1, replicas: 'a' }));
    expect(sources(bench)).toEqual({ d: [SLOT] });
  });

  test('of which the cluster wants none any more stops, and deletes', () => {
    const bench = replica();
    const topology = replicated(2, { owner: 'b', since: 1 });
    const { nodes, epoch, cluster } = topology;
    const owners = Uint16Array.from({ length: 16_384 }, (_, slot) => topology.ownerIndex(slot));
    bench.apply(
      Topology.of({ cluster, epoch, nodes, owners, replicaCount: 0, replicas: new Uint16Array(0), moves: [] }),
    );
    expect([sources(bench), purged(bench)]).toEqual([{}, [[SLOT]]]);
    expect(told(bench)).toBeUndefined();
  });
});

describe('a replica that gets the slot', () => {
  const promoted = replicated(2, { owner: 'a', since: 2, before: 1 }, { digits: 'acd' });

  test('serves it once the mover has said that the copy was whole to the end', () => {
    const bench = replica();
    bench.apply(promoted);
    expect([bench.serves(SLOT), flags(bench)]).toEqual([false, PAUSED]);
    reported(bench, reportOf(1, { sources: [{ id: idOf('b'), through: 41, synced: [SLOT] }] }));
    expect(bench.serves(SLOT)).toBeFalse();
    reported(bench, kept(2));
    expect([bench.serves(SLOT), purged(bench)]).toEqual([true, []]);
    expect(bench.wanted('copyFrom').at(-1)).toMatchObject({ kept: { slots: [] } });
  });

  test('empties it first where the copy was not whole after all', () => {
    const bench = replica();
    bench.purgesAtOnce = false;
    bench.apply(promoted);
    reported(bench, reportOf(2));
    expect([bench.serves(SLOT), purged(bench)]).toEqual([false, [[SLOT]]]);
    bench.step({ type: 'purged', purgeId: bench.wanted('purge')[0]!.purgeId });
    expect(bench.serves(SLOT)).toBeTrue();
  });

  test('empties it where the copy is of another time than the topology names', () => {
    const bench = replica();
    bench.apply(replicated(9, { owner: 'a', since: 9, before: 6 }, { digits: 'acd' }));
    expect(purged(bench)).toEqual([[SLOT]]);
  });

  test('empties it where the topology says that it begins with nothing', () => {
    const bench = replica();
    bench.apply(replicated(2, { owner: 'a', since: 2 }, { digits: 'acd' }));
    expect(purged(bench)).toEqual([[SLOT]]);
  });

  test('waits for the end of a promise to the owner before, as anybody does', () => {
    const bench = replica();
    bench.ask({ type: 'promise', cluster: CLUSTER, from: idOf('b'), epoch: 1, durationMs: LEASE_MS });
    bench.apply(promoted);
    reported(bench, kept(2));
    expect([bench.serves(SLOT), flags(bench)]).toEqual([false, PAUSED]);
    bench.pass(LEASE_MS - 300);
    expect(bench.serves(SLOT)).toBeFalse();
    bench.pass(200);
    expect([bench.serves(SLOT), purged(bench)]).toEqual([true, []]);
  });

  test('is in doubt through topologies that change nothing of it', () => {
    const bench = replica();
    bench.apply(promoted);
    bench.apply(replicated(3, { owner: 'a', since: 2, before: 1, replicas: 'd' }, { digits: 'acd' }));
    expect(bench.serves(SLOT)).toBeFalse();
    reported(bench, kept(3));
    expect([bench.serves(SLOT), purged(bench), targets(bench)]).toEqual([true, [], { d: [SLOT] }]);
  });
});

test('a node that was removed remembers no copies under its next id', () => {
  const bench = replica();
  bench.apply(replicated(2, { owner: 'b', since: 1 }, { digits: 'bcd' }));
  bench.step({ type: 'dropped', nodeId: idOf('d') });
  bench.apply(replicated(3, { owner: 'd', since: 3, before: 1 }, { digits: 'bcd' }));
  expect(purged(bench)).toEqual([[SLOT]]);
  expect(nodeOf('d').id).toBe(bench.agent.nodeId);
});

/** The agent of a node that keeps its data: what it claims of slots, and what becomes of what it found on its disk. */
import { describe, expect, test } from 'bun:test';
import { AgentBench, CLUSTER, idOf, nodeOf, topologyOf } from '../../test/support/agent-bench.ts';
import { EXTENT, IN, OUT, owner, SLOTS, state } from '../../test/support/agent-moves.ts';
import { CLAIM_TAKEN } from '../store/slot-notes.ts';
import { emptyLineage, UNSURE } from '../topology/slot-lineage.ts';
import { SLOT_COUNT } from '../topology/slots.ts';
import { type SlotMove, Topology } from '../topology/topology.ts';

const DATA_SET = '5'.repeat(32);
const HANDOVER = { type: 'handover', cluster: CLUSTER, to: idOf('a'), move: IN.id, ...EXTENT } as const;
/** Slots that were found on the disk. */
const FOUND: readonly number[] = [1, 2, 3];

interface Lineage {
  readonly since?: (slot: number) => number;
  readonly before?: (slot: number) => number;
  readonly isUnsure?: (slot: number) => boolean;
}

/** A topology of a cluster that keeps its data: all slots are their owners' since epoch 1, unless `lineage` says otherwise. */
function keptTopology(
  epoch: number,
  digits: string,
  ownerOf: (slot: number) => string,
  { since = () => 1, before = () => 0, isUnsure = () => false }: Lineage = {},
  moves: readonly SlotMove[] = [],
): Topology {
  const plain = topologyOf(epoch, digits, ownerOf, { moves });
  const lineage = emptyLineage();
  for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
    lineage.since[slot] = since(slot);
    lineage.before[slot] = before(slot);
    lineage.marks[slot] = isUnsure(slot) ? UNSURE : 0;
  }
  const owners = Uint16Array.from({ length: SLOT_COUNT }, (_, slot) => plain.ownerIndex(slot));
  const { cluster, nodes } = plain;
  return Topology.of({ cluster, epoch, nodes, owners, replicaCount: 0, replicas: new Uint16Array(0), lineage, moves });
}

/** A node that found `FOUND` on its disk, as of epoch 4. */
function found(): AgentBench {
  const bench = new AgentBench({ disk: { dataSet: DATA_SET, claims: [{ time: 4, flags: 0, slots: FOUND }] } });
  bench.pass(100);
  return bench;
}

/** Nobody has the slots that were found; b has all others. */
function ownerless(slot: number): string {
  return FOUND.includes(slot) ? '' : 'b';
}

function told(bench: AgentBench): unknown {
  return bench.heartbeats.at(-1)!.disk?.copies;
}

describe('what was found on the disk', () => {
  test('is told, and all else is emptied before anything else is done', () => {
    const bench = found();
    expect(told(bench)).toEqual([{ time: 4, isTaken: false, slots: [1, 3] }]);
    const [purge] = bench.wanted('purge');
    expect(purge!.slots).toHaveLength(SLOT_COUNT - FOUND.length);
    expect(purge!.slots).not.toContain(1);
  });

  test('stays while the node owns nothing, whoever else does', () => {
    const bench = found();
    bench.effects = [];
    bench.apply(keptTopology(6, 'ab', ownerless, { since: () => 4 }));
    bench.apply(keptTopology(7, 'ab', () => 'b', { since: () => 7, before: () => 4 }));
    expect(bench.wanted('purge')).toEqual([]);
    expect(told(bench)).toEqual([{ time: 4, isTaken: false, slots: [1, 3] }]);
  });

  test('is served by the owner that comes out of that time, and claimed before', () => {
    const bench = found();
    bench.apply(keptTopology(6, 'ab', ownerless, { since: () => 4 }));
    bench.effects = [];
    const isFound = (slot: number): boolean => FOUND.includes(slot);
    bench.apply(
      keptTopology(8, 'ab', (slot) => (isFound(slot) ? 'a' : 'b'), {
        since: (slot) => (isFound(slot) ? 8 : 4),
        before: (slot) => (isFound(slot) ? 4 : 0),
      }),
    );
    expect(bench.serves(2)).toBeTrue();
    expect(bench.wanted('purge')).toEqual([]);
    expect(bench.wanted('claim').map(({ notes }) => notes)).toEqual([[{ time: 8, flags: 0, slots: FOUND }]]);
    const order = bench.effects.map(({ type }) => type);
    expect(order.indexOf('claim')).toBeLessThan(order.indexOf('slots'));
    expect(bench.heartbeats.at(-1)!.disk).toEqual({ dataSet: DATA_SET, epoch: 8, copies: [] });
  });

  test('is emptied where the node gets the slot without it', () => {
    const bench = found();
    bench.apply(keptTopology(6, 'ab', ownerless, { since: () => 4 }));
    bench.effects = [];
    bench.purgesAtOnce = false;
    bench.apply(keptTopology(8, 'ab', (slot) => (FOUND.includes(slot) ? 'a' : 'b'), { since: () => 8 }));
    expect(bench.wanted('purge').map(({ slots }) => slots)).toEqual([FOUND]);
    expect([bench.serves(2), bench.wanted('claim')]).toEqual([false, []]);
  });

  test('is deleted when the coordinator says that nobody waits for it, and not before', () => {
    const bench = found();
    bench.apply(keptTopology(6, 'ab', () => 'b', { since: () => 6 }));
    bench.effects = [];
    bench.onHeartbeat = () => bench.lease({ isDiskUseless: true });
    bench.pass(2000);
    expect(bench.wanted('purge').map(({ slots }) => slots)).toEqual([FOUND]);
    expect(bench.logged().join()).toContain('3 slots is of no use');
    expect(told(bench)).toEqual([]);
  });
});

describe('a move to it', () => {
  function target(): AgentBench {
    const bench = new AgentBench({ disk: { dataSet: DATA_SET, claims: [] } });
    bench.claimsAtOnce = false;
    bench.apply(keptTopology(1, 'abc', owner('b')));
    bench.apply(keptTopology(2, 'abc', owner('b'), {}, [IN]));
    bench.effects = [];
    return bench;
  }

  test('is answered when all of it is on disk, and not before', () => {
    const bench = target();
    expect(bench.ask(HANDOVER)).toBeUndefined();
    const [claim] = bench.wanted('claim');
    expect(claim!.notes).toEqual([{ time: 1, flags: CLAIM_TAKEN, slots: SLOTS }]);
    bench.pass(1000);
    expect([bench.serves(10), bench.wanted('reply')]).toEqual([false, []]);
    bench.step({ type: 'claimed', claimId: claim!.claimId });
    expect(bench.serves(10)).toBeTrue();
    expect(bench.wanted('reply').map(({ answer }) => answer)).toEqual([state('handed')]);
  });

  test('is given up where the disk does not take it, and the claim is taken back', () => {
    const bench = target();
    bench.ask(HANDOVER);
    bench.pass(2500);
    expect(bench.wanted('reply').map(({ answer }) => answer)).toEqual([state('unknown')]);
    expect(bench.wanted('claim').at(-1)!.notes).toEqual([{ time: 0, flags: 0, slots: SLOTS }]);
    bench.step({ type: 'claimed', claimId: bench.wanted('claim')[0]!.claimId });
    expect([bench.serves(10), bench.ask(HANDOVER)]).toEqual([false, state('unknown')]);
  });

  test('whose source is gone and that it has not taken over is not served: it says so', () => {
    const bench = target();
    bench.apply(
      keptTopology(3, 'ac', (slot) => (slot < 100 ? 'a' : 'c'), {
        since: () => 3,
        before: () => 1,
        isUnsure: (slot) => SLOTS.includes(slot),
      }),
    );
    expect(bench.serves(10)).toBeFalse();
    expect(bench.heartbeats.at(-1)!.replication!.vacant).toEqual([10, 11]);
    // Claimed is only what is served.
    expect(bench.heartbeats.at(-1)!.disk!.epoch).toBeLessThan(3);
  });
});

test('a source whose target is gone and perhaps took over keeps what it had, until somebody knows', () => {
  const bench = new AgentBench({ disk: { dataSet: DATA_SET, claims: [] } });
  bench.apply(keptTopology(1, 'abc', owner('a')));
  bench.apply(keptTopology(2, 'abc', owner('a'), {}, [OUT]));
  bench.report({ id: OUT.id, role: 'source', state: 'ready' });
  bench.report({ id: OUT.id, role: 'source', state: 'drained', extent: EXTENT });
  bench.pass(1000);
  expect(bench.heartbeats.at(-1)!.moves).toMatchObject([{ id: OUT.id, state: 'copying', isHanding: true }]);
  bench.effects = [];
  const lost = (slot: number): string => (SLOTS.includes(slot) ? '' : slot < 100 ? 'a' : 'c');
  const since = (slot: number): number => (SLOTS.includes(slot) ? 3 : 1);
  const before = (slot: number): number => (SLOTS.includes(slot) ? 1 : 0);
  bench.apply(keptTopology(3, 'ac', lost, { since, before }));
  expect([bench.serves(10), bench.wanted('purge')]).toEqual([false, []]);
  expect(told(bench)).toEqual([{ time: 1, isTaken: false, slots: [10, 11] }]);
  // The target never served: the slots are as before its time, and then this node's again.
  bench.apply(keptTopology(4, 'ac', (slot) => (slot < 100 ? 'a' : 'c'), { since: (slot) => since(slot) + 1, before }));
  expect(bench.serves(10)).toBeTrue();
  expect(bench.wanted('purge')).toEqual([]);
});

test('a node that was removed keeps what it owned, deletes all else, and tells of it under its next id', () => {
  const bench = new AgentBench({ disk: { dataSet: DATA_SET, claims: [] } });
  bench.apply(keptTopology(1, 'ab', (slot) => (slot < 10 ? 'a' : 'b')));
  expect(bench.serves(3)).toBeTrue();
  bench.effects = [];
  bench.apply(keptTopology(2, 'b', (slot) => (slot < 10 ? '' : 'b')));
  expect(bench.serves(3)).toBeFalse();
  const [drop] = bench.wanted('dropAll');
  expect(drop!.kept).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  bench.step({ type: 'dropped', nodeId: nodeOf('d').id });
  bench.pass(1000);
  expect(bench.heartbeats.at(-1)).toMatchObject({
    node: { id: idOf('d') },
    disk: { dataSet: DATA_SET, epoch: 0, copies: [{ time: 1, isTaken: false, slots: [0, 9] }] },
  });
});

/** What `shoal cluster restart` makes of a status: the order, how nodes are emptied, and whether all is whole. */
import { describe, expect, test } from 'bun:test';
import type { NodeStatus, Status } from '../../protocol/cluster/messages.ts';
import { SLOT_COUNT } from '../../topology/slots.ts';
import { addressOf, checkRoom, emptyingText, inOrder, thinText, whyNotWhole } from './restart-plan.ts';

function node(port: number, fields: Partial<NodeStatus> = {}): NodeStatus {
  return {
    id: String(port).padStart(40, '0'),
    host: '10.0.0.1',
    port,
    peerPort: port + 100,
    zone: '',
    weight: 1,
    items: 0,
    bytes: 0,
    memoryBytes: 0,
    state: 'active',
    slots: 100,
    fairSlots: 100,
    epoch: 1,
    silentMs: 5,
    replicaSlots: 0,
    syncedSlots: 0,
    coveredSlots: 0,
    isRestarting: false,
    streams: [],
    ...fields,
  };
}

function status(nodes: readonly NodeStatus[], fields: Partial<Status> = {}): Status {
  return {
    type: 'status',
    cluster: 'test',
    coordinator: 'c:1',
    store: 'file:/x',
    trouble: null,
    epoch: 1,
    nodes,
    moves: [],
    departed: [],
    returning: [],
    unassigned: 0,
    plannedSlots: 0,
    concurrentMoves: 4,
    moveBytesPerSecond: 0,
    replicas: 0,
    missingCopies: 0,
    ...fields,
  };
}

test('nodes go by zone, then by address', () => {
  const nodes = [node(7610), node(7600, { zone: 'b' }), node(7602), node(7601, { zone: 'a' }), node(1, { host: 'z' })];
  expect(inOrder(nodes).map(addressOf)).toEqual([
    '10.0.0.1:7602',
    '10.0.0.1:7610',
    'z:1',
    '10.0.0.1:7601',
    '10.0.0.1:7600',
  ]);
});

test.each([
  [{ slots: 0 }, 'has no slots'],
  [{ slots: 9, coveredSlots: 9 }, 'its replicas take its 9 slots over'],
  [{ slots: 9, coveredSlots: 0 }, 'its 9 slots move to the others'],
  [{ slots: 9, coveredSlots: 5 }, 'its replicas take 5 of its slots over, and 4 move to the others'],
])('a node with %p: %s', (fields, text) => {
  expect(emptyingText(node(1, fields))).toBe(text);
});

describe('a cluster', () => {
  const addresses = ['10.0.0.1:1', '10.0.0.1:2'];

  test.each([
    ['is whole', {}, {}, null],
    ['without one of its nodes', { port: 3 }, {}, '10.0.0.1:2 is not there'],
    ['with one that joins', { state: 'joining' }, {}, '10.0.0.1:2 joins'],
    ['with one that goes', { isRestarting: true }, {}, '10.0.0.1:2 is to start again'],
    ['with one that a new coordinator has not heard', { silentMs: -1 }, {}, '10.0.0.1:2 was not heard yet'],
    ['with slots of nobody', {}, { unassigned: 3 }, '3 slots have no node'],
    ['whose slots are to move', {}, { plannedSlots: 7 }, '7 slots are to move'],
    ['whose copies are not whole', {}, { replicas: 1, missingCopies: 7 }, '7 copies are missing or not whole yet'],
    ['that has all copies that there is room for', {}, { replicas: 2, missingCopies: SLOT_COUNT }, null],
  ] as const)('%s', (_name, second, fields, why) => {
    expect(whyNotWhole(status([node(1), node(2, second)], fields), addresses)).toBe(why);
  });

  test('of one node cannot do without it, nor one whose other nodes are drained', () => {
    expect(() => checkRoom([node(1)], status([node(1)]))).toThrow('10.0.0.1:1 cannot start again without a loss');
    const drained = status([node(1), node(2, { state: 'draining' })]);
    expect(() => checkRoom([node(1)], drained)).toThrow('no other node may have slots');
    expect(() => checkRoom([node(2)], drained)).not.toThrow();
  });

  test('with too few nodes for all copies says so before', () => {
    expect(thinText(status([node(1), node(2)], { replicas: 1 }))).toContain('each slot has 0 of 1 copies');
    expect(thinText(status([node(1), node(2), node(3)], { replicas: 2 }))).toContain('there must be 4 nodes');
    expect(thinText(status([node(1), node(2), node(3)], { replicas: 1 }))).toBeNull();
    expect(thinText(status([node(1), node(2)]))).toBeNull();
  });
});

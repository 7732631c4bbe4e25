/** Moves to a node that has copied the slots, and copies that are kept: the mover's part, with real stores and streams in virtual time. */
import { describe, expect, test } from 'bun:test';
import {
  expectSame,
  openReplicaRun,
  REPLICA_KEYS,
  REPLICA_SLOTS,
  type ReplicaRun,
  settle,
} from '../../test/support/replica-run.ts';
import type { NetNode } from '../../test/support/replica-net.ts';
import type { SlotMove } from '../topology/topology.ts';
import type { MoveReport } from './mover.ts';

const MOVE: SlotMove = { id: 3, from: 'a', to: 'b', slots: REPLICA_SLOTS };

function synced(seed: number): ReplicaRun {
  const run = openReplicaRun(seed);
  run.net.pair(run.primary, run.replica, REPLICA_SLOTS);
  settle(run);
  return run;
}

function moveOf({ primary, replica }: ReplicaRun): SlotMove {
  return { ...MOVE, from: primary.node.id, to: replica.node.id };
}

function last(node: NetNode): MoveReport | undefined {
  return node.moveReports.at(-1);
}

/** Both ends know of the move, and the source waits for the word to hand over. */
function ready(run: ReplicaRun): void {
  const { net, primary, replica } = run;
  const move = moveOf(run);
  replica.mover.beginImport(move, primary.node, 'replica');
  primary.mover.beginExport(move, replica.node, 'replica');
  net.run(() => last(primary)?.state === 'ready');
}

describe('a move to a replica', () => {
  test('sends nothing, and is complete with everything that was written before the pause', () => {
    const run = synced(1);
    const { net, primary, replica } = run;
    ready(run);
    run.operate(500);
    primary.mover.shipRest(MOVE.id);
    net.run(() => last(primary)?.state === 'drained');
    const { extent } = last(primary)!;
    const { wallMs } = net;
    const expected = primary.items(REPLICA_SLOTS, wallMs);
    expect(last(replica)?.state).not.toBe('complete');
    replica.mover.takeOver(MOVE.id, extent!);
    net.run(() => last(replica)?.state === 'complete');
    expect(replica.items(REPLICA_SLOTS, wallMs)).toEqual(expected);
    expect(primary.mover.replicaFigures.fullCopies).toBe(0);
  });

  test('is not complete before that, however long it takes, and fails where it takes too long', () => {
    const run = synced(2);
    const { net, primary, replica } = run;
    ready(run);
    run.operate(50);
    net.tamper = () => [];
    primary.mover.shipRest(MOVE.id);
    net.run(() => last(primary)?.state === 'drained');
    replica.mover.takeOver(MOVE.id, last(primary)!.extent!);
    net.run(() => last(replica)?.state !== 'importing');
    expect(last(replica)).toMatchObject({ state: 'failed', error: 'the last changes did not come within 1000 ms' });
    // The source goes on, and so does the stream.
    primary.mover.endMove(MOVE.id, 'cancelled');
    replica.mover.endMove(MOVE.id, 'cancelled');
    expectSame(run);
  });

  test('waits until the replica is close behind, and fails where it has no whole copy', () => {
    const run = openReplicaRun(3);
    const { net, primary, replica } = run;
    primary.mover.beginExport(moveOf(run), replica.node, 'replica');
    net.run(() => last(primary)?.state === 'failed', { ms: 20 });
    expect(last(primary)?.error).toBe('the replica has no whole copy of the slots');
  });

  test('fails at its target where that takes nothing from the source any more', () => {
    const run = synced(4);
    const { net, primary, replica } = run;
    ready(run);
    primary.mover.shipRest(MOVE.id);
    net.run(() => last(primary)?.state === 'drained');
    replica.mover.copyFrom(replica.node.id, []);
    replica.mover.takeOver(MOVE.id, last(primary)!.extent!);
    net.run(() => last(replica)?.state === 'failed');
    expect(last(replica)?.error).toBe('there is no whole copy of the slots');
  });
});

describe('a copy that is kept', () => {
  const HALF = REPLICA_SLOTS.filter((slot) => slot % 2 === 0);
  const REST = REPLICA_SLOTS.filter((slot) => slot % 2 !== 0);

  test('is told with the position at which it ended, and the epoch of the word that ended it', () => {
    const run = synced(5);
    const { net, primary, replica } = run;
    const { through } = replica.last.sources[0]!;
    const source = { node: primary.node, slots: REST };
    replica.mover.copyFrom(replica.node.id, [source], { epoch: 7, slots: HALF });
    primary.mover.replicateTo(primary.node.id, [{ node: replica.node, slots: REST }]);
    net.run(() => replica.last.epoch === 7);
    expect(replica.last.kept).toEqual([{ id: primary.node.id, through, slots: HALF }]);
    const { wallMs } = net;
    const before = replica.items(HALF, wallMs);
    primary.batch(() => {
      for (const key of REPLICA_KEYS) primary.driver.set(key, 'later', net.wallMs);
    });
    net.run(() => replica.last.sources[0]!.through !== through, { ms: 50 });
    // The stream goes on with the other slots, and what is kept stays as it was.
    expect(replica.last.kept).toEqual([{ id: primary.node.id, through, slots: HALF }]);
    expect(replica.items(HALF, wallMs)).toEqual(before);
    replica.mover.copyFrom(replica.node.id, [source], { epoch: 8, slots: [] });
    net.run(() => replica.last.epoch === 8);
    expect(replica.last.kept).toEqual([]);
  });

  test('is none where it was not whole', () => {
    const run = openReplicaRun(6, { bytesPerSecond: 1000 });
    const { net, primary, replica } = run;
    net.pair(primary, replica, REPLICA_SLOTS);
    net.run(() => replica.last.sources.length > 0);
    replica.mover.copyFrom(replica.node.id, [], { epoch: 4, slots: REPLICA_SLOTS });
    net.run(() => replica.last.epoch === 4);
    expect(replica.last.kept).toEqual([]);
  });

  test('is copied anew from the same source where it was taken away and given again', () => {
    const run = synced(7);
    const { primary, replica } = run;
    const source = { node: primary.node, slots: REPLICA_SLOTS };
    replica.mover.copyFrom(replica.node.id, [], { epoch: 2, slots: [] });
    replica.mover.copyFrom(replica.node.id, [source], { epoch: 2, slots: [] });
    run.net.run(() => replica.last.epoch === 2);
    expect(replica.syncedFrom(primary)).toEqual([]);
    expectSame(run);
  });
});

test('a primary tells how many changes no replica has, at most', () => {
  const run = synced(8);
  const { net, primary } = run;
  net.run(() => primary.last.alone === 0, { ms: 50 });
  net.tamper = () => [];
  primary.batch(() => {
    for (const key of REPLICA_KEYS.slice(0, 20)) primary.driver.set(key, 'alone', net.wallMs);
  });
  net.run(() => primary.last.alone > 0, { ms: 50 });
  expect(primary.last.alone).toBeGreaterThanOrEqual(20);
});

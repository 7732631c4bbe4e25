/** Rule 6 of the cluster's contract at the node: topologies in order, what is gained and lost by them, removal, leaving. */
import { describe, expect, test } from 'bun:test';
import { AgentBench, CLUSTER, idOf, LEASE_MS, topologyOf } from '../../test/support/agent-bench.ts';
import { crc32c } from '../base/crc32c.ts';
import type { CoordinatorAnswer } from '../protocol/cluster/messages.ts';
import { encodeTopology } from '../topology/encoding.ts';
import type { Topology } from '../topology/topology.ts';
import { ServingRight } from './slot-table.ts';

function halves(slot: number): string {
  return slot < 8192 ? 'a' : 'b';
}

function joined(options: ConstructorParameters<typeof AgentBench>[0] = {}): AgentBench {
  const bench = new AgentBench(options);
  bench.apply(topologyOf(5, 'ab', halves));
  expect(bench.serves(0)).toBeTrue();
  bench.effects = [];
  return bench;
}

function answerWith(topology: Topology | string): CoordinatorAnswer {
  const text = typeof topology === 'string' ? topology : Buffer.from(encodeTopology(topology)).toString('base64');
  return { type: 'topology', epoch: 1, topology: text };
}

/** The agent's watch, as it was sent when it had applied the last topology. */
function watchOf(bench: AgentBench): number {
  const watches = bench.wanted('askCoordinator').filter(({ request }) => request.type === 'watch');
  return watches.at(-1)!.requestId;
}

describe('a topology', () => {
  test('is applied when it is newer, also when some were missed', () => {
    const bench = joined();
    bench.apply(topologyOf(9, 'ab', (slot) => (slot === 0 ? 'b' : halves(slot))));
    expect(bench.table.epoch).toBe(9);
    expect([bench.serves(0), bench.serves(1)]).toEqual([false, true]);
    expect(bench.wanted('topology').map(({ topology }) => topology.epoch)).toEqual([9]);
  });

  test.each([
    ['of the same epoch, but another one,', topologyOf(5, 'ab', () => 'b'), 'another one of epoch 5'],
    ['from the past', topologyOf(4, 'ab', () => 'b'), 'older than 5'],
    ['of another cluster', topologyOf(6, 'ab', () => 'b', { cluster: 'other' }), '"other", not of "test"'],
    ['that cannot be read', 'garbage!', 'topology'],
    ['of a version from the future', futureTopology(), 'version'],
  ])('%s changes nothing, and the log says why', (_name, topology, why) => {
    const bench = new AgentBench();
    bench.apply(topologyOf(5, 'ab', halves));
    const requestId = watchOf(bench);
    const words = Array.from({ length: 16_384 }, (_, slot) => bench.table.wordOf(slot));
    bench.effects = [];
    bench.step({ type: 'answered', requestId, answer: answerWith(topology) });
    expect(bench.table.epoch).toBe(5);
    expect(Array.from({ length: 16_384 }, (_, slot) => bench.table.wordOf(slot))).toEqual(words);
    expect(bench.serves(0)).toBeTrue();
    expect(bench.logged().join()).toContain(why);
    bench.apply(topologyOf(6, 'ab', halves));
    expect(bench.table.epoch).toBe(6);
  });

  test('that is the one it has is no news, and nothing to complain of', () => {
    const bench = new AgentBench();
    bench.apply(topologyOf(5, 'ab', halves));
    const requestId = watchOf(bench);
    bench.effects = [];
    bench.step({ type: 'answered', requestId, answer: answerWith(topologyOf(5, 'ab', halves)) });
    expect([bench.wanted('topology').length, bench.logged()]).toEqual([0, []]);
  });

  test('that is sent twice is applied once', () => {
    const bench = new AgentBench();
    bench.apply(topologyOf(5, 'ab', halves));
    const requestId = watchOf(bench);
    bench.effects = [];
    bench.step({ type: 'answered', requestId, answer: answerWith(topologyOf(6, 'ab', halves)) });
    bench.step({ type: 'answered', requestId, answer: answerWith(topologyOf(7, 'ab', halves)) });
    bench.topology = topologyOf(6, 'ab', halves);
    bench.pass(1000);
    expect(bench.wanted('topology').map(({ topology }) => topology.epoch)).toEqual([6]);
  });

  test('that a lease tells of is asked for again when the watch does not bring it', () => {
    const bench = joined();
    bench.topology = topologyOf(6, 'ab', halves);
    bench.pass(LEASE_MS);
    expect(bench.table.epoch).toBe(6);
  });

  test('is asked for again and again while the coordinator refuses to tell', () => {
    const bench = new AgentBench();
    bench.apply(topologyOf(5, 'ab', halves));
    for (let round = 0; round < 3; round += 1) {
      bench.step({ type: 'answered', requestId: watchOf(bench), answer: { type: 'refused', text: 'no' } });
      bench.pass(200);
    }
    bench.apply(topologyOf(6, 'ab', halves));
    expect(bench.table.epoch).toBe(6);
  });
});

describe('slots', () => {
  test('that are gained are cleared before they are served', () => {
    const bench = joined();
    bench.purgesAtOnce = false;
    bench.apply(topologyOf(6, 'a', () => 'a'));
    const [purge] = bench.wanted('purge');
    expect(purge?.slots).toHaveLength(8192);
    expect([bench.serves(0), bench.serves(8192)]).toEqual([true, false]);
    bench.step({ type: 'purged', purgeId: purge!.purgeId + 1 });
    expect(bench.serves(8192)).toBeFalse();
    bench.step({ type: 'purged', purgeId: purge!.purgeId });
    expect(bench.serves(8192)).toBeTrue();
  });

  test('that are lost are cleared, and wait for that when they come back at once', () => {
    const bench = joined();
    bench.purgesAtOnce = false;
    bench.apply(topologyOf(6, 'ab', (slot) => (slot === 0 ? 'b' : halves(slot))));
    expect(bench.wanted('purge').map(({ slots }) => slots)).toEqual([[0]]);
    bench.apply(topologyOf(7, 'ab', halves));
    const purges = bench.wanted('purge');
    expect(purges.map(({ slots }) => slots)).toEqual([[0], [0]]);
    bench.step({ type: 'purged', purgeId: purges[0]!.purgeId });
    expect(bench.serves(0)).toBeFalse();
    bench.step({ type: 'purged', purgeId: purges[1]!.purgeId });
    expect(bench.serves(0)).toBeTrue();
  });

  test('that stay are left alone', () => {
    const bench = joined();
    bench.apply(topologyOf(6, 'abc', halves));
    expect(bench.wanted('purge')).toEqual([]);
    expect(bench.serves(0)).toBeTrue();
  });

  test('of nobody are nobody’s', () => {
    const bench = joined();
    bench.apply(topologyOf(6, 'a', (slot) => (slot < 8192 ? 'a' : '')));
    expect([bench.table.ownedCount, bench.table.assignedCount]).toEqual([8192, 8192]);
  });
});

describe('a node that was removed', () => {
  test('stops at once, deletes what it has, and joins under another id', () => {
    const bench = joined();
    bench.apply(topologyOf(6, 'b', () => 'b'));
    expect([bench.serves(0), bench.table.mayAnswer(bench.nowMs)]).toEqual([false, false]);
    const order = bench.effects.map(({ type }) => type);
    expect(order.indexOf('serveUntil')).toBeLessThan(order.indexOf('slots'));
    expect(order.indexOf('slots')).toBeLessThan(order.indexOf('dropAll'));
    expect(bench.agent.snapshot(bench.nowMs).trouble).toContain('was removed');
    const heartbeatCount = bench.heartbeats.length;
    bench.pass(LEASE_MS);
    expect(bench.heartbeats.length).toBe(heartbeatCount);
    bench.step({ type: 'dropped', nodeId: idOf('e') });
    bench.pass(100);
    expect(bench.heartbeats.at(-1)).toMatchObject({ node: { id: idOf('e') }, epoch: 0, moves: [], handed: [] });
    expect(bench.agent.nodeId).toBe(idOf('e'));
    bench.apply(topologyOf(7, 'be', (slot) => (slot < 8192 ? 'e' : 'b')));
    expect(bench.serves(0)).toBeTrue();
  });

  test.each(['while it is dropped', 'before it is a member again', 'when it is one'])(
    'is not revived by leases and promises of its former life that come %s',
    (moment) => {
      const bench = joined();
      bench.onPeer = () => ({ type: 'promised', granted: true });
      bench.onHeartbeat = () => null;
      bench.pass(LEASE_MS * 0.6);
      const isHeartbeat = ({ request }: { request: { type: string } }): boolean => request.type === 'heartbeat';
      do {
        bench.effects = [];
        bench.pass(20);
      } while (!bench.wanted('askCoordinator').some(isHeartbeat));
      const asked = [...bench.wanted('askCoordinator'), ...bench.wanted('askPeer')];
      expect(bench.table.right).toBe(ServingRight.promises);
      bench.onPeer = () => null;
      bench.apply(topologyOf(6, 'b', () => 'b'));
      const late = (): void => {
        for (const { requestId, request } of asked) {
          if (request.type === 'watch') continue;
          const answer = request.type === 'heartbeat' ? bench.lease() : ({ type: 'promised', granted: true } as const);
          bench.step({ type: 'answered', requestId, answer });
        }
      };
      if (moment === 'while it is dropped') late();
      bench.step({ type: 'dropped', nodeId: idOf('e') });
      if (moment === 'before it is a member again') late();
      bench.apply(topologyOf(7, 'be', () => 'e'));
      if (moment === 'when it is one') late();
      expect(bench.table.ownedCount).toBe(16_384);
      expect(bench.table.right).toBe(ServingRight.none);
      expect(bench.serves(0)).toBeFalse();
    },
  );

  test('learns of it also when its heartbeats are refused and its watch hangs', () => {
    const bench = joined();
    bench.onHeartbeat = () => ({ type: 'refused', text: 'not in this cluster any more' });
    bench.topology = topologyOf(6, 'b', () => 'b');
    bench.pass(LEASE_MS);
    expect(bench.wanted('dropAll')).toHaveLength(1);
  });

  test('ignores a `dropped` that nobody asked for', () => {
    const bench = joined();
    bench.step({ type: 'dropped', nodeId: idOf('e') });
    expect(bench.agent.nodeId).toBe(idOf('a'));
    expect(bench.serves(0)).toBeTrue();
  });
});

describe('a node that leaves', () => {
  test('says so at once, serves until its slots are elsewhere, and is told that it may go', () => {
    const bench = joined();
    bench.step({ type: 'leave' });
    expect(bench.heartbeats.at(-1)?.leaving).toBeTrue();
    bench.pass(LEASE_MS * 2);
    expect(bench.serves(0)).toBeTrue();
    expect(bench.wanted('left')).toEqual([]);
    bench.onHeartbeat = () => bench.lease({ mayGo: true });
    bench.apply(topologyOf(6, 'ab', () => 'b'));
    expect(bench.wanted('left')).toHaveLength(1);
    expect(bench.table.mayAnswer(bench.nowMs)).toBeFalse();
  });

  test('has left when the topology has it no more, and drops nothing', () => {
    const bench = joined();
    bench.step({ type: 'leave' });
    bench.apply(topologyOf(6, 'b', () => 'b'));
    expect([bench.wanted('left').length, bench.wanted('dropAll').length]).toEqual([1, 0]);
    const count = bench.heartbeats.length;
    bench.pass(LEASE_MS);
    expect(bench.heartbeats.length).toBe(count);
  });

  test('does not wait for long where nobody stays to whom slots could be moved', () => {
    const bench = joined();
    bench.step({ type: 'leave' });
    bench.apply(topologyOf(6, 'ab', halves, { states: { b: 'draining' } }));
    bench.pass(LEASE_MS * 5);
    expect(bench.wanted('left')).toEqual([]);
    bench.apply(topologyOf(7, 'ab', halves, { states: { a: 'draining', b: 'draining' } }));
    bench.pass(LEASE_MS * 2);
    expect([bench.wanted('left').length, bench.serves(0)]).toEqual([0, true]);
    bench.apply(topologyOf(8, 'abc', halves, { states: { a: 'draining', b: 'draining' } }));
    bench.pass(LEASE_MS * 5);
    expect(bench.wanted('left')).toEqual([]);
    bench.apply(topologyOf(9, 'a', () => 'a', { states: { a: 'draining' } }));
    bench.pass(LEASE_MS * 3);
    expect(bench.wanted('left')).toHaveLength(1);
  });

  test('that never joined has left at once', () => {
    const bench = new AgentBench();
    bench.step({ type: 'leave' });
    expect(bench.wanted('left')).toHaveLength(1);
  });

  test('promises nothing and takes nothing over when it has left, but answers', () => {
    const bench = new AgentBench();
    bench.step({ type: 'leave' });
    expect(bench.ask({ type: 'handover', cluster: CLUSTER, to: idOf('a'), move: 1, attempt: 1, frames: 2 })).toEqual({
      type: 'moveState',
      state: 'unknown',
    });
    expect(bench.ask({ type: 'promise', cluster: CLUSTER, from: idOf('b'), epoch: 9, durationMs: 10 })).toEqual({
      type: 'promised',
      granted: false,
    });
  });

  test('at an operator’s word does so once it has nothing, and says why it has left', () => {
    const bench = joined();
    expect(bench.heartbeats.at(-1)).toMatchObject({ leaving: false, restarts: true });
    bench.onHeartbeat = () => bench.lease({ restart: true });
    bench.pass(LEASE_MS);
    expect(bench.heartbeats.at(-1)?.leaving).toBeTrue();
    expect(bench.wanted('left')).toEqual([]);
    bench.onHeartbeat = () => bench.lease({ mayGo: true });
    bench.pass(LEASE_MS);
    expect(bench.wanted('left')).toMatchObject([{ reason: 'restart' }]);
  });

  test('at an operator’s word stays where that is taken back, and where it is not a process of its own', () => {
    const bench = joined();
    bench.onHeartbeat = () => bench.lease({ restart: true });
    bench.pass(LEASE_MS);
    bench.onHeartbeat = () => bench.lease();
    bench.pass(LEASE_MS);
    expect(bench.heartbeats.at(-1)?.leaving).toBeFalse();
    const inside = joined({ mayRestart: false });
    inside.onHeartbeat = () => inside.lease({ restart: true });
    inside.pass(LEASE_MS);
    expect(inside.heartbeats.at(-1)).toMatchObject({ leaving: false });
    expect(inside.heartbeats.at(-1)).not.toHaveProperty('restarts');
    for (const some of [bench, inside]) expect([some.wanted('left').length, some.serves(0)]).toEqual([0, true]);
  });

  test('because its process was told to has left for that, whatever an operator wants', () => {
    const bench = joined();
    bench.onHeartbeat = () => bench.lease({ restart: true });
    bench.pass(LEASE_MS);
    bench.step({ type: 'leave' });
    bench.apply(topologyOf(6, 'b', () => 'b'));
    expect(bench.wanted('left')).toMatchObject([{ reason: 'asked' }]);
  });

  test('does not go on a word that is meant for who leaves', () => {
    const bench = joined();
    bench.onHeartbeat = () => bench.lease({ mayGo: true });
    bench.pass(LEASE_MS);
    expect(bench.wanted('left')).toEqual([]);
    expect(bench.serves(0)).toBeTrue();
  });
});

/** A topology whose version is one that this code does not know. */
function futureTopology(): string {
  const bytes = Buffer.from(encodeTopology(topologyOf(6, 'ab', () => 'b')));
  bytes[3] = 9;
  // The checksum is of all bytes but its own four, from the eighth on.
  bytes.writeUInt32BE(crc32c(bytes, 12, bytes.length - 12, crc32c(bytes, 0, 8)), 8);
  return bytes.toString('base64');
}

/** Rules 1 and 6 of the cluster's contract at the node: leases, and which coordinator grants them. */
import { describe, expect, test } from 'bun:test';
import { AgentBench, idOf, LEASE_MS, topologyOf } from '../../test/support/agent-bench.ts';
import { ServingRight } from './slot-table.ts';

const ALONE = topologyOf(1, 'a', () => 'a');

/** A node that is the only one and owns everything. */
function joined(options: ConstructorParameters<typeof AgentBench>[0] = {}): AgentBench {
  const bench = new AgentBench(options);
  bench.apply(ALONE);
  expect(bench.serves(0)).toBeTrue();
  return bench;
}

describe('a lease', () => {
  test('counts from when the heartbeat was sent, less the margin', () => {
    const bench = new AgentBench();
    bench.publish(ALONE);
    bench.delayMs = 100;
    bench.pass(20);
    const sentMs = bench.nowMs;
    bench.coordinatorAnswers = false;
    bench.pass(LEASE_MS * 3);
    expect(bench.heartbeats.length).toBeGreaterThan(1);
    expect(bench.table.serveUntilMs).toBeCloseTo(sentMs + LEASE_MS * 0.95, 6);
  });

  test('is asked for each third of its time, and keeps the node serving', () => {
    const bench = joined();
    bench.heartbeats.length = 0;
    for (let second = 0; second < 30; second += 1) {
      bench.pass(1000);
      expect(bench.serves(0)).toBeTrue();
    }
    expect(bench.heartbeats.length).toBeGreaterThanOrEqual(44);
    expect(bench.heartbeats.length).toBeLessThanOrEqual(46);
    expect(bench.logged().filter((line) => line.includes('does not serve'))).toEqual([]);
  });

  test('ends by itself when the coordinator falls silent, and the node says why', () => {
    const bench = joined();
    bench.coordinatorAnswers = false;
    bench.effects = [];
    const lastMs = bench.table.serveUntilMs;
    bench.pass(LEASE_MS * 2);
    expect(bench.table.serveUntilMs).toBeLessThanOrEqual(lastMs + LEASE_MS / 3);
    expect(bench.serves(0)).toBeFalse();
    expect(bench.table.mayAnswer(bench.nowMs)).toBeFalse();
    const trouble = bench.wanted('trouble')[0]?.trouble;
    expect(trouble).toContain('no coordinator answers');
    expect(trouble).toContain('there is no other node');
    expect(bench.agent.snapshot(bench.nowMs)).toMatchObject({ state: 'fail', rightLeftMs: 0, epoch: 1, nodeCount: 1 });
    bench.coordinatorAnswers = true;
    bench.pass(1000);
    expect(bench.serves(0)).toBeTrue();
    expect(bench.agent.snapshot(bench.nowMs)).toMatchObject({
      state: 'ok',
      trouble: null,
      coordinator: 'coordinator:1',
    });
  });

  test('that is granted late gives what is left of it; one that is granted too late gives nothing', () => {
    const bench = joined();
    bench.pass(LEASE_MS);
    bench.coordinatorAnswers = false;
    bench.pass(LEASE_MS * 2);
    expect(bench.serves(0)).toBeFalse();
    bench.effects = [];
    bench.pass(LEASE_MS);
    const asked = bench.wanted('askCoordinator').find(({ request }) => request.type === 'heartbeat')!;
    const untilMs = bench.table.serveUntilMs;
    bench.step({ type: 'answered', requestId: asked.requestId, answer: bench.lease() });
    expect(bench.table.serveUntilMs).toBe(untilMs);
    expect(bench.serves(0)).toBeFalse();
  });

  test('of a doubled or unasked answer changes nothing', () => {
    const bench = joined();
    bench.effects = [];
    bench.pass(LEASE_MS);
    const { requestId } = bench.wanted('askCoordinator').find(({ request }) => request.type === 'heartbeat')!;
    const untilMs = bench.table.serveUntilMs;
    bench.nowMs += 500;
    for (const id of [requestId, requestId, 999_999, -1]) {
      bench.step({ type: 'answered', requestId: id, answer: bench.lease({ leaseMs: 60_000 }) });
    }
    expect(bench.table.serveUntilMs).toBe(untilMs);
  });

  test('answers in another order than the questions never shorten it', () => {
    const bench = joined();
    bench.delayMs = 200;
    bench.pass(LEASE_MS / 3);
    bench.step({
      type: 'moveChanged',
      report: { id: 1, role: 'source', state: 'copying', items: 0, bytes: 0, itemsTotal: 0, lag: 0 },
    });
    bench.effects = [];
    bench.delayMs = 1;
    bench.pass(LEASE_MS);
    const times = bench.wanted('serveUntil').map(({ untilMs }) => untilMs);
    expect(times).toEqual(times.toSorted((left, right) => left - right));
  });

  test('at an epoch that is not applied waits for it: some slots may be another node’s by then', () => {
    const bench = joined();
    bench.onHeartbeat = () => bench.lease({ epoch: 2 });
    bench.pass(LEASE_MS * 2);
    expect(bench.serves(0)).toBeFalse();
    bench.apply(topologyOf(2, 'ab', (slot) => (slot === 0 ? 'b' : 'a')));
    expect(bench.serves(0)).toBeFalse();
    expect(bench.serves(1)).toBeTrue();
  });

  test('a right that a topology brings comes after the slots that it takes', () => {
    const bench = joined();
    bench.onHeartbeat = () => bench.lease({ epoch: 2 });
    bench.pass(LEASE_MS);
    bench.effects = [];
    bench.apply(topologyOf(2, 'ab', () => 'b'));
    const order = bench.effects.map(({ type }) => type);
    expect(order.indexOf('slots')).toBeLessThan(order.indexOf('serveUntil'));
  });

  test('of a clock that runs 2 % slow ends before the coordinator’s that runs 2 % fast', () => {
    const nodeRate = 0.98;
    const coordinatorRate = 1.02;
    const bench = joined();
    bench.coordinatorAnswers = false;
    const [heartbeat] = bench.heartbeats.slice(-1);
    expect(heartbeat).toBeDefined();
    const lastSentMs = bench.table.serveUntilMs - LEASE_MS * 0.95;
    const realMsAtNode = (bench.table.serveUntilMs - lastSentMs) / nodeRate;
    const realMsAtCoordinator = LEASE_MS / coordinatorRate;
    expect(realMsAtNode).toBeLessThan(realMsAtCoordinator);
  });
});

test('the pace of moves is what the lease says, told once for each change', () => {
  const bench = joined();
  bench.pass(LEASE_MS * 2);
  bench.onHeartbeat = () => bench.lease({ moveBytesPerSecond: 1_000_000 });
  bench.pass(LEASE_MS * 2);
  const told = bench.wanted('setPace').map(({ bytesPerSecond }) => bytesPerSecond);
  expect(told).toEqual([Number.POSITIVE_INFINITY, 1_000_000]);
});

describe('heartbeats', () => {
  test('tell of the node and what it has applied; before it is a member, nothing of the latter', () => {
    const bench = new AgentBench();
    bench.apply(topologyOf(4, 'b', () => 'b'));
    expect(bench.heartbeats.at(-1)).toMatchObject({ epoch: 0, leaving: false, node: { id: idOf('a'), weight: 1 } });
    bench.apply(topologyOf(5, 'ab', () => 'b', { states: { a: 'joining' } }));
    bench.pass(LEASE_MS);
    expect(bench.heartbeats.at(-1)).toMatchObject({ epoch: 5, figures: { items: 1, bytes: 2, memoryBytes: 3 } });
  });

  test('go out at once when a topology was applied', () => {
    const bench = joined();
    bench.pass(LEASE_MS);
    const count = bench.heartbeats.length;
    bench.publish(topologyOf(2, 'a', () => 'a'));
    bench.pass(20);
    expect(bench.heartbeats.length).toBe(count + 1);
    expect(bench.heartbeats.at(-1)?.epoch).toBe(2);
  });

  test('are sent to the leader that another coordinator names, in the list or not', () => {
    const bench = new AgentBench({ coordinators: ['one:1', 'two:2'] });
    const asked: string[] = [];
    bench.onHeartbeat = (_request, to) => {
      asked.push(to);
      return to === 'three:3' ? bench.lease({ coordinator: to }) : { type: 'notLeader', leader: 'three:3' };
    };
    bench.topology = ALONE;
    bench.pass(LEASE_MS);
    expect(asked.slice(0, 2)).toEqual(['one:1', 'three:3']);
    expect(new Set(asked.slice(1))).toEqual(new Set(['three:3']));
  });

  test('go on to the next coordinator at once when one does not answer, and come back', () => {
    const bench = new AgentBench({ coordinators: ['one:1', 'two:2'] });
    let up = 'one:1';
    bench.onHeartbeat = (_request, to) => (to === up ? bench.lease({ coordinator: to }) : null);
    bench.apply(ALONE);
    for (const next of ['two:2', 'one:1', 'two:2']) {
      up = next;
      bench.pass(LEASE_MS * 0.94);
      expect(bench.serves(0)).toBeTrue();
      expect(bench.agent.snapshot(bench.nowMs).coordinator).toBe(next);
    }
  });

  test('do not race when all refuse: the node backs off, names the reason once, and is there when one answers', () => {
    const bench = new AgentBench({ coordinators: ['one:1', 'two:2'] });
    bench.onHeartbeat = () => ({ type: 'refused', text: 'this is the cluster "other", not "test"' });
    bench.pass(10_000);
    expect(bench.heartbeats.length).toBeLessThan(80);
    expect(bench.logged().filter((line) => line.includes('other')).length).toBeLessThan(80);
    expect(bench.table.right).toBe(ServingRight.none);
    expect(bench.agent.snapshot(bench.nowMs).trouble).toContain('this is the cluster "other"');
    bench.onHeartbeat = () => bench.lease();
    bench.apply(ALONE);
    bench.pass(1000);
    expect(bench.serves(0)).toBeTrue();
  });

  test('that coordinators answer with each other as leader end in a wait, not in a loop', () => {
    const bench = new AgentBench({ coordinators: ['one:1', 'two:2'] });
    bench.onHeartbeat = (_request, to) => ({ type: 'notLeader', leader: to === 'one:1' ? 'two:2' : 'one:1' });
    bench.pass(10_000);
    expect(bench.heartbeats.length).toBeLessThan(400);
  });

  test('that are refused by the connection are tried again soon, ever more slowly', () => {
    const bench = new AgentBench();
    bench.coordinatorAnswers = false;
    let refused = 0;
    for (let tick = 0; tick < 500; tick += 1) {
      bench.effects = [];
      bench.pass(20);
      for (const { requestId } of bench.wanted('askCoordinator')) {
        refused += 1;
        bench.step({ type: 'unanswered', requestId, reason: 'connection refused' });
      }
    }
    expect(refused).toBeGreaterThan(20);
    expect(refused).toBeLessThan(150);
    expect(bench.agent.snapshot(bench.nowMs).trouble).toContain('connection refused');
  });
});

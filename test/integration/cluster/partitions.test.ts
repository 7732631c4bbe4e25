/**
 * Real network faults: nodes on hosts of their own, links cut in one direction, in both, and again and again. Whatever is cut, no key ever shows an old
 * value, a node that is alone serves nothing once others may, and after the cut all is served again; with replicas, all that one of them had confirmed.
 */
import { expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seededRandom } from '../../../src/base/random.ts';
import { CoordinatorConnection } from '../../../src/cli/cluster/coordinator-connection.ts';
import { ShoalClient } from '../../../src/client/client.ts';
import type { Status } from '../../../src/protocol/cluster/messages.ts';
import { type CheckedClient, CheckedLoad } from '../../support/checked-load.ts';
import { LocalWriter } from '../../support/local-writer.ts';
import { Namespaces, namespacesMissing } from '../../support/namespaces.ts';
import { REPOSITORY_ROOT, ShoalProcess } from '../../support/shoal-process.ts';

const HOST_COUNT = 3;
const LEASE_MS = 1000;
const WAIT_MS_MAX = 20_000;
const ASK_AGAIN_MS = 20;
const PORT = 7600;
const COORDINATOR_PORT = 7500;

/** A coordinator and a client on this host, a node on each of the others. */
class SpreadCluster implements AsyncDisposable {
  readonly hosts = new Namespaces(HOST_COUNT);
  readonly operator: CoordinatorConnection;
  private readonly processes: ShoalProcess[] = [];
  private readonly directory = mkdtempSync(join(tmpdir(), 'shoal-partitions-'));
  private readonly replicas: number;

  constructor(replicas: number) {
    this.replicas = replicas;
    const address = this.hosts.address(0);
    this.operator = new CoordinatorConnection({
      address: `${address}:${COORDINATOR_PORT}`,
      password: '',
      cluster: 'shoal',
    });
    const coordinator = ['--host', address, '--state', `file:${this.directory}`, '--lease', `${LEASE_MS}ms`];
    this.processes.push(new ShoalProcess(['coordinator', ...coordinator, '--replicas', String(replicas)]));
    for (let host = 1; host <= HOST_COUNT; host += 1) {
      const [program, ...words] = [...this.hosts.prefix(host), join(REPOSITORY_ROOT, 'bin', 'shoal')];
      const options = ['--host', this.hosts.address(host), '--threads', '1', '--memory', '64mb'];
      const serve = ['serve', ...options, '--coordinator', `${address}:${COORDINATOR_PORT}`];
      this.processes.push(new ShoalProcess([...words, ...serve], { program }));
    }
  }

  get nodes(): readonly string[] {
    return Array.from({ length: HOST_COUNT }, (_, index) => `${this.hosts.address(index + 1)}:${PORT}`);
  }

  /** What the node on `host` has logged. */
  logOf(host: number): string {
    return this.processes[host]!.error;
  }

  writerOn(host: number): LocalWriter {
    return new LocalWriter(this.hosts.prefix(host), this.nodes[host - 1]!);
  }

  async until(isSo: (status: Status) => boolean): Promise<void> {
    const untilMs = performance.now() + WAIT_MS_MAX;
    for (;;) {
      const status = await this.operator.status().catch(() => null);
      if (status !== null && isSo(status)) return;
      if (performance.now() > untilMs) throw new Error(`it does not come to that: ${JSON.stringify(status)}`);
      await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
    }
  }

  /** All nodes have slots, and whole copies of others' where that is wanted. */
  whole(): Promise<void> {
    return this.until(
      ({ nodes, unassigned, moves, plannedSlots, missingCopies }) =>
        nodes.filter(({ state }) => state === 'active').length === HOST_COUNT &&
        unassigned + moves.length + plannedSlots + missingCopies === 0 &&
        nodes.every(({ replicaSlots }) => replicaSlots > 0 === this.replicas > 0),
    );
  }

  /** One node is given up, and the others have all slots. */
  withoutOne(): Promise<void> {
    return this.until(({ nodes, unassigned }) => nodes.length === HOST_COUNT - 1 && unassigned === 0);
  }

  /** The host comes and goes. */
  async flap(host: number): Promise<void> {
    for (let round = 0; round < 5; round += 1) {
      this.hosts.plug(host, false);
      await new Promise((resolve) => setTimeout(resolve, 150));
      this.hosts.plug(host, true);
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.operator.close();
    for (const shoal of this.processes) await shoal[Symbol.asyncDispose]();
    this.hosts[Symbol.dispose]();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** `acks`: by so many replicas each write is confirmed before it counts as done. */
async function loadOf(cluster: SpreadCluster, acks: number): Promise<{ client: CheckedClient; load: CheckedLoad }> {
  const client = await checkedClient(cluster.nodes, acks);
  const load = new CheckedLoad(client, {
    prefix: 'key',
    keyCount: 300,
    valueBytes: 20,
    readShare: 0.5,
    operationsPerSecond: 500,
    random01: seededRandom(1),
  });
  await load.fill(20);
  load.start();
  return { client, load };
}

async function checkedClient(nodes: readonly string[], acks: number): Promise<CheckedClient> {
  const client = await ShoalClient.connect<string>({ nodes: [...nodes], requestTimeoutMs: 500 });
  const options = acks === 0 ? {} : { ack: { replicas: acks, timeoutMs: 400 } };
  return {
    name: 'shoal',
    get: async (key) => (await client.get(key)) ?? null,
    set: async (key, value) => {
      await client.set(key, value, options);
    },
    close: () => client.close(),
  };
}

const missing = process.env['SHOAL_TEST_TRANSPORT'] === undefined ? namespacesMissing() : 'once is enough';
if (missing !== null) console.log(`skipped: tests of network partitions; ${missing}`);

test.skipIf(missing !== null)(
  'cuts of the network lose no more than they must, and nothing old comes back',
  async () => {
    await using cluster = new SpreadCluster(0);
    const { hosts } = cluster;
    await cluster.whole();
    const { client, load } = await loadOf(cluster, 0);

    // Host 1 cannot tell the coordinator that it lives, though it hears it: its slots are given away.
    hosts.cut(1, 0);
    await cluster.withoutOne();
    hosts.mend(1, 0);
    await cluster.whole();

    // Host 2 hears nobody and reaches nobody.
    hosts.plug(2, false);
    await cluster.withoutOne();
    hosts.plug(2, true);
    await cluster.whole();

    await cluster.flap(3);
    await cluster.whole();
    await load.stop();

    expect(load.counts.stale).toBe(0);
    expect(load.counts.reads + load.counts.writes).toBeGreaterThan(500);
    // All of it is served again.
    await load.fill(20);
    const before = load.counts.lost;
    await load.verifyAll(client, 20);
    expect(load.counts.lost).toBe(before);
    expect(load.counts.stale).toBe(0);
    await client.close();
  },
  90_000,
);

test.skipIf(missing !== null)(
  'with replicas, cuts of the network lose nothing that one of them had, and who was cut off is a replica again',
  async () => {
    await using cluster = new SpreadCluster(1);
    const { hosts } = cluster;
    await cluster.whole();
    const { client, load } = await loadOf(cluster, 1);

    {
      // The other nodes promise until they hear that host 1 was removed, and keep their word: its slots wait for that long.
      await using writer = cluster.writerOn(1);
      await writer.until(({ doneCount }) => doneCount > 0, WAIT_MS_MAX);
      hosts.cut(1, 0);
      const cutMs = performance.now();
      await cluster.withoutOne();
      await writer.until(({ refusedCount }) => refusedCount > 0, WAIT_MS_MAX);
      expect(writer.lastDoneMs - cutMs).toBeLessThan(2.5 * LEASE_MS);
      hosts.mend(1, 0);
      await cluster.whole();
      expect(cluster.logOf(1)).toContain('was removed from the cluster');
    }
    {
      await using writer = cluster.writerOn(2);
      await writer.until(({ doneCount }) => doneCount > 0, WAIT_MS_MAX);
      hosts.plug(2, false);
      const cutMs = performance.now();
      await cluster.withoutOne();
      await writer.until(({ refusedCount }) => refusedCount > 0, WAIT_MS_MAX);
      // What a node alone did before its lease ran out, no replica can have.
      expect(writer.lastDoneMs - cutMs).toBeGreaterThan(0);
      expect(writer.lastDoneMs - cutMs).toBeLessThan(1.5 * LEASE_MS);
      await load.stop();
      const { error } = load.counts;
      await load.verifyAll(client, 20);
      expect([load.counts.error, load.counts.lost]).toEqual([error, 0]);
      load.start();
      hosts.plug(2, true);
      await cluster.whole();
      expect(cluster.logOf(2)).toMatch(/of which [1-9]\d* changes were on no other node, and joins anew/);
    }
    await cluster.flap(3);
    await cluster.whole();
    await load.stop();

    await load.verifyAll(client, 20);
    expect([load.counts.lost, load.counts.stale]).toEqual([0, 0]);
    expect(load.counts.reads + load.counts.writes).toBeGreaterThan(500);
    await client.close();
  },
  90_000,
);

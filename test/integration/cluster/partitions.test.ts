/**
 * Real network faults: nodes on hosts of their own, links cut in one direction, in both, and again and again. Whatever is cut, no key ever shows an old
 * value, a node that is alone serves nothing once others may, and after the cut all is served again.
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
import { Namespaces, namespacesMissing } from '../../support/namespaces.ts';
import { REPOSITORY_ROOT, ShoalProcess } from '../../support/shoal-process.ts';

const HOST_COUNT = 3;
const LEASE = '1s';
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

  constructor() {
    const address = this.hosts.address(0);
    this.operator = new CoordinatorConnection({
      address: `${address}:${COORDINATOR_PORT}`,
      password: '',
      cluster: 'shoal',
    });
    const coordinator = ['--host', address, '--state', `file:${this.directory}`, '--lease', LEASE];
    this.processes.push(new ShoalProcess(['coordinator', ...coordinator]));
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

  async until(isSo: (status: Status) => boolean): Promise<void> {
    const untilMs = performance.now() + WAIT_MS_MAX;
    for (;;) {
      const status = await this.operator.status().catch(() => null);
      if (status !== null && isSo(status)) return;
      if (performance.now() > untilMs) throw new Error(`it does not come to that: ${JSON.stringify(status)}`);
      await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
    }
  }

  whole(): Promise<void> {
    return this.until(
      ({ nodes, unassigned, moves }) =>
        nodes.filter(({ state }) => state === 'active').length === HOST_COUNT && unassigned === 0 && moves.length === 0,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.operator.close();
    for (const shoal of this.processes) await shoal[Symbol.asyncDispose]();
    this.hosts[Symbol.dispose]();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

async function checkedClient(nodes: readonly string[]): Promise<CheckedClient> {
  const client = await ShoalClient.connect<string>({ nodes: [...nodes], requestTimeoutMs: 500 });
  return {
    name: 'shoal',
    get: async (key) => (await client.get(key)) ?? null,
    set: async (key, value) => {
      await client.set(key, value);
    },
    close: () => client.close(),
  };
}

const missing = process.env['SHOAL_TEST_TRANSPORT'] === undefined ? namespacesMissing() : 'once is enough';
if (missing !== null) console.log(`skipped: tests of network partitions; ${missing}`);

test.skipIf(missing !== null)(
  'cuts of the network lose no more than they must, and nothing old comes back',
  async () => {
    await using cluster = new SpreadCluster();
    const { hosts } = cluster;
    await cluster.whole();
    const client = await checkedClient(cluster.nodes);
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

    // Host 1 cannot tell the coordinator that it lives, though it hears it: its slots are given away.
    hosts.cut(1, 0);
    await cluster.until(({ nodes, unassigned }) => nodes.length === HOST_COUNT - 1 && unassigned === 0);
    hosts.mend(1, 0);
    await cluster.whole();

    // Host 2 hears nobody and reaches nobody.
    hosts.plug(2, false);
    await cluster.until(({ nodes, unassigned }) => nodes.length === HOST_COUNT - 1 && unassigned === 0);
    hosts.plug(2, true);
    await cluster.whole();

    // Host 3 comes and goes.
    for (let round = 0; round < 5; round += 1) {
      hosts.plug(3, false);
      await new Promise((resolve) => setTimeout(resolve, 150));
      hosts.plug(3, true);
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
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

/**
 * A real cluster in this process: a coordinator that keeps its state in a temporary folder, and nodes that joined it; all of it gone with
 * `await using`. The lease is shorter than by default, so that tests of what happens after it need not wait long.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CoordinatorConnection } from '../../src/cli/cluster/coordinator-connection.ts';
import type { ClusterOptions } from '../../src/config/node-options.ts';
import { defaultOptions } from '../../src/config/options.ts';
import { type RunningCoordinator, startCoordinator } from '../../src/coordinator/start-coordinator.ts';
import { openStateStore } from '../../src/coordinator/state/open-state-store.ts';
import type { Status } from '../../src/protocol/cluster/messages.ts';
import type { RunningNode } from '../../src/server/running-node.ts';
import { startNode } from './node.ts';

export const TEST_CLUSTER = 'test';
const LEASE_MS = 1500;
const WAIT_MS_MAX = 20_000;
const ASK_AGAIN_MS = 10;

export interface TestClusterOptions {
  readonly nodes: number;
  readonly password?: string;
  readonly memoryBytes?: number;
  readonly redirect?: ClusterOptions['redirect'];
  readonly slotsPerMove?: number;
  readonly moveBytesPerSecond?: number;
  readonly replicas?: number;
  readonly dataWaitMs?: number;
}

export class TestCluster implements AsyncDisposable {
  readonly nodes: RunningNode[] = [];
  readonly directory: string;
  coordinator: RunningCoordinator;
  operator: CoordinatorConnection;
  private readonly options: TestClusterOptions;

  private constructor(options: TestClusterOptions, directory: string, coordinator: RunningCoordinator) {
    this.options = options;
    this.directory = directory;
    this.coordinator = coordinator;
    this.operator = this.connect();
  }

  /** Resolves once all nodes are active and every slot has one of them. */
  static async start(options: TestClusterOptions): Promise<TestCluster> {
    const directory = mkdtempSync(join(tmpdir(), 'shoal-test-cluster-'));
    const cluster = new TestCluster(options, directory, await startTestCoordinator(options, directory, 0));
    try {
      await Promise.all(Array.from({ length: options.nodes }, () => cluster.addNode()));
      await cluster.settled();
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
    return cluster;
  }

  get ports(): readonly number[] {
    return this.nodes.map(({ port }) => port);
  }

  get coordinatorAddress(): string {
    return `127.0.0.1:${this.coordinator.port}`;
  }

  /** Starts one more node; it joins by itself. */
  async addNode(cluster: Partial<ClusterOptions> = {}): Promise<RunningNode> {
    const { password = '', memoryBytes = 32 * 1024 * 1024, redirect = 'auto' } = this.options;
    const node = await startNode({
      password,
      memoryBytes,
      cluster: {
        ...defaultOptions().cluster,
        coordinators: this.coordinatorAddress,
        name: TEST_CLUSTER,
        redirect,
        ...cluster,
      },
    });
    this.nodes.push(node);
    return node;
  }

  /** Stops a node without a word to anybody, as if its process were killed. */
  async killNode(node: RunningNode): Promise<void> {
    this.nodes.splice(this.nodes.indexOf(node), 1);
    await node.stop();
  }

  /** The id under which the coordinator knows `node`. */
  async idOf(node: RunningNode): Promise<string> {
    const { nodes } = await this.operator.status();
    return nodes.find(({ port }) => port === node.port)!.id;
  }

  /** Waits until `activeCount` nodes, by default all, share all slots and nothing moves. */
  settled(activeCount: number = this.nodes.length): Promise<Status> {
    return this.until(
      ({ nodes, unassigned, moves, plannedSlots }) =>
        nodes.filter(({ state }) => state === 'active').length === activeCount &&
        unassigned === 0 &&
        moves.length === 0 &&
        plannedSlots === 0,
    );
  }

  /** Waits until `isSo`; rejects with the last status where that takes too long. */
  async until(isSo: (status: Status) => boolean): Promise<Status> {
    const untilMs = performance.now() + WAIT_MS_MAX;
    for (;;) {
      const status = await this.operator.status().catch(() => null);
      if (status !== null && isSo(status)) return status;
      if (performance.now() > untilMs) throw new Error(`it does not come to that: ${JSON.stringify(status)}`);
      await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
    }
  }

  async stopCoordinator(): Promise<void> {
    this.operator.close();
    await this.coordinator.stop();
  }

  /** Starts a coordinator again where the stopped one was, with its state. */
  async restartCoordinator(): Promise<void> {
    this.coordinator = await startTestCoordinator(this.options, this.directory, this.coordinator.port);
    this.operator = this.connect();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.operator.close();
    await Promise.all(this.nodes.map((node) => node.stop()));
    await this.coordinator.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }

  private connect(): CoordinatorConnection {
    const { password = '' } = this.options;
    return new CoordinatorConnection({ address: this.coordinatorAddress, password, cluster: TEST_CLUSTER });
  }
}

function startTestCoordinator(
  options: TestClusterOptions,
  directory: string,
  port: number,
): Promise<RunningCoordinator> {
  const { password = '', slotsPerMove = 256, moveBytesPerSecond = 0, replicas = 0, dataWaitMs = 0 } = options;
  return startCoordinator(
    {
      cluster: TEST_CLUSTER,
      host: '127.0.0.1',
      port,
      announce: '',
      password,
      leaseMs: LEASE_MS,
      slotsPerMove,
      concurrentMoves: 4,
      moveBytesPerSecond,
      replicas,
      dataWaitMs,
    },
    {
      store: openStateStore(`file:${directory}`),
      log: (level, message) => {
        if (level === 'error') process.stderr.write(`coordinator: ${message}\n`);
      },
    },
  );
}

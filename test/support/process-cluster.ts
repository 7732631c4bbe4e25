/** A cluster of processes: a coordinator with its state in a temporary folder, and nodes that can be killed. All of it gone with `await using`. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CoordinatorConnection } from '../../src/cli/cluster/coordinator-connection.ts';
import type { Status } from '../../src/protocol/cluster/messages.ts';
import { ShoalProcess } from './shoal-process.ts';

const WAIT_MS_MAX = 30_000;
const ASK_AGAIN_MS = 20;

export interface ProcessClusterOptions {
  readonly nodes: number;
  readonly replicas: number;
  /** Of each node, beside what makes it one of the cluster. */
  readonly flags?: readonly string[];
  /** Whether each node keeps its data, in a folder of its own. */
  readonly keepsData?: boolean;
  /** Of the coordinator. */
  readonly dataWait?: string;
}

export interface ProcessNode {
  readonly process: ShoalProcess;
  readonly port: number;
  /** Its number, by which it has its folder. */
  readonly number: number;
}

export class ProcessCluster implements AsyncDisposable {
  readonly nodes: ProcessNode[] = [];
  coordinatorAddress = '';
  private readonly options: ProcessClusterOptions;
  private readonly folder: string;
  private coordinator: ShoalProcess;
  private nodeCount = 0;
  private operator: CoordinatorConnection | null = null;

  private constructor(options: ProcessClusterOptions) {
    this.options = options;
    this.folder = mkdtempSync(join(tmpdir(), 'shoal-test-processes-'));
    this.coordinator = this.newCoordinator(0);
  }

  private newCoordinator(port: number): ShoalProcess {
    const { replicas, dataWait = '1m' } = this.options;
    const state = ['--state', `file:${this.folder}`, '--lease', '1s', '--slots-per-move', '1024'];
    const flags = ['--port', String(port), '--replicas', String(replicas), '--data-wait', dataWait];
    return new ShoalProcess(['coordinator', ...state, ...flags]);
  }

  /** Resolves once all nodes are active, every slot has one of them, and all copies are there. */
  static async start(options: ProcessClusterOptions): Promise<ProcessCluster> {
    const cluster = new ProcessCluster(options);
    try {
      await cluster.startAll();
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
    return cluster;
  }

  get ports(): readonly number[] {
    return this.nodes.map(({ port }) => port);
  }

  addNode(): Promise<ProcessNode> {
    this.nodeCount += 1;
    return this.startNode(this.nodeCount, 0);
  }

  /** Starts a node again that was killed, at its port and with its folder. */
  startAgain({ number, port }: ProcessNode): Promise<ProcessNode> {
    return this.startNode(number, port);
  }

  private async startNode(number: number, port: number): Promise<ProcessNode> {
    const { flags: own = [], keepsData = false } = this.options;
    const flags = ['--port', String(port), '--threads', '1', '--memory', '64mb', '--leave', 'at-once'];
    const data = keepsData ? ['--data-dir', join(this.folder, `node-${number}`)] : [];
    const process = new ShoalProcess(['serve', ...flags, '--coordinator', this.coordinatorAddress, ...data, ...own]);
    const node = { process, port: await process.ready(), number };
    this.nodes.push(node);
    return node;
  }

  /** kill -9 of all nodes and the coordinator, at once; then starts all of them again. Resolves once all slots are served. */
  async cutPower(): Promise<void> {
    const nodes = this.nodes.splice(0);
    const processes = [...nodes.map(({ process }) => process), this.coordinator];
    for (const process of processes) process.kill('SIGKILL');
    await Promise.all(processes.map((process) => process.exit()));
    this.coordinator = this.newCoordinator(Number(this.coordinatorAddress.split(':')[1]));
    await this.coordinator.printed('  cluster ');
    await Promise.all(nodes.map((node) => this.startAgain(node)));
    await this.until(
      (status) =>
        status.nodes.length > 0 && status.nodes.every(({ silentMs }) => silentMs >= 0) && status.unassigned === 0,
    );
  }

  /** kill -9. */
  async killNode(node: ProcessNode): Promise<void> {
    this.nodes.splice(this.nodes.indexOf(node), 1);
    node.process.kill('SIGKILL');
    await node.process.exit();
  }

  /** SIGTERM: the node ends in order, with what it has. */
  async stopNode(node: ProcessNode): Promise<void> {
    this.nodes.splice(this.nodes.indexOf(node), 1);
    node.process.kill('SIGTERM');
    await node.process.exit();
  }

  /** Waits until all living nodes share all slots, and every copy is there that these have room for. */
  settled(): Promise<Status> {
    return this.until(
      ({ nodes, unassigned, moves, plannedSlots, missingCopies }) =>
        nodes.filter(({ state }) => state === 'active').length === this.nodes.length &&
        nodes.length === this.nodes.length &&
        // A coordinator that has just begun takes those for alive of whom it has not heard yet.
        nodes.every(({ silentMs }) => silentMs >= 0) &&
        unassigned + moves.length + plannedSlots + missingCopies === 0,
    );
  }

  /** Waits until `isSo`; rejects with the last status where that takes too long. */
  async until(isSo: (status: Status) => boolean): Promise<Status> {
    const untilMs = performance.now() + WAIT_MS_MAX;
    for (;;) {
      const status = await this.operator!.status().catch(() => null);
      if (status !== null && isSo(status)) return status;
      if (performance.now() > untilMs) throw new Error(`it does not come to that: ${JSON.stringify(status)}`);
      await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.operator?.close();
    for (const { process } of this.nodes) await process[Symbol.asyncDispose]();
    await this.coordinator[Symbol.asyncDispose]();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async startAll(): Promise<void> {
    await this.coordinator.printed('  cluster ');
    this.coordinatorAddress = `127.0.0.1:${/ ready on \S+:(\d+)/.exec(this.coordinator.out)![1]}`;
    this.operator = new CoordinatorConnection({ address: this.coordinatorAddress, password: '', cluster: 'shoal' });
    await Promise.all(Array.from({ length: this.options.nodes }, () => this.addNode()));
    await this.settled();
  }
}

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
}

export interface ProcessNode {
  readonly process: ShoalProcess;
  readonly port: number;
}

export class ProcessCluster implements AsyncDisposable {
  readonly nodes: ProcessNode[] = [];
  coordinatorAddress = '';
  private readonly options: ProcessClusterOptions;
  private readonly folder: string;
  private readonly coordinator: ShoalProcess;
  private operator: CoordinatorConnection | null = null;

  private constructor(options: ProcessClusterOptions) {
    this.options = options;
    this.folder = mkdtempSync(join(tmpdir(), 'shoal-test-processes-'));
    const flags = ['--port', '0', '--state', `file:${this.folder}`, '--lease', '1s', '--slots-per-move', '1024'];
    this.coordinator = new ShoalProcess(['coordinator', ...flags, '--replicas', String(options.replicas)]);
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

  async addNode(): Promise<ProcessNode> {
    const flags = ['--port', '0', '--threads', '1', '--memory', '64mb', '--leave', 'at-once'];
    const own = this.options.flags ?? [];
    const process = new ShoalProcess(['serve', ...flags, '--coordinator', this.coordinatorAddress, ...own]);
    const node = { process, port: await process.ready() };
    this.nodes.push(node);
    return node;
  }

  /** kill -9. */
  async killNode(node: ProcessNode): Promise<void> {
    this.nodes.splice(this.nodes.indexOf(node), 1);
    node.process.kill('SIGKILL');
    await node.process.exit();
  }

  /** Waits until all living nodes share all slots, and every copy is there that these have room for. */
  settled(): Promise<Status> {
    return this.until(
      ({ nodes, unassigned, moves, plannedSlots, missingCopies }) =>
        nodes.filter(({ state }) => state === 'active').length === this.nodes.length &&
        nodes.length === this.nodes.length &&
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

/** A real coordinator for tests of the command line, and nodes that only send heartbeats: they apply whatever they are told, and have nothing to move. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CommandContext } from '../../src/cli/command.ts';
import { CoordinatorConnection } from '../../src/cli/cluster/coordinator-connection.ts';
import type { StopSignal } from '../../src/cli/exit-codes.ts';
import { FrameLink } from '../../src/control/frame-link.ts';
import { type RunningCoordinator, startCoordinator } from '../../src/coordinator/start-coordinator.ts';
import { FileStateStore } from '../../src/coordinator/state/file-state-store.ts';
import { decodeCoordinatorAnswer } from '../../src/protocol/cluster/message-reader.ts';
import { encodeMessage, type Status } from '../../src/protocol/cluster/messages.ts';
import { Opcode } from '../../src/protocol/shoal/frame.ts';
import { heartbeatOf } from './heartbeat.ts';

const CLUSTER = 'heartbeats';
const LEASE_MS = 250;
const ASK_AGAIN_MS = 5;

/** A command's context, and what it wrote. */
export interface TestContext extends CommandContext {
  out: string;
  error: string;
  /** As if the process got it. */
  readonly signal: (signal: StopSignal) => void;
}

export class HeartbeatCluster implements AsyncDisposable {
  readonly connection: CoordinatorConnection;
  readonly address: string;
  private readonly running: RunningCoordinator;
  private readonly path: string;
  private readonly nodes: HeartbeatNode[] = [];

  private constructor(running: RunningCoordinator, path: string) {
    this.running = running;
    this.path = path;
    this.address = `127.0.0.1:${running.port}`;
    this.connection = new CoordinatorConnection({ address: this.address, password: '', cluster: CLUSTER });
  }

  static async start(): Promise<HeartbeatCluster> {
    const path = mkdtempSync(join(tmpdir(), 'shoal-heartbeats-'));
    const running = await startCoordinator(
      {
        cluster: CLUSTER,
        host: '127.0.0.1',
        port: 0,
        announce: '',
        password: '',
        leaseMs: LEASE_MS,
        slotsPerMove: 64,
        concurrentMoves: 4,
        moveBytesPerSecond: 0,
        replicas: 0,
        dataWaitMs: 0,
      },
      { store: new FileStateStore(path), log: () => undefined },
    );
    return new HeartbeatCluster(running, path);
  }

  /** A node whose id is `digit`, forty times. */
  addNode(digit: string, port: number): HeartbeatNode {
    const node = new HeartbeatNode(this.running.port, digit, port);
    this.nodes.push(node);
    return node;
  }

  async until(isSo: (status: Status) => boolean): Promise<Status> {
    for (;;) {
      const status = await this.connection.status().catch(() => null);
      if (status !== null && isSo(status)) return status;
      await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
    }
  }

  context(): TestContext {
    const listeners = new Map<StopSignal, () => void>();
    const context = {
      out: '',
      error: '',
      environment: { SHOAL_COORDINATOR: this.address, SHOAL_CLUSTER: CLUSTER },
      errorTerminal: null,
      writeOut: (text: string) => {
        context.out += text;
      },
      writeError: (text: string) => {
        context.error += text;
      },
      nowMs: () => performance.now(),
      onSignal: (signal: StopSignal, listener: () => void) => listeners.set(signal, listener),
      signal: (signal: StopSignal) => listeners.get(signal)?.(),
    };
    // What an operator's command touches of it.
    return context as unknown as TestContext;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of this.nodes) node.stop();
    this.connection.close();
    await this.running.stop();
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** Applies whatever it is told, until it is stopped. */
export class HeartbeatNode {
  private readonly link: FrameLink;
  private readonly digit: string;
  private readonly port: number;
  private epoch = 0;
  private isStopped = false;

  constructor(coordinatorPort: number, digit: string, port: number) {
    this.digit = digit;
    this.port = port;
    this.link = new FrameLink({ host: '127.0.0.1', port: coordinatorPort, password: '', name: 'test' });
    this.beat();
  }

  stop(): void {
    this.isStopped = true;
    this.link.close();
  }

  private beat(): void {
    if (this.isStopped) return;
    const { digit, port, epoch } = this;
    const value = encodeMessage({ ...heartbeatOf({ cluster: CLUSTER, digit, epoch, port }), restarts: true });
    this.link.send(Opcode.control, value, {
      answered: (bytes) => {
        const answer = decodeCoordinatorAnswer(bytes);
        if (answer.type === 'lease') this.epoch = answer.epoch;
        setTimeout(() => this.beat(), ASK_AGAIN_MS);
      },
      failed: () => undefined,
    });
  }
}

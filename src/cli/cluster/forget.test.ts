/** `shoal cluster forget`, `cancel` and what `status` says of removed nodes, with a real coordinator and nodes that only send heartbeats. */
import { afterEach, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { failureOf } from '../../../test/support/failure-of.ts';
import { heartbeatOf } from '../../../test/support/heartbeat.ts';
import { FrameLink } from '../../control/frame-link.ts';
import { startCoordinator } from '../../coordinator/start-coordinator.ts';
import { FileStateStore } from '../../coordinator/state/file-state-store.ts';
import { decodeCoordinatorAnswer } from '../../protocol/cluster/message-reader.ts';
import { encodeMessage, type Status } from '../../protocol/cluster/messages.ts';
import { Opcode } from '../../protocol/shoal/frame.ts';
import type { CommandContext } from '../command.ts';
import { CoordinatorConnection } from './coordinator-connection.ts';
import { cancelCommand, forgetCommand } from './forget.ts';
import { statusText } from './status.ts';

const CLUSTER = 'forgetful';
const LEASE_MS = 250;
const ASK_AGAIN_MS = 5;
const cleanUp: (() => unknown)[] = [];

afterEach(async () => {
  for (const clean of cleanUp.splice(0).toReversed()) await clean();
});

async function started(): Promise<{ port: number; connection: CoordinatorConnection }> {
  const path = mkdtempSync(join(tmpdir(), 'shoal-forget-'));
  cleanUp.push(() => rmSync(path, { recursive: true, force: true }));
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
    },
    { store: new FileStateStore(path), log: () => undefined },
  );
  cleanUp.push(() => running.stop());
  const { port } = running;
  const connection = new CoordinatorConnection({ address: `127.0.0.1:${port}`, password: '', cluster: CLUSTER });
  cleanUp.push(() => connection.close());
  return { port, connection };
}

/** A node that applies whatever it is told, until it is stopped. */
class HeartbeatNode {
  private readonly link: FrameLink;
  private readonly digit: string;
  private readonly port: number;
  private epoch = 0;
  private isStopped = false;

  constructor(coordinatorPort: number, digit: string, port: number) {
    this.digit = digit;
    this.port = port;
    this.link = new FrameLink({ host: '127.0.0.1', port: coordinatorPort, password: '', name: 'test' });
    cleanUp.push(() => this.stop());
    this.beat();
  }

  stop(): void {
    this.isStopped = true;
    this.link.close();
  }

  private beat(): void {
    if (this.isStopped) return;
    const { digit, port, epoch } = this;
    const value = encodeMessage(heartbeatOf({ cluster: CLUSTER, digit, epoch, port }));
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

async function until(connection: CoordinatorConnection, isSo: (status: Status) => boolean): Promise<Status> {
  for (;;) {
    const status = await connection.status().catch(() => null);
    if (status !== null && isSo(status)) return status;
    await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
  }
}

function contextFor(port: number): CommandContext & { out: string } {
  const context = {
    out: '',
    environment: { SHOAL_COORDINATOR: `127.0.0.1:${port}`, SHOAL_CLUSTER: CLUSTER },
    writeOut: (text: string) => {
      context.out += text;
    },
    writeError: () => undefined,
  };
  // What an operator's command touches of it.
  return context as unknown as CommandContext & { out: string };
}

test('a cluster that was lost at once waits, says why, and goes on when the operator says so', async () => {
  const { port, connection } = await started();
  const lost = [new HeartbeatNode(port, 'a', 7001), new HeartbeatNode(port, 'b', 7011)];
  await until(connection, ({ nodes, unassigned }) => nodes.length === 2 && unassigned === 0);
  for (const node of lost) node.stop();
  const status = await until(connection, ({ nodes }) => nodes.length === 0);
  expect(status.departed.map(({ port: departedPort }) => departedPort)).toEqual([7001, 7011]);
  expect(statusText(status)).toContain(
    'removed, and perhaps still serving: aaaaaaaa (127.0.0.1:7001), bbbbbbbb (127.0.0.1:7011)',
  );
  const late = new HeartbeatNode(port, 'c', 7021);
  await until(connection, ({ nodes }) => nodes.length === 1);

  const context = contextFor(port);
  expect(await failureOf(forgetCommand.run(['c'], context))).toMatchObject({ code: 'InvalidArgument' });
  expect((await connection.status()).nodes).toMatchObject([{ state: 'joining' }]);
  expect(await forgetCommand.run(['127.0.0.1:7001'], context)).toBe(0);
  expect(context.out).toBe('127.0.0.1:7001 is forgotten\n');
  const after = await until(connection, ({ unassigned }) => unassigned === 0);
  expect(after).toMatchObject({ nodes: [{ state: 'active', slots: 16_384 }], departed: [] });
  expect(statusText(after)).not.toContain('removed');
  late.stop();
});

test('cancel stops what moves until limits says otherwise', async () => {
  const { port, connection } = await started();
  const context = contextFor(port);
  await until(connection, () => true);
  expect(await cancelCommand.run([], context)).toBe(0);
  expect(await connection.status()).toMatchObject({ concurrentMoves: 0 });
  await connection.limits(2, null, null);
  expect(await connection.status()).toMatchObject({ concurrentMoves: 2 });
  expect(await failureOf(cancelCommand.run(['now'], context))).toMatchObject({ code: 'InvalidOption' });
});

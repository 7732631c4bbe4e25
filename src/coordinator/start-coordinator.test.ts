/** A coordinator as it runs: sockets, frames, a state in a folder, and what is left when it has stopped. */
import { afterEach, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { failureOf } from '../../test/support/failure-of.ts';
import { heartbeatOf } from '../../test/support/heartbeat.ts';
import { TcpPeer } from '../../test/support/tcp-peer.ts';
import { FrameLink } from '../control/frame-link.ts';
import { requestFrame } from '../control/frames.ts';
import { decodeCoordinatorAnswer } from '../protocol/cluster/message-reader.ts';
import { type CoordinatorAnswer, type CoordinatorRequest, encodeMessage } from '../protocol/cluster/messages.ts';
import { Opcode } from '../protocol/shoal/frame.ts';
import { decodeTopology } from '../topology/encoding.ts';
import { type CoordinatorSettings, type RunningCoordinator, startCoordinator } from './start-coordinator.ts';
import { FileStateStore } from './state/file-state-store.ts';

const CLUSTER = 'shell';
const cleanUp: (() => unknown)[] = [];

afterEach(async () => {
  for (const clean of cleanUp.splice(0).toReversed()) await clean();
});

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'shoal-coordinator-'));
  cleanUp.push(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

interface Started extends RunningCoordinator {
  readonly logs: string[];
}

async function start(path: string, settings: Partial<CoordinatorSettings> = {}): Promise<Started> {
  const logs: string[] = [];
  const running = await startCoordinator(
    {
      cluster: CLUSTER,
      host: '127.0.0.1',
      port: 0,
      announce: '',
      password: '',
      leaseMs: 2000,
      slotsPerMove: 64,
      concurrentMoves: 4,
      moveBytesPerSecond: 0,
      replicas: 0,
      dataWaitMs: 0,
      ...settings,
    },
    { store: new FileStateStore(path), log: (level, message) => logs.push(`${level}: ${message}`) },
  );
  cleanUp.push(() => running.stop());
  return { ...running, logs };
}

function linkTo(port: number, password = ''): FrameLink {
  const link = new FrameLink({ host: '127.0.0.1', port, password, name: 'test' });
  cleanUp.push(() => link.close());
  return link;
}

function send(link: FrameLink, value: Uint8Array, opcode: number = Opcode.control): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    link.send(opcode, value, {
      answered: (answer) => resolve(Buffer.from(answer)),
      failed: (reason) => reject(new Error(reason)),
    });
  });
}

async function ask(link: FrameLink, message: CoordinatorRequest): Promise<CoordinatorAnswer> {
  return decodeCoordinatorAnswer(await send(link, encodeMessage(message)));
}

/** The election is a matter of a turn or two. */
async function askLeader(link: FrameLink, message: CoordinatorRequest): Promise<CoordinatorAnswer> {
  for (;;) {
    const answer = await ask(link, message);
    if (answer.type !== 'notLeader') return answer;
  }
}

function heartbeat(digit: string, epoch: number, port = 7001): CoordinatorRequest {
  return heartbeatOf({ cluster: CLUSTER, digit, epoch, port });
}

const STATUS = { type: 'status', cluster: CLUSTER } as const;

describe('a coordinator', () => {
  test('grants leases, and pushes topologies to those who watch', async () => {
    const { port } = await start(folder());
    const link = linkTo(port);
    expect(await askLeader(link, heartbeat('a', 0))).toMatchObject({
      type: 'lease',
      leaseMs: 2000,
      coordinator: `127.0.0.1:${port}`,
    });
    const first = await ask(link, { type: 'watch', cluster: CLUSTER, epoch: 0, node: null, waitMs: 10_000 });
    expect(first).toMatchObject({ type: 'topology', epoch: 1 });
    const waits = ask(link, { type: 'watch', cluster: CLUSTER, epoch: 1, node: null, waitMs: 20_000 });
    await ask(link, heartbeat('a', 1));
    const news = await waits;
    expect(news.type).toBe('topology');
    const topology = decodeTopology(Buffer.from(news.type === 'topology' ? news.topology : '', 'base64'));
    expect(topology.nodes).toMatchObject([{ id: 'a'.repeat(40), state: 'active' }]);
  });

  test('keeps what was stored over a restart, its own settings too', async () => {
    const path = folder();
    const before = await start(path, { concurrentMoves: 3 });
    const link = linkTo(before.port);
    await askLeader(link, heartbeat('a', 0));
    await ask(link, { type: 'watch', cluster: CLUSTER, epoch: 0, node: null, waitMs: 10_000 });
    expect(await ask(link, { type: 'weight', cluster: CLUSTER, node: 'a'.repeat(40), weight: 7 })).toEqual({
      type: 'done',
    });
    const status = await ask(link, STATUS);
    await before.stop();

    const after = await start(path, { concurrentMoves: 9 });
    const again = await askLeader(linkTo(after.port), STATUS);
    expect(again).toMatchObject({
      type: 'status',
      epoch: status.type === 'status' ? status.epoch : -1,
      nodes: [{ id: 'a'.repeat(40), weight: 7, silentMs: -1 }],
      concurrentMoves: 3,
      coordinator: `127.0.0.1:${after.port}`,
      store: `file:${path}`,
    });
    expect(after.logs[0]).toStartWith('info: elected, at epoch');
  });

  test('lets nobody in without the password', async () => {
    const { port } = await start(folder(), { password: 'open sesame' });
    expect((await failureOf(ask(linkTo(port), STATUS))).message).toContain('password');
    expect((await failureOf(ask(linkTo(port, 'open'), STATUS))).message).toContain('the password is wrong');
    expect((await askLeader(linkTo(port, 'open sesame'), STATUS)).type).toBe('status');
    const peer = await TcpPeer.connect({ port });
    peer.send(Buffer.from(requestFrame(Opcode.control, 1, encodeMessage(heartbeat('a', 0)))));
    await peer.received(20);
    expect(peer.text).toContain('hello comes first');
    peer.destroy();
    const status = await ask(linkTo(port, 'open sesame'), STATUS);
    expect(status).toMatchObject({ nodes: [] });
  });

  test('survives garbage of every kind, which changes nothing', async () => {
    const { port, logs } = await start(folder());
    const link = linkTo(port);
    expect(await askLeader(link, STATUS)).toMatchObject({ epoch: 0 });
    for (const bytes of [
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      Buffer.from('*1\r\n$4\r\nPING\r\n'),
      Buffer.alloc(100, 0xff),
      Buffer.from([0xa5, 1, 0x20, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]),
    ]) {
      const peer = await TcpPeer.connect({ port });
      peer.send(bytes);
      await peer.untilEnded();
      peer.destroy();
    }
    for (const value of [
      Buffer.from('no json'),
      Buffer.from('{"protocol":9,"cluster":"shell","type":"status"}'),
      Buffer.from('{"protocol":1,"cluster":"other","type":"status"}'),
      Buffer.from('{"protocol":1,"cluster":"shell","type":"heartbeat","node":{"id":"x"}}'),
    ]) {
      expect(decodeCoordinatorAnswer(await send(link, value))).toMatchObject({ type: 'refused' });
    }
    expect(await failureOf(send(link, Buffer.alloc(8), Opcode.topology))).toBeInstanceOf(Error);
    expect(await ask(link, STATUS)).toMatchObject({ epoch: 0, nodes: [], moves: [] });
    expect(logs.filter((line) => line.includes('refused a message'))).toHaveLength(4);
  });

  test('tells the same refusal once, however often it is sent', async () => {
    const { port, logs } = await start(folder());
    const link = linkTo(port);
    for (let n = 0; n < 20; n += 1) await send(link, Buffer.from('no json'));
    expect(logs.filter((line) => line.includes('refused a message'))).toHaveLength(1);
  });

  test('answers nobody who is gone, and goes on', async () => {
    const { port } = await start(folder());
    const gone = linkTo(port);
    await askLeader(gone, STATUS);
    const lost = ask(gone, { type: 'watch', cluster: CLUSTER, epoch: 0, node: null, waitMs: 20_000 });
    gone.close();
    expect((await failureOf(lost)).message).toContain('closed');
    expect((await ask(linkTo(port), STATUS)).type).toBe('status');
  });
});

describe('starting', () => {
  test('where somebody listens already says so, and takes nothing', async () => {
    const path = folder();
    const { port } = await start(folder());
    expect(await failureOf(start(path, { port }))).toMatchObject({ code: 'ListenFailed' });
    expect((await askLeader(linkTo((await start(path)).port), STATUS)).type).toBe('status');
  });

  test('with a state that is in use says so, and lets go of the port', async () => {
    const path = folder();
    await start(path);
    const free = await start(folder());
    await free.stop();
    const failure = await failureOf(start(path, { port: free.port }));
    expect(failure).toMatchObject({ code: 'StateStoreFailed' });
    expect((await start(folder(), { port: free.port })).port).toBe(free.port);
  });

  test('with the state of another cluster fails, and leaves that as it is', async () => {
    const path = folder();
    const before = await start(path);
    await askLeader(linkTo(before.port), heartbeat('a', 0));
    await ask(linkTo(before.port), { type: 'watch', cluster: CLUSTER, epoch: 0, node: null, waitMs: 10_000 });
    await before.stop();
    const other = await start(path, { cluster: 'other' });
    expect(await other.failure).toMatchObject({ code: 'InvalidTopology' });
    await other.stop();
    const again = await start(path);
    expect(await askLeader(linkTo(again.port), STATUS)).toMatchObject({ nodes: [{ id: 'a'.repeat(40) }] });
  });
});

describe('stopping', () => {
  test('lets go of port and state, and may be asked for twice', async () => {
    const path = folder();
    const running = await start(path);
    await askLeader(linkTo(running.port), STATUS);
    await Promise.all([running.stop(), running.stop()]);
    const again = await start(path, { port: running.port });
    expect((await askLeader(linkTo(again.port), STATUS)).type).toBe('status');
  });
});

/** What is particular to epoll, beside the transport contract: the blocking wait, waking, descriptors that run out, and none left over. */
import { describe, expect, test } from 'bun:test';
import { closeSync, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { EpollTransport } from '../src/io/epoll/epoll-transport.ts';
import { addressOf } from '../src/io/epoll/libc.ts';
import { EpollReactor, wakeReactor } from '../src/io/epoll/reactor.ts';
import type { Connection, ConnectionHandler } from '../src/io/transport.ts';
import { runChild } from './support/child-process.ts';
import { nextEvent } from './support/next-event.ts';
import { PumpedReactor } from './support/pumped-reactor.ts';
import { TcpPeer } from './support/tcp-peer.ts';

const ignore = (): void => undefined;
const ECHO: ConnectionHandler = {
  onOpen: ignore,
  onData: (connection, bytes, start, end) => void connection.write(bytes, start, end),
  onDrain: ignore,
  onClose: ignore,
};
const LOOPBACK = { host: '127.0.0.1', port: 0 } as const;

describe.skipIf(!EpollReactor.isAvailable())('the epoll reactor', () => {
  test('blocks a thread, serves it, is woken by another one, and stops in order', async () => {
    const counter = new Int32Array(new SharedArrayBuffer(8));
    const worker = new Worker(join(import.meta.dir, 'support', 'reactor-worker.ts'), {
      workerData: { wakeCounter: counter.buffer },
    });
    const { port, wakeDescriptor } = (await nextEvent(worker, 'message'))[0] as {
      readonly port: number;
      readonly wakeDescriptor: number;
    };
    const peer = await TcpPeer.connect({ port });
    for (let round = 1; round <= 3; round += 1) {
      peer.send('hello');
      await peer.received(round * 5);
      wakeReactor(wakeDescriptor);
      while (Atomics.load(counter, 0) < round) await Atomics.waitAsync(counter, 0, round - 1, 1000).value;
    }
    expect(Atomics.load(counter, 0)).toBe(3);
    Atomics.store(counter, 1, 1);
    const done = nextEvent(worker, 'message');
    wakeReactor(wakeDescriptor);
    expect(await done).toEqual([{ timerRan: true }]);
    await peer.untilEnded();
    peer.destroy();
  });

  test('many wakes before it looks are one', () => {
    const reactor = new EpollReactor();
    let wakes = 0;
    reactor.onWake = () => (wakes += 1);
    for (let count = 0; count < 1000; count += 1) wakeReactor(reactor.wakeDescriptor);
    reactor.turn(-1);
    reactor.turn(0);
    expect(wakes).toBe(1);
    reactor.close();
  });

  test('microtasks and calls after the turn run in the turn', () => {
    const reactor = new EpollReactor();
    const ran: string[] = [];
    reactor.onWake = () => {
      reactor.afterThis(() => ran.push('after'));
      void Promise.resolve().then(() => ran.push('microtask'));
      ran.push('wake');
    };
    wakeReactor(reactor.wakeDescriptor);
    reactor.turn(-1);
    expect(ran).toEqual(['wake', 'after', 'microtask']);
    reactor.close();
  });

  test('microtasks of a timer run in its turn, and those from before run before the first wait', () => {
    const reactor = new EpollReactor();
    let ran = false;
    reactor.after(0, () => void Promise.resolve().then(() => (ran = true)));
    reactor.turn(1);
    expect(ran).toBe(true);
    // Where they waited for an event, this timer would be the first.
    let waited = false;
    const guard = reactor.after(10_000, () => {
      waited = true;
      reactor.stop();
    });
    void Promise.resolve().then(() => reactor.stop());
    reactor.run();
    expect(waited).toBe(false);
    guard.stop();
    reactor.close();
    reactor.close();
  });

  test('a timer counts from when it was set, not from when the process began', () => {
    const reactor = new EpollReactor();
    const startMs = performance.now();
    // Set after the turn has looked at the timers, of which there was none.
    reactor.afterThis(() => void reactor.after(1, () => reactor.stop()));
    reactor.run();
    expect(performance.now() - startMs).toBeLessThan(startMs);
    reactor.close();
  });

  test('a signal that interrupts the wait is no fault', async () => {
    const script = join(import.meta.dir, 'support', 'interrupted-reactor.ts');
    const lines = Array.from({ length: 4 }, () => Promise.withResolvers<string>());
    const ended = runChild(process.execPath, [script], {
      onOutput(stdout) {
        for (const line of lines.slice(0, stdout.split('\n').length - 1)) line.resolve(stdout);
      },
    });
    const [port, pid] = (await lines[0]!.promise).split(' ').map(Number);
    const peer = await TcpPeer.connect({ port: port! });
    // Some come while it waits, some while it serves.
    const signals = setInterval(() => process.kill(pid!, 'SIGUSR2'), 1);
    try {
      for (let round = 1; round <= 200; round += 1) {
        peer.send('hello');
        await peer.received(round * 5);
      }
      expect(await lines.at(-1)!.promise).toContain('interrupted');
    } finally {
      clearInterval(signals);
    }
    expect(peer.text).toBe('hello'.repeat(200));
    peer.destroy();
    expect(await ended).toMatchObject({ code: 0, stderr: '' });
  });

  test('serves two thousand connections at once, and leaves no descriptor behind', async () => {
    const before = descriptorCount();
    {
      using pumped = new PumpedReactor();
      const listener = await new EpollTransport(pumped.reactor).listen(LOOPBACK, ECHO);
      const peers = await Promise.all(Array.from({ length: 2000 }, () => TcpPeer.connect({ port: listener.port })));
      for (const peer of peers) peer.send('x');
      for (const peer of peers) await peer.received(1);
      for (const peer of peers.slice(0, 1000)) peer.reset();
      await listener.close();
      for (const peer of peers) peer.destroy();
    }
    expect(descriptorCount()).toBeLessThanOrEqual(before + 2);
  });

  test('an event of a closed descriptor does not reach the connection that has its number now', async () => {
    using pumped = new PumpedReactor();
    const { reactor } = pumped;
    const received: string[] = [];
    let connections: Connection[] = [];
    const handler: ConnectionHandler = {
      ...ECHO,
      onOpen: (connection) => void connections.push(connection),
      // The first of two that are ready closes the other, whose event is in the same turn.
      onData(connection, bytes, start, end) {
        received.push(Buffer.from(bytes.subarray(start, end)).toString());
        for (const other of connections) if (other !== connection) other.destroy();
      },
    };
    const listener = await new EpollTransport(reactor).listen(LOOPBACK, handler);
    for (let round = 0; round < 20; round += 1) {
      connections = [];
      const peers = [await TcpPeer.connect({ port: listener.port }), await TcpPeer.connect({ port: listener.port })];
      while (connections.length < 2) await new Promise((resolve) => setImmediate(resolve));
      for (const peer of peers) peer.send(`round ${round}`);
      while (received.length <= round) await new Promise((resolve) => setImmediate(resolve));
      expect(received.length).toBe(round + 1);
      for (const peer of peers) peer.destroy();
    }
    await listener.close();
  });

  test('receives into the buffer that the handler gave, as long as it is given', async () => {
    using pumped = new PumpedReactor();
    const own = new Uint8Array(new ArrayBuffer(4));
    const got: (readonly [boolean, string])[] = [];
    const handler: ConnectionHandler = {
      ...ECHO,
      onOpen(connection) {
        connection.receiveBuffer = own;
      },
      onData(connection, bytes, start, end) {
        got.push([bytes === own, Buffer.from(bytes.subarray(start, end)).toString()]);
        if (got.length === 2) connection.receiveBuffer = null;
        connection.write(bytes, start, end);
      },
    };
    const listener = await new EpollTransport(pumped.reactor).listen(LOOPBACK, handler);
    const peer = await TcpPeer.connect({ port: listener.port });
    peer.send('abcdefghijkl');
    await peer.received(12);
    expect(got).toEqual([
      [true, 'abcd'],
      [true, 'efgh'],
      [false, 'ijkl'],
    ]);
    peer.destroy();
    await listener.close();
  });

  test('without descriptors left it accepts nobody, says so once, and goes on when some are free', async () => {
    // In a process of its own, which may open few files.
    const script = join(import.meta.dir, 'support', 'few-descriptors.ts');
    const { code, stdout, stderr } = await runChild('sh', [
      '-c',
      `ulimit -n 64; exec "$0" "$1"`,
      process.execPath,
      script,
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toBe('exhausted: accept: EMFILE\nserved after others left\n');
  });

  test('the address of a buffer stays, whatever the runtime does with the view', () => {
    const view = new Int32Array(16);
    const address = addressOf(view);
    let sum = 0;
    for (let round = 0; round < 100_000; round += 1) sum += view[round & 15]! + view.buffer.byteLength;
    expect(sum).toBe(100_000 * 64);
    const again = addressOf(new Int32Array(view.buffer));
    expect(again).toBe(address);
  });
});

function descriptorCount(): number {
  // What the runtime itself opens first is not counted as left over.
  closeSync(openSync('/dev/null', 'r'));
  return readdirSync('/proc/self/fd').length;
}

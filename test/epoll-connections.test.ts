/** What is particular to connections over epoll, beside the transport contract: faults by name, the socket's options, other threads' descriptors. */
import { describe, expect, test } from 'bun:test';
import { EpollTransport, type EpollListener } from '../src/io/epoll/epoll-transport.ts';
import { addressOf, int32Buffer, IPPROTO_TCP, loadLibc, TCP_NODELAY } from '../src/io/epoll/libc.ts';
import { EpollReactor } from '../src/io/epoll/reactor.ts';
import { type Connection, type ConnectionHandler, WRITE_CLOSED } from '../src/io/transport.ts';
import { PumpedReactor } from './support/pumped-reactor.ts';
import { TcpPeer } from './support/tcp-peer.ts';
import { type Behaviour, echoBehaviour, RecordingHandler } from './support/transport-handlers.ts';

const LOOPBACK = { host: '127.0.0.1', port: 0 } as const;

interface Pair extends AsyncDisposable {
  readonly handler: RecordingHandler;
  readonly connection: Connection;
  readonly peer: TcpPeer;
}

/** A connection, and the peer at its other end. */
async function connected(behaviour: Behaviour): Promise<Pair> {
  const pumped = new PumpedReactor();
  const handler = new RecordingHandler(behaviour);
  const listener = await new EpollTransport(pumped.reactor).listen(LOOPBACK, handler);
  const peer = await TcpPeer.connect({ port: listener.port });
  await handler.untilOpened();
  return {
    handler,
    connection: handler.opened[0]!,
    peer,
    async [Symbol.asyncDispose]() {
      peer.destroy();
      await listener.close();
      pumped[Symbol.dispose]();
      expect(handler.violations).toEqual([]);
    },
  };
}

function codeOf(error: Error | null | undefined): unknown {
  return error instanceof Error && 'code' in error ? error.code : error;
}

describe.skipIf(!EpollReactor.isAvailable())('connections over epoll', () => {
  test('a reset is told by its name', async () => {
    await using pair = await connected({});
    pair.peer.reset();
    await pair.handler.untilClosed();
    expect(codeOf(pair.handler.closed[0]?.error)).toBe('ECONNRESET');
  });

  test('a reset is told to a paused handler at once', async () => {
    await using pair = await connected({ onOpen: (connection) => connection.pause() });
    pair.peer.send('unread');
    pair.peer.reset();
    await pair.handler.untilClosed();
    expect(codeOf(pair.handler.closed[0]?.error)).toBe('ECONNRESET');
    expect(pair.handler.receivedBytes).toBe(0);
  });

  test('a fault that a write meets first is told too, once, outside the write', async () => {
    const answers: number[] = [];
    await using pair = await connected({
      onData(connection, bytes, start) {
        // What the kernel learns of the reset while this handler is busy, only the write is told.
        pair.peer.reset();
        const untilMs = performance.now() + 1000;
        while (connection.write(bytes, start, start + 1) === 1 && performance.now() < untilMs);
        answers.push(connection.write(bytes, start, start + 1), pair.handler.closed.length);
      },
    });
    pair.peer.send('x');
    await pair.handler.untilClosed();
    expect(answers).toEqual([WRITE_CLOSED, 0]);
    expect(codeOf(pair.handler.closed[0]?.error)).toBeOneOf(['ECONNRESET', 'EPIPE']);
  });

  test('what is accepted sends small replies at once', async () => {
    using pumped = new PumpedReactor();
    const noDelay: number[] = [];
    const handler = new RecordingHandler(echoBehaviour());
    const listener = await new EpollTransport(pumped.reactor, {
      route(descriptor) {
        const value = int32Buffer(1);
        const length = int32Buffer(1);
        length[0] = value.byteLength;
        loadLibc().getsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, addressOf(value), addressOf(length));
        noDelay.push(value[0]!);
        return false;
      },
    }).listen(LOOPBACK, handler);
    const peer = await TcpPeer.connect({ port: listener.port });
    await handler.untilOpened();
    expect(noDelay).toEqual([1]);
    peer.destroy();
    await listener.close();
  });

  test('serves descriptors that another reactor accepted, and closes those that come too late', async () => {
    using accepting = new PumpedReactor();
    using serving = new PumpedReactor();
    const handler = new RecordingHandler(echoBehaviour());
    const nobody: ConnectionHandler = new RecordingHandler({
      onOpen: () => expect.unreachable('the accepting reactor serves it'),
    });
    let server: EpollListener | null = null;
    const handedOver: number[] = [];
    const route = (descriptor: number): boolean => {
      handedOver.push(descriptor);
      server?.adopt(descriptor);
      return true;
    };
    const first = await new EpollTransport(accepting.reactor, { route }).listen(
      { ...LOOPBACK, portShared: 'first' },
      nobody,
    );
    server = await new EpollTransport(serving.reactor).listen(LOOPBACK, handler);
    const peer = await TcpPeer.connect({ port: first.port });
    peer.send('hello');
    await peer.received(5);
    expect(peer.text).toBe('hello');
    expect(handler.opened[0]?.remoteAddress).toBe(`127.0.0.1:${peer.localPort}`);
    expect(handler.opened[0]?.localAddress).toBe(`127.0.0.1:${first.port}`);
    await server.close();
    await peer.untilEnded();
    const late = await TcpPeer.connect({ port: first.port });
    await late.untilEnded();
    expect(handedOver.length).toBe(2);
    expect(handler.opened.length).toBe(1);
    for (const each of [peer, late]) each.destroy();
    await first.close();
  });
});

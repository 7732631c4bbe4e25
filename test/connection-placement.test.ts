/** Which data thread serves a connection, on real sockets: that of the core where its packets come in, as long as the threads have alike many. */
import { expect, test } from 'bun:test';
import { incomingCore, loadLibc } from '../src/io/epoll/libc.ts';
import { EpollReactor } from '../src/io/epoll/reactor.ts';
import { SharedState } from '../src/server/threads/shared-state.ts';
import { EpollHost } from '../src/server/threads/thread-host.ts';
import { EpollWorld, Peer } from './support/epoll-world.ts';
import { allowedCores, onCore } from './support/on-core.ts';
import { RecordingHandler } from './support/transport-handlers.ts';

const hasEpoll = EpollReactor.isAvailable();
const cores = hasEpoll ? allowedCores() : [];

test.skipIf(!hasEpoll)('a socket says on which core its packets came in', async () => {
  await using world = await EpollWorld.open('epoll', 0);
  for (const [i, core] of cores.entries()) {
    onCore(core, () => world.dial());
    world.turn();
    expect(incomingCore(world.descriptors[i]!)).toBe(core);
  }
  expect(incomingCore(-1)).toBe(-1);
});

test.skipIf(!hasEpoll).each(cores.slice(0, 4))(
  'connections from core %d go to its thread, and to the other where that has more',
  async (core) => {
    const thread = 1 - (core % 2);
    const handedOver: number[] = [];
    const host = new EpollHost({
      transport: 'epoll',
      shared: SharedState.create(2),
      thread,
      threadCount: 2,
      handOver(to, descriptor) {
        handedOver.push(to);
        loadLibc().close(descriptor);
      },
      onExhausted: (error) => expect(error).toBeNull(),
      onRingRefused: (error) => expect(error).toBeNull(),
    });
    const handler = new RecordingHandler({});
    const listener = await host.listen({ host: '127.0.0.1', port: 0 }, handler);
    const peers = onCore(core, () => [1, 2, 3].map(() => new Peer(listener.port)));
    // They wait at the listener, and are all accepted in its first turn.
    host.timers.every(1, () => void listener.close().then(() => host.stop()));
    await host.run(() => undefined);
    for (const peer of peers) peer.close();
    expect([handedOver, handler.opened.length]).toEqual([[core % 2, core % 2], 1]);
  },
);

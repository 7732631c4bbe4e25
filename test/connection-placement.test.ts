/** Which data thread serves a connection, on real sockets: that of the core where its packets come in, as long as the threads have alike many. */
import { expect, test } from 'bun:test';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { incomingCore, loadLibc } from '../src/io/epoll/libc.ts';
import { EpollReactor } from '../src/io/epoll/reactor.ts';
import { SharedState } from '../src/server/threads/shared-state.ts';
import { EpollHost } from '../src/server/threads/thread-host.ts';
import { EpollWorld, Peer, spinUntil } from './support/epoll-world.ts';
import { allowedCores, onCore } from './support/on-core.ts';
import { RecordingHandler } from './support/transport-handlers.ts';

const hasEpoll = EpollReactor.isAvailable();
const cores = hasEpoll ? allowedCores() : [];

test.skipIf(!hasEpoll)('a socket says on which core its packets came in', async () => {
  await using world = await EpollWorld.open('epoll', 0);
  for (const [i, core] of cores.entries()) {
    onCore(core, () => world.dial());
    spinUntil(() => world.turn().length === 1);
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
    host.timers.every(1, () => {
      if (handedOver.length + handler.opened.length < peers.length) return;
      void listener.close().then(() => host.stop());
    });
    await host.run(() => undefined);
    for (const peer of peers) peer.close();
    expect([handedOver, handler.opened.length]).toEqual([[core % 2, core % 2], 1]);
  },
);

test('two connections that are accepted at the same time go to different threads, though one is nearest to both', async () => {
  const rounds = 300;
  const workerData = { shared: SharedState.create(2).buffer, meetings: new SharedArrayBuffer(4), rounds };
  const chosen = await Promise.all(
    [0, 1].map(async () => {
      const worker = new Worker(new URL('./support/placement-worker.ts', import.meta.url), { workerData });
      const [threads] = (await once(worker, 'message')) as [number[]];
      await worker.terminate();
      return threads;
    }),
  );
  expect(chosen[0]!.map((thread, round) => thread + chosen[1]![round]!)).toEqual(Array<number>(rounds).fill(1));
});

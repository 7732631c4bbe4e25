/** A node whose one data thread is the caller's own: inside an application or a test, and wherever there is no other way. */
import { newTransport, type StreamTransportName } from '../io/select-transport.ts';
import type { Listener, Transport } from '../io/transport.ts';
import { Store } from '../store/store.ts';
import { assembleDataThread, type Assembly } from './assembly.ts';
import { TICK_INTERVAL_MS } from './connection-sweep.ts';
import { runtimeText, type NodeStart, type RunningNode } from './running-node.ts';
import { InlineJanitor, startStoreHost } from './store-host.ts';
import { SharedState } from './threads/shared-state.ts';
import { SoleThread } from './threads/sole-thread.ts';

export async function startInlineNode(
  start: NodeStart,
  transport: Transport | StreamTransportName,
): Promise<RunningNode> {
  const { options, environment, identity } = start;
  const network = typeof transport === 'string' ? newTransport(transport) : transport;
  const host = startStoreHost(options, 1, environment.log);
  const janitor = host.wantsInlineJanitor ? new InlineJanitor(host.handle, null) : null;
  const assembly: Assembly = assembleDataThread({
    ...start,
    store: Store.attach(host.handle, 0),
    shared: SharedState.create(1),
    threads: new SoleThread(() => ({ node: assembly.services, control: assembly.thread })),
    mail: null,
  });
  let listener: Listener;
  try {
    listener = await network.listen({ host: options.host, port: options.port }, assembly.thread);
  } catch (error) {
    await host.stop();
    throw error;
  }
  identity.host = listener.host;
  identity.port = listener.port;
  const timer = environment.timers.every(TICK_INTERVAL_MS, () => {
    assembly.sweep.tick();
    janitor?.tick(environment.clock.nowMs());
  });
  let stopping: Promise<void> | null = null;
  const stop = (): Promise<void> => {
    stopping ??= (async () => {
      timer.stop();
      await listener.close();
      await host.stop();
    })();
    return stopping;
  };
  return {
    host: listener.host,
    port: listener.port,
    description: `${runtimeText()}, ${network.name}`,
    store: host.handle,
    failure: new Promise(() => {
      // A fault of this thread is the caller's own.
    }),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** An echo server over epoll in a process that runs out of descriptors: its own peers take them all, then leave. */
import { EpollTransport } from '../../src/io/epoll/epoll-transport.ts';
import { closeSync, openSync } from 'node:fs';
import { PumpedReactor } from './pumped-reactor.ts';
import { TcpPeer } from './tcp-peer.ts';

const ignore = (): void => undefined;
using pumped = new PumpedReactor();
const exhausted = Promise.withResolvers<void>();
const transport = new EpollTransport(pumped.reactor, {
  onExhausted(error) {
    console.log(`exhausted: ${error.message}`);
    exhausted.resolve();
  },
});
const listener = await transport.listen(
  { host: '127.0.0.1', port: 0 },
  {
    onOpen: ignore,
    onData: (connection, bytes, start, end) => void connection.write(bytes, start, end),
    onDrain: ignore,
    onClose: ignore,
  },
);
const first = await TcpPeer.connect({ port: listener.port });
first.send('x');
await first.received(1);
const held: number[] = [];
for (;;) {
  try {
    held.push(openSync('/dev/null', 'r'));
  } catch {
    break;
  }
}
// The one descriptor that is free then is the peer's, and the listener has none.
closeSync(held.pop() as number);
const second = await TcpPeer.connect({ port: listener.port });
second.send('y');
await exhausted.promise;
for (const descriptor of held) closeSync(descriptor);
await second.received(1);
console.log('served after others left');
process.exit(0);

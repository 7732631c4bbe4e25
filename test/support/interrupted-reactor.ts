/**
 * An echo server over epoll whose waits are interrupted: a signal that comes meanwhile ends a wait, which is told by a line; the first
 * line is its port and process. It ends when its peer has closed.
 */
import { writeSync } from 'node:fs';
import { EpollTransport } from '../../src/io/epoll/epoll-transport.ts';
import { EpollReactor } from '../../src/io/epoll/reactor.ts';

const reactor = new EpollReactor();
const ignore = (): void => undefined;
const seen = { events: 0, closed: false };
const listener = await new EpollTransport(reactor).listen(
  { host: '127.0.0.1', port: 0 },
  {
    onOpen: () => void (seen.events += 1),
    onData(connection, bytes, start, end) {
      seen.events += 1;
      connection.write(bytes, start, end);
    },
    onDrain: ignore,
    onClose() {
      seen.closed = true;
    },
  },
);
process.on('SIGUSR2', ignore);
writeSync(1, `${listener.port} ${process.pid}\n`);
while (!seen.closed) {
  const before = seen.events;
  reactor.turn(-1);
  if (!seen.closed && seen.events === before) writeSync(1, 'interrupted\n');
}
await listener.close();
reactor.close();
process.exit(0);

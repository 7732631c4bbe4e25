/**
 * A thread with an epoll reactor that really blocks, as a data thread has it: an echo server whose port and eventfd are reported, and which ends
 * at the first wake, or at the last of `wakes`.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { EpollTransport } from '../../src/io/epoll/epoll-transport.ts';
import { EpollReactor } from '../../src/io/epoll/reactor.ts';

const { wakeCounter } = workerData as { readonly wakeCounter: SharedArrayBuffer };
const counter = new Int32Array(wakeCounter);

const reactor = new EpollReactor();
const ignore = (): void => undefined;
let timerRan = false;
const listener = await new EpollTransport(reactor).listen(
  { host: '127.0.0.1', port: 0 },
  {
    onOpen: ignore,
    onData: (connection, bytes, start, end) => void connection.write(bytes, start, end),
    onDrain: ignore,
    onClose: ignore,
  },
);
reactor.after(1, () => {
  timerRan = true;
});
reactor.onWake = () => {
  Atomics.add(counter, 0, 1);
  Atomics.notify(counter, 0);
  if (Atomics.load(counter, 1) === 0) return;
  // Its continuation is a microtask, which nothing but the reactor runs.
  void listener.close().then(() => reactor.stop());
};
parentPort?.postMessage({ port: listener.port, wakeDescriptor: reactor.wakeDescriptor });
reactor.run();
reactor.close();
parentPort?.postMessage({ timerRan });

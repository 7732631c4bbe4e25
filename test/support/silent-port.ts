/**
 * A port at which the kernel lets nobody in any more: it listens, nobody accepts, and its queue is full, so who connects waits. On Bun a socket
 * of the C library; Node has no way to it, so there a thread listens and then sleeps.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { AF_INET, loadLibc, SOCK_CLOEXEC, SOCK_STREAM } from '../../src/io/epoll/libc.ts';
import { SocketAddress } from '../../src/io/epoll/socket-address.ts';

/** Connections that find room in a queue of the least length are fewer. */
const QUEUE_FILLERS = 4;

export class SilentPort implements AsyncDisposable {
  readonly port: number;
  private readonly fillers: readonly Socket[];
  private readonly close: () => Promise<unknown>;

  private constructor(port: number, fillers: readonly Socket[], close: () => Promise<unknown>) {
    this.port = port;
    this.fillers = fillers;
    this.close = close;
  }

  static async open(): Promise<SilentPort> {
    const { port, close } = process.versions['bun'] === undefined ? await sleepingThread() : unacceptedSocket();
    const fillers = Array.from({ length: QUEUE_FILLERS }, () => {
      const socket = connect({ host: '127.0.0.1', port });
      socket.on('error', () => {});
      return socket;
    });
    // The first one gets in, and by then the kernel has seen all of them.
    await once(fillers[0]!, 'connect');
    return new SilentPort(port, fillers, close);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.fillers) socket.destroy();
    await this.close();
  }
}

function unacceptedSocket(): { port: number; close: () => Promise<unknown> } {
  const libc = loadLibc();
  const descriptor = libc.socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const address = new SocketAddress().set('127.0.0.1', 0);
  libc.bind(descriptor, address.address, address.length);
  libc.listen(descriptor, 0);
  libc.getsockname(descriptor, address.clear().address, address.lengthAddress);
  return { port: address.port, close: () => Promise.resolve(libc.close(descriptor)) };
}

async function sleepingThread(): Promise<{ port: number; close: () => Promise<unknown> }> {
  const worker = new Worker(SLEEPER, { eval: true });
  const [port] = (await once(worker, 'message')) as [number];
  // The thread sleeps from its next turn on, which its going says.
  worker.postMessage('sleep');
  return { port, close: () => worker.terminate() };
}

const SLEEPER = `
const { parentPort } = require('node:worker_threads');
const server = require('node:net').createServer();
parentPort.on('message', () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));
server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => parentPort.postMessage(server.address().port));
`;

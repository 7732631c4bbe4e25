/** A node with several data threads, and one connection on each. */
import { type NodeOverrides, startNode } from './node.ts';
import { RespClient } from './resp-client.ts';

export const THREADS = 3;
/** The kernel spreads connections by chance where nothing evens them out. */
const CONNECTIONS_MAX = 200;

export interface ThreadedNode extends AsyncDisposable {
  readonly port: number;
  /** One connection on each thread, by the thread's number. */
  readonly clients: readonly RespClient[];
}

export async function startThreaded(overrides: NodeOverrides): Promise<ThreadedNode> {
  const node = await startNode({ threadCount: THREADS, ...overrides });
  const clients: RespClient[] = [];
  for (let opened = 0; Object.keys(clients).length < THREADS && opened < CONNECTIONS_MAX; opened += 1) {
    const client = await RespClient.connect(node.port);
    const thread = Number(/io-thread=(\d+)/.exec(await client.call('CLIENT', 'INFO'))?.[1]);
    if (clients[thread] === undefined) clients[thread] = client;
    else {
      client.end();
      await client.closed();
    }
  }
  return {
    port: node.port,
    clients,
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.close();
      await node.stop();
    },
  };
}

/**
 * What an application may expect of the node in its process, as named cases. They run in a process of their own on Bun and
 * on Node (embedded-runner.ts), which must end by itself: a handle that a stopped node leaves behind keeps it.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { ShoalError } from '../../src/base/errors.ts';
import type { NodeSettings } from '../../src/config/node-settings.ts';
import { ShoalNode } from '../../src/server/node.ts';
import { RawClient } from '../support/raw-client.ts';
import { failureOf } from '../support/failure-of.ts';

export type DefineCase = (name: string, body: () => Promise<void>) => void;

const MEBIBYTE = 2 ** 20;
const READY_MS_MAX = 50;
/** What each of many nodes stores, and what may be left of all of them together, where a leak would leave all. */
const STORED_BYTES = 8 * MEBIBYTE;
const LEFT_BYTES_MAX = 300 * MEBIBYTE;

export async function ask(node: ShoalNode, ...commands: readonly (readonly string[])[]): Promise<readonly string[]> {
  const client = await RawClient.connect(node.port);
  try {
    return await client.exchange(commands);
  } finally {
    client.close();
  }
}

/** Asks again and again until the reply is `expected`; time passes meanwhile, whatever the clocks of the process say. */
export async function askUntil(node: ShoalNode, command: readonly string[], expected: string): Promise<void> {
  const client = await RawClient.connect(node.port);
  try {
    while ((await client.exchange([command]))[0] !== expected);
  } finally {
    client.close();
  }
}

async function refusal(settings: NodeSettings): Promise<ShoalError> {
  const error = await failureOf(ShoalNode.start(settings));
  assert(error instanceof ShoalError);
  return error;
}

export function defineEmbeddedContract(define: DefineCase): void {
  define('a node is there with no settings at all', async () => {
    await using node = await ShoalNode.start();
    assert.equal(node.host, '127.0.0.1');
    assert(node.port > 0);
    assert.equal(node.address, `127.0.0.1:${node.port}`);
    assert.deepEqual(await ask(node, ['SET', 'k', 'v'], ['GET', 'k'], ['CONFIG', 'GET', 'maxmemory']), [
      '+OK\r\n',
      '$1\r\nv\r\n',
      '*2\r\n$9\r\nmaxmemory\r\n$8\r\n67108864\r\n',
    ]);
  });

  define('a node is ready in time', async () => {
    const durationsMs: number[] = [];
    for (let round = 0; round < 10; round += 1) {
      const startedAtMs = performance.now();
      await using node = await ShoalNode.start();
      durationsMs.push(performance.now() - startedAtMs);
      assert(node.port > 0);
    }
    // The least: another process may take the core in any of the others.
    assert(Math.min(...durationsMs) < READY_MS_MAX, `${durationsMs.join(', ')} ms`);
  });

  define('settings reach the node', async () => {
    await using node = await ShoalNode.start({ host: '0.0.0.0', password: 'secret', limits: { value: '2kb' } });
    assert.equal(node.host, '0.0.0.0');
    assert.equal(node.address, `127.0.0.1:${node.port}`);
    const [refused, accepted, tooLong] = await ask(
      node,
      ['GET', 'k'],
      ['AUTH', 'secret'],
      ['SET', 'k', 'x'.repeat(2049)],
    );
    assert.match(refused ?? '', /^-NOAUTH/);
    assert.equal(accepted, '+OK\r\n');
    assert.match(tooLong ?? '', /^-/);
  });

  define('nodes of one process share nothing', async () => {
    await using first = await ShoalNode.start({ memory: '4mb' });
    await using second = await ShoalNode.start({ memory: '4mb' });
    assert.notEqual(first.port, second.port);
    await ask(first, ['SET', 'k', 'first']);
    assert.deepEqual(await ask(second, ['GET', 'k']), ['$-1\r\n']);
    assert.deepEqual(await ask(first, ['GET', 'k']), ['$5\r\nfirst\r\n']);
  });

  define('the same port serves again at once', async () => {
    let port = 0;
    for (let round = 0; round < 10; round += 1) {
      await using node = await ShoalNode.start({ port, memory: '4mb' });
      port = node.port;
      assert.deepEqual(await ask(node, ['GET', 'k'], ['SET', 'k', 'v']), ['$-1\r\n', '+OK\r\n']);
    }
  });

  define('a stop closes the connections of clients, and can be asked for twice', async () => {
    const node = await ShoalNode.start({ memory: '4mb' });
    const sockets = Array.from({ length: 20 }, () => connect(node.port, '127.0.0.1'));
    const answered = sockets.map(async (socket) => {
      await once(
        socket.on('error', () => undefined),
        'connect',
      );
      socket.write('PING\r\n');
      await once(socket, 'data');
    });
    await Promise.all(answered);
    const closed = sockets.map((socket) => once(socket, 'close'));
    await Promise.all([node.stop(), node.stop(), ...closed]);
    await node.stop();
    await failureOf(RawClient.connect(node.port));
  });

  define('a port in use is said to be, and holds nothing', async () => {
    const first = await ShoalNode.start({ memory: '4mb' });
    const error = await refusal({ port: first.port });
    assert.equal(error.code, 'ListenFailed');
    assert.equal(error.retryable, true);
    assert.match(error.message, new RegExp(`^cannot listen on 127\\.0\\.0\\.1:${first.port}: the port is in use`));
    await first.stop();
    await using second = await ShoalNode.start({ port: first.port, memory: '4mb' });
    assert.equal(second.port, first.port);
  });

  define('settings that are wrong are refused, all in one message', async () => {
    const error = await refusal({ memroy: '1gb', port: -1 } as NodeSettings);
    assert.equal(error.code, 'InvalidOption');
    assert.deepEqual(error.message.split('\n'), [
      'memroy is not an option; did you mean memory?',
      'port: -1 is not allowed; give a whole number from 0 to 65535',
    ]);
  });

  define('a hundred nodes, one after another, leave nothing', async () => {
    const value = 'x'.repeat(MEBIBYTE / 2);
    const sets = Array.from({ length: STORED_BYTES / value.length }, (_, index) => ['SET', `k${index}`, value]);
    const residentBefore = process.memoryUsage().rss;
    const stopped: ShoalNode[] = [];
    for (let round = 0; round < 100; round += 1) {
      const node = await ShoalNode.start();
      await ask(node, ...sets);
      await node.stop();
      // One that is stopped and still in a variable keeps nothing either.
      stopped.push(node);
    }
    await collectGarbage();
    const growth = process.memoryUsage().rss - residentBefore;
    assert(growth < LEFT_BYTES_MAX, `${Math.round(growth / MEBIBYTE)} MiB more after ${stopped.length} nodes`);
  });
}

/** Both runtimes let go of a node's memory when they collect; here the test does not wait for that. Node needs `--expose-gc`. */
async function collectGarbage(): Promise<void> {
  for (let round = 0; round < 3; round += 1) {
    if (typeof Bun === 'undefined') globalThis.gc?.();
    else Bun.gc(true);
    // What was just closed is let go of in a later turn.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

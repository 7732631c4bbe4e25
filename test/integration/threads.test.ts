/**
 * A node with several data threads is one node: what concerns all connections works whichever threads serve them. Each test opens
 * one connection on every thread.
 */
import { describe, expect, test } from 'bun:test';
import { EpollReactor } from '../../src/io/epoll/reactor.ts';
import { type NodeOverrides, startNode } from '../support/node.ts';
import { RespClient } from '../support/resp-client.ts';
import { THREAD_TRANSPORTS } from '../support/thread-transports.ts';
import { startThreaded, THREADS } from '../support/threaded-node.ts';

describe.each(THREAD_TRANSPORTS)('%s', (transport) => {
  const start = (overrides: NodeOverrides = {}) => startThreaded({ transport, ...overrides });

  test('every thread serves, all on the same data', async () => {
    await using node = await start();
    const { clients } = node;
    expect(clients.length).toBe(THREADS);
    for (const [writer, client] of clients.entries()) {
      expect(await client.call('SET', `k${writer}`, `v${writer}`)).toBe('+OK\r\n');
      for (const reader of clients) expect(await reader.call('GET', `k${writer}`)).toBe(`$2\r\nv${writer}\r\n`);
    }
    expect(await clients[0]!.call('DBSIZE')).toBe(`:${THREADS}\r\n`);
    expect(await clients[1]!.call('FLUSHALL')).toBe('+OK\r\n');
    for (const client of clients) expect(await client.call('DBSIZE')).toBe(':0\r\n');
  });

  test('CLIENT LIST shows all connections from every thread, in the order they came, with ids of their own', async () => {
    await using node = await start();
    const lists = await Promise.all(node.clients.map((client) => client.call('CLIENT', 'LIST')));
    for (const list of lists) {
      const ids = Array.from(list.matchAll(/^(?:\$\d+\r\n)?id=(\d+) /gm), ([, id]) => Number(id));
      expect(ids.length).toBe(THREADS);
      expect(ids).toEqual(ids.toSorted((left, right) => left - right));
      expect(new Set(ids).size).toBe(THREADS);
      expect(new Set(Array.from(list.matchAll(/io-thread=(\d+)/g), ([, thread]) => thread)).size).toBe(THREADS);
    }
    const own = await Promise.all(node.clients.map((client) => client.call('CLIENT', 'ID')));
    const asked = own.map((reply) => reply.slice(1).trim());
    const chosen = await node.clients[0]!.call('CLIENT', 'LIST', 'ID', asked[2]!, asked[1]!, '999999');
    expect(Array.from(chosen.matchAll(/id=(\d+) /g), ([, id]) => id)).toEqual([asked[2], asked[1]]);
  });

  test('CLIENT KILL reaches connections of other threads, before their next command runs', async () => {
    await using node = await start();
    const [killer, victim] = node.clients as [RespClient, RespClient];
    const id = (await victim.call('CLIENT', 'ID')).slice(1).trim();
    expect(await killer.call('CLIENT', 'KILL', 'ID', id)).toBe(':1\r\n');
    victim.send('SET', 'late', '1');
    await victim.closed();
    expect(await killer.call('EXISTS', 'late')).toBe(':0\r\n');
    expect(await killer.call('CLIENT', 'KILL', 'ID', id)).toBe(':0\r\n');
    expect(await killer.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'no')).toBe(`:${THREADS - 1}\r\n`);
    await Promise.all(node.clients.map((client) => client.closed()));
  });

  test('a subscriber that was answered hears what is published anywhere after that', async () => {
    await using node = await start();
    const { clients } = node;
    const [subscriber] = clients as [RespClient];
    for (let round = 0; round < 50; round += 1) {
      const channel = `c${round}`;
      await subscriber.call('SUBSCRIBE', channel);
      const publisher = clients[1 + (round % (THREADS - 1))]!;
      expect(await publisher.call('PUBLISH', channel, `m${round}`)).toBe(':1\r\n');
      expect(await subscriber.read()).toContain(`m${round}`);
      await subscriber.call('UNSUBSCRIBE', channel);
      expect(await publisher.call('PUBLISH', channel, 'lost')).toBe(':0\r\n');
    }
  });

  test('messages of one publisher through several threads come in the order in which they were sent', async () => {
    await using node = await start();
    const [subscriber, ...publishers] = node.clients as [RespClient, ...RespClient[]];
    await subscriber.call('PSUBSCRIBE', 'c*');
    const count = 200;
    for (let message = 0; message < count; message += 1) {
      expect(await publishers[message % publishers.length]!.call('PUBLISH', 'c', String(message))).toBe(':1\r\n');
    }
    const got = await subscriber.readAll(count);
    expect(got.map((message) => message.split('\r\n')[8])).toEqual(
      Array.from({ length: count }, (_, at) => String(at)),
    );
  });

  test('PUBSUB counts the subscribers of all threads', async () => {
    await using node = await start();
    const { clients } = node;
    for (const client of clients) await client.call('HELLO', '3');
    for (const client of clients) await client.call('SUBSCRIBE', 'shared');
    await clients[1]!.call('SUBSCRIBE', 'single');
    for (const client of clients) await client.call('PSUBSCRIBE', 's*');
    for (const client of clients) {
      expect(await client.call('PUBSUB', 'NUMSUB', 'shared', 'single', 'none')).toBe(
        `*6\r\n$6\r\nshared\r\n:${THREADS}\r\n$6\r\nsingle\r\n:1\r\n$4\r\nnone\r\n:0\r\n`,
      );
      expect(await client.call('PUBSUB', 'NUMPAT')).toBe(':1\r\n');
      expect((await client.call('PUBSUB', 'CHANNELS')).startsWith('*2\r\n')).toBe(true);
    }
    clients[2]!.end();
    await clients[2]!.closed();
    expect(await clients[0]!.call('PUBSUB', 'NUMSUB', 'shared')).toBe(`*2\r\n$6\r\nshared\r\n:${THREADS - 1}\r\n`);
  });

  test('MONITOR shows the commands of all threads that come after its answer', async () => {
    await using node = await start();
    const { clients } = node;
    const [monitor] = clients as [RespClient];
    expect(await monitor.call('MONITOR')).toBe('+OK\r\n');
    for (let thread = 1; thread < THREADS; thread += 1) {
      await clients[thread]!.call('SET', 'k', `from ${thread}`);
      expect(await monitor.read()).toContain(`"SET" "k" "from ${thread}"`);
    }
  });

  test('CONFIG SET counts on every thread once it is answered', async () => {
    await using node = await start();
    const { clients } = node;
    for (const [round, setter] of clients.entries()) {
      const value = String(2048 + round);
      expect(await setter.call('CONFIG', 'SET', 'limit-value', value)).toBe('+OK\r\n');
      for (const client of clients) {
        expect(await client.call('CONFIG', 'GET', 'limit-value')).toBe(
          `*2\r\n$11\r\nlimit-value\r\n$4\r\n${value}\r\n`,
        );
        expect(await client.call('SET', 'k', 'x'.repeat(Number(value) + 1))).toStartWith('-');
        expect(await client.call('SET', 'k', 'x'.repeat(Number(value)))).toBe('+OK\r\n');
      }
    }
    await Promise.all(clients.map((client, at) => client.call('CONFIG', 'SET', 'timeout', String(100 + at))));
    const values = await Promise.all(clients.map((client) => client.call('CONFIG', 'GET', 'timeout')));
    expect(new Set(values).size).toBe(1);
  });

  test('CLIENT PAUSE holds every thread, and CLIENT UNPAUSE lets all go', async () => {
    await using node = await start();
    const [pauser, ...others] = node.clients as [RespClient, ...RespClient[]];
    expect(await pauser.call('CLIENT', 'PAUSE', '60000', 'WRITE')).toBe('+OK\r\n');
    for (const [at, client] of others.entries()) client.send('SET', `held${at}`, '1');
    for (const at of others.keys()) expect(await pauser.call('EXISTS', `held${at}`)).toBe(':0\r\n');
    expect(await pauser.call('CLIENT', 'UNPAUSE')).toBe('+OK\r\n');
    for (const client of others) expect(await client.read()).toBe('+OK\r\n');
  });

  test('INFO sums up all threads, and CONFIG RESETSTAT zeroes all', async () => {
    await using node = await start();
    const { clients } = node;
    for (const client of clients) for (let call = 0; call < 10; call += 1) await client.call('GET', 'missing');
    for (const client of clients) {
      const info = await client.call('INFO', 'everything');
      expect(info).toContain('cmdstat_get:calls=30,');
      expect(info).toContain(`connected_clients:${THREADS}\r\n`);
      expect(info).toContain(`shoal_data_threads:${THREADS}\r\n`);
      expect(info).toContain('keyspace_misses:30\r\n');
    }
    expect(await clients[1]!.call('CONFIG', 'RESETSTAT')).toBe('+OK\r\n');
    const info = await clients[2]!.call('INFO', 'all');
    expect(info).not.toContain('cmdstat_get');
    expect(info).toContain('keyspace_misses:0\r\n');
  });

  test('MULTI is one step among all threads, also with what asks all of them', async () => {
    await using node = await start();
    const { clients } = node;
    const rounds = 100;
    await Promise.all(
      clients.map(async (client) => {
        for (let round = 0; round < rounds; round += 1) {
          client.send('MULTI');
          client.send('INCR', 'left');
          client.send(...(round % 10 === 0 ? ['CLIENT', 'LIST'] : ['PUBLISH', 'c', 'm']));
          client.send('INCR', 'right');
          client.send('EXEC');
          const replies = await client.readAll(5);
          const counts = Array.from(replies[4]!.matchAll(/:(\d+)\r\n/g), ([, count]) => count);
          expect(counts.at(0)).toBe(counts.at(-1));
        }
      }),
    );
    expect(await clients[0]!.call('GET', 'left')).toContain(String(rounds * THREADS));
  });

  test('WATCH sees what another thread writes', async () => {
    await using node = await start();
    const [watcher, writer] = node.clients as [RespClient, RespClient];
    for (const [key, aborted] of [
      ['k', true],
      ['other', false],
    ] as const) {
      await watcher.call('WATCH', 'k');
      await writer.call('SET', key, 'v');
      await watcher.call('MULTI');
      await watcher.call('SET', 'mine', '1');
      expect(await watcher.call('EXEC')).toBe(aborted ? '*-1\r\n' : '*1\r\n+OK\r\n');
    }
  });

  test('threads that ask each other at the same time are all answered', async () => {
    await using node = await start();
    await Promise.all(
      node.clients.map(async (client) => {
        const count = 100;
        for (let call = 0; call < count; call += 1) client.send(...(call % 2 === 0 ? ['INFO'] : ['CLIENT', 'LIST']));
        expect((await client.readAll(count)).every((reply) => reply.startsWith('$'))).toBe(true);
      }),
    );
  });

  test('the limit of connections is that of the node', async () => {
    await using node = await start();
    const [client] = node.clients as [RespClient];
    expect(await client.call('CONFIG', 'SET', 'maxclients', String(THREADS + 2))).toBe('+OK\r\n');
    const more = [await RespClient.connect(node.port), await RespClient.connect(node.port)];
    for (const one of more) expect(await one.call('PING')).toBe('+PONG\r\n');
    const refused = await RespClient.connect(node.port);
    expect(await refused.read()).toBe('-ERR max number of clients reached\r\n');
    for (const one of [...more, refused]) one.close();
  });
});

describe.skipIf(!EpollReactor.isAvailable())('epoll', () => {
  test('connections are spread over the threads, and none has many more than another', async () => {
    await using node = await startThreaded({ transport: 'epoll' });
    const more: RespClient[] = [];
    for (let count = 0; count < 27; count += 1) {
      const client = await RespClient.connect(node.port);
      more.push(client);
      // Answered, it has its thread: the next one finds it counted.
      await client.call('PING');
    }
    const list = await node.clients[0]!.call('CLIENT', 'LIST');
    const counts = Array<number>(THREADS).fill(0);
    for (const [, thread] of list.matchAll(/io-thread=(\d+)/g)) counts[Number(thread)]! += 1;
    expect(counts.reduce((sum, count) => sum + count)).toBe(30);
    // Ten on average; two more where packets come in near by.
    expect(Math.max(...counts)).toBeLessThanOrEqual(12);
    for (const client of more) client.close();
  });

  test('a port that is taken is refused, by another node too, and nothing is left running', async () => {
    await using node = await startThreaded({ transport: 'epoll' });
    expect(startNode({ transport: 'epoll', threadCount: THREADS, port: node.port })).rejects.toMatchObject({
      code: 'ListenFailed',
    });
  });
});

/** Transactions between real connections. */
import { expect, test } from 'bun:test';
import { startNode } from '../support/node.ts';
import { RespClient } from '../support/resp-client.ts';

test('check-and-set loops of several clients lose no update', async () => {
  await using node = await startNode();
  const clients = await Promise.all(Array.from({ length: 8 }, () => RespClient.connect(node.port)));
  await clients[0]!.call('SET', 'counter', '0');
  const rounds = 25;
  let aborted = 0;
  await Promise.all(
    clients.map(async (client) => {
      for (let done = 0; done < rounds; ) {
        await client.call('WATCH', 'counter');
        const value = Number((await client.call('GET', 'counter')).split('\r\n')[1]);
        await client.call('MULTI');
        await client.call('SET', 'counter', String(value + 1));
        if ((await client.call('EXEC')) === '*-1\r\n') aborted += 1;
        else done += 1;
      }
    }),
  );
  expect(await clients[0]!.call('GET', 'counter')).toBe(`$3\r\n${clients.length * rounds}\r\n`);
  expect(aborted).toBeGreaterThan(0);
  for (const client of clients) client.close();
});

test('nobody sees half a transaction', async () => {
  await using node = await startNode();
  using writer = await RespClient.connect(node.port);
  using reader = await RespClient.connect(node.port);
  await writer.call('MSET', 'a', '0', 'b', '0');
  for (let round = 1; round <= 100; round += 1) {
    for (const words of [['MULTI'], ['SET', 'a', String(round)], ['SET', 'b', String(round)], ['EXEC']])
      writer.send(...words);
    const [, , a, , b] = (await reader.call('MGET', 'a', 'b')).split('\r\n');
    expect(a).toBe(b);
    await writer.readAll(4);
  }
});

test('a client that goes away in the middle leaves nothing behind', async () => {
  await using node = await startNode();
  const client = await RespClient.connect(node.port);
  await client.call('WATCH', 'k');
  await client.call('MULTI');
  await client.call('SET', 'k', 'v');
  client.end();
  await client.closed();
  using other = await RespClient.connect(node.port);
  expect(await other.call('EXISTS', 'k')).toBe(':0\r\n');
});

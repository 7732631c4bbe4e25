/** Publish and subscribe between real connections. */
import { expect, test } from 'bun:test';
import { startNode } from '../support/node.ts';
import { RespClient } from '../support/resp-client.ts';

test('messages come in order to every subscriber, however they are pipelined', async () => {
  await using node = await startNode();
  const subscribers = await Promise.all(Array.from({ length: 10 }, () => RespClient.connect(node.port)));
  for (const subscriber of subscribers) await subscriber.call('SUBSCRIBE', 'c');
  using publisher = await RespClient.connect(node.port);
  const count = 500;
  for (let message = 0; message < count; message += 1) publisher.send('PUBLISH', 'c', String(message));
  expect(new Set(await publisher.readAll(count))).toEqual(new Set([':10\r\n']));
  for (const subscriber of subscribers) {
    const messages = await subscriber.readAll(count);
    expect(messages.map((message) => message.split('\r\n')[6])).toEqual(
      Array.from({ length: count }, (_, index) => String(index)),
    );
    subscriber.close();
  }
});

test('a subscriber that goes away is forgotten', async () => {
  await using node = await startNode();
  const subscriber = await RespClient.connect(node.port);
  await subscriber.call('SUBSCRIBE', 'c');
  await subscriber.call('PSUBSCRIBE', '*');
  subscriber.end();
  await subscriber.closed();
  using client = await RespClient.connect(node.port);
  expect(await client.call('PUBLISH', 'c', 'm')).toBe(':0\r\n');
  expect(await client.call('PUBSUB', 'CHANNELS')).toBe('*0\r\n');
  expect(await client.call('PUBSUB', 'NUMPAT')).toBe(':0\r\n');
});

test('in RESP3 pushes stand between replies', async () => {
  await using node = await startNode();
  using client = await RespClient.connect(node.port);
  await client.call('HELLO', '3');
  await client.call('SUBSCRIBE', 'c');
  client.send('SET', 'k', 'v');
  client.send('PUBLISH', 'c', '\x00\xff');
  client.send('GET', 'k');
  expect(await client.readAll(4)).toEqual([
    '+OK\r\n',
    ':1\r\n',
    '>3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\n\x00\xff\r\n',
    '$1\r\nv\r\n',
  ]);
});

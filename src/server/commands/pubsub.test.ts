import { expect, test } from 'bun:test';
import { frame, startFakeNode } from '../../../test/support/fake-node.ts';

test('a message reaches who subscribed, in the form of their protocol', async () => {
  await using node = await startFakeNode();
  const old = node.open();
  const modern = node.open();
  modern.exchange('HELLO 3\r\n');
  expect(old.exchange('SUBSCRIBE a b\r\n')).toBe(
    '*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n',
  );
  expect(modern.exchange('SUBSCRIBE a\r\n')).toBe('>3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n');
  const publisher = node.open();
  expect(publisher.exchange('PUBLISH a hello\r\nPUBLISH b hi\r\nPUBLISH c nobody\r\n')).toBe(':2\r\n:1\r\n:0\r\n');
  expect(old.take()).toBe(
    '*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$5\r\nhello\r\n*3\r\n$7\r\nmessage\r\n$1\r\nb\r\n$2\r\nhi\r\n',
  );
  expect(modern.take()).toBe('>3\r\n$7\r\nmessage\r\n$1\r\na\r\n$5\r\nhello\r\n');
});

test('names and messages are bytes', async () => {
  await using node = await startFakeNode();
  const subscriber = node.open();
  const name = '\x00\xff\r\n';
  subscriber.exchange(frame('SUBSCRIBE', name));
  expect(node.open().exchange(frame('PUBLISH', name, '\xfe\x00') + frame('PUBLISH', '\x00\xfe\r\n', ''))).toBe(
    ':1\r\n:0\r\n',
  );
  expect(subscriber.take()).toBe(`*3\r\n$7\r\nmessage\r\n$4\r\n${name}\r\n$2\r\n\xfe\x00\r\n`);
});

test('a pattern gets messages with the pattern, and both forms come to who has both', async () => {
  await using node = await startFakeNode();
  const subscriber = node.open();
  subscriber.exchange('PSUBSCRIBE n*s x?\r\nSUBSCRIBE news\r\n');
  expect(node.open().exchange('PUBLISH news 1\r\n')).toBe(':2\r\n');
  expect(subscriber.take()).toBe(
    '*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$1\r\n1\r\n*4\r\n$8\r\npmessage\r\n$3\r\nn*s\r\n$4\r\nnews\r\n$1\r\n1\r\n',
  );
});

test('unsubscribing is confirmed for each name, and for none', async () => {
  await using node = await startFakeNode();
  const connection = node.open();
  connection.exchange('SUBSCRIBE a b\r\nPSUBSCRIBE p*\r\n');
  expect(connection.exchange('UNSUBSCRIBE x\r\n')).toBe('*3\r\n$11\r\nunsubscribe\r\n$1\r\nx\r\n:3\r\n');
  expect(connection.exchange('UNSUBSCRIBE\r\n')).toBe(
    '*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:2\r\n*3\r\n$11\r\nunsubscribe\r\n$1\r\nb\r\n:1\r\n',
  );
  expect(connection.exchange('UNSUBSCRIBE\r\n')).toBe('*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:1\r\n');
  expect(connection.exchange('PUNSUBSCRIBE\r\n')).toBe('*3\r\n$12\r\npunsubscribe\r\n$2\r\np*\r\n:0\r\n');
  expect(connection.exchange('PUNSUBSCRIBE\r\n')).toBe('*3\r\n$12\r\npunsubscribe\r\n$-1\r\n:0\r\n');
  expect(node.open().exchange('PUBLISH a 1\r\n')).toBe(':0\r\n');
});

test('in RESP2 a subscriber may do little else, and PING looks different', async () => {
  await using node = await startFakeNode();
  const connection = node.open();
  connection.exchange('SUBSCRIBE a\r\n');
  expect(connection.exchange('GET k\r\n')).toBe(
    "-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context\r\n",
  );
  expect(connection.exchange('PING\r\nPING hi\r\n')).toBe(
    '*2\r\n$4\r\npong\r\n$0\r\n\r\n*2\r\n$4\r\npong\r\n$2\r\nhi\r\n',
  );
  connection.exchange('UNSUBSCRIBE a\r\n');
  expect(connection.exchange('GET k\r\nPING\r\n')).toBe('$-1\r\n+PONG\r\n');
});

test('in RESP3 a subscriber does everything, and its own message follows the reply', async () => {
  await using node = await startFakeNode();
  const connection = node.open();
  connection.exchange('HELLO 3\r\nSUBSCRIBE a\r\n');
  expect(connection.exchange('PING\r\nPUBLISH a 1\r\nGET k\r\n')).toBe(
    '+PONG\r\n:1\r\n>3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\n1\r\n_\r\n',
  );
  expect(connection.exchange('MULTI\r\nPUBLISH a 2\r\nPING\r\nEXEC\r\n')).toEndWith(
    '*2\r\n:1\r\n+PONG\r\n>3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\n2\r\n',
  );
});

test('PUBSUB tells who listens', async () => {
  await using node = await startFakeNode();
  const first = node.open();
  const second = node.open();
  first.exchange('SUBSCRIBE news sport\r\nPSUBSCRIBE a* b*\r\n');
  second.exchange('SUBSCRIBE news\r\nPSUBSCRIBE a*\r\n');
  const asking = node.open();
  expect(asking.exchange('PUBSUB CHANNELS\r\n')).toBe('*2\r\n$4\r\nnews\r\n$5\r\nsport\r\n');
  expect(asking.exchange('PUBSUB CHANNELS n*\r\n')).toBe('*1\r\n$4\r\nnews\r\n');
  expect(asking.exchange('PUBSUB NUMSUB news none\r\n')).toBe('*4\r\n$4\r\nnews\r\n:2\r\n$4\r\nnone\r\n:0\r\n');
  expect(asking.exchange('PUBSUB NUMPAT\r\n')).toBe(':2\r\n');
  first.close();
  expect(asking.exchange('PUBSUB NUMSUB news sport\r\n')).toBe('*4\r\n$4\r\nnews\r\n:1\r\n$5\r\nsport\r\n:0\r\n');
  expect(asking.exchange('PUBSUB NUMPAT\r\n')).toBe(':1\r\n');
});

test('RESET ends all subscriptions', async () => {
  await using node = await startFakeNode();
  const connection = node.open();
  connection.exchange('SUBSCRIBE a\r\nPSUBSCRIBE b\r\n');
  expect(connection.exchange('RESET\r\nPING\r\n')).toBe('+RESET\r\n+PONG\r\n');
  expect(node.open().exchange('PUBSUB CHANNELS\r\nPUBSUB NUMPAT\r\n')).toBe('*0\r\n:0\r\n');
});

test('a connection has only so many subscriptions', async () => {
  await using node = await startFakeNode();
  const connection = node.open();
  const name = 'n'.repeat(1024 * 1024 - 300);
  for (let index = 0; index < 16; index += 1)
    expect(connection.exchange(frame('SUBSCRIBE', name + index))).toStartWith('*3');
  const refusal = '-ERR Subscriptions of this connection exceed the limit of 16777216 bytes\r\n';
  expect(connection.exchange(frame('PSUBSCRIBE', name))).toBe(refusal);
  expect(connection.exchange(frame('SUBSCRIBE', `${name}1`))).toStartWith('*3');
  connection.exchange(frame('UNSUBSCRIBE', `${name}1`));
  expect(connection.exchange(frame('PSUBSCRIBE', name))).toStartWith('*3');
});

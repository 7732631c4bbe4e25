import { describe, expect, test } from 'bun:test';
import type { FakeConnection } from '../../../test/support/fake-transport.ts';
import { frame, startFakeNode } from '../../../test/support/fake-node.ts';

/** The fields of a line of CLIENT LIST. */
function fieldsOf(line: string): Map<string, string> {
  return new Map(
    line
      .trim()
      .split(' ')
      .map((field) => [field.slice(0, field.indexOf('=')), field.slice(field.indexOf('=') + 1)]),
  );
}

function bulkOf(reply: string): string {
  return reply.slice(reply.indexOf('\r\n') + 2, -2);
}

function info(connection: FakeConnection): Map<string, string> {
  return fieldsOf(bulkOf(connection.exchange('CLIENT INFO\r\n')).replace(/^txt:/, ''));
}

describe('CLIENT LIST and INFO', () => {
  test('tell about a connection', async () => {
    await using node = await startFakeNode();
    const connection = node.open();
    connection.exchange(
      'HELLO 3 SETNAME me\r\nCLIENT SETINFO LIB-NAME lib\r\nCLIENT SETINFO lib-ver 1.2\r\nSELECT 4\r\n',
    );
    connection.exchange('CLIENT NO-EVICT ON\r\nCLIENT NO-TOUCH ON\r\nSUBSCRIBE a b\r\nPSUBSCRIBE c\r\n');
    node.environment.advance(5000);
    const fields = info(connection);
    expect(Object.fromEntries(fields)).toMatchObject({
      id: '1',
      addr: connection.remoteAddress,
      laddr: '127.0.0.1:7600',
      name: 'me',
      age: '5',
      idle: '0',
      flags: 'PeT',
      db: '4',
      sub: '2',
      psub: '1',
      multi: '-1',
      qbuf: '13',
      cmd: 'client|info',
      user: 'default',
      resp: '3',
      'lib-name': 'lib',
      'lib-ver': '1.2',
    });
  });

  test('count queued commands', async () => {
    await using node = await startFakeNode();
    const connection = node.open();
    connection.exchange('MULTI\r\nPING\r\nPING\r\n');
    const [line = ''] = bulkOf(node.open().exchange('CLIENT LIST ID 1\r\n')).split('\n');
    expect(fieldsOf(line).get('multi')).toBe('2');
    expect(fieldsOf(line).get('flags')).toBe('x');
  });

  test('choose by type and id', async () => {
    await using node = await startFakeNode();
    const subscriber = node.open();
    subscriber.exchange('SUBSCRIBE a\r\n');
    const connection = node.open();
    const ids = (reply: string) => [...reply.matchAll(/^(?:\$\d+\r\n)?id=(\d+) /gm)].map(([, id]) => id);
    expect(ids(connection.exchange('CLIENT LIST\r\n'))).toEqual(['1', '2']);
    expect(ids(connection.exchange('CLIENT LIST TYPE pubsub\r\n'))).toEqual(['1']);
    expect(ids(connection.exchange('CLIENT LIST TYPE normal\r\n'))).toEqual(['2']);
    expect(ids(connection.exchange('CLIENT LIST ID 2 99 1\r\n'))).toEqual(['2', '1']);
    expect(connection.exchange('CLIENT LIST TYPE none\r\n')).toBe("-ERR Unknown client type 'none'\r\n");
  });
});

test('names are without blanks, and an empty one removes the name', async () => {
  await using node = await startFakeNode();
  const connection = node.open();
  expect(connection.exchange('CLIENT GETNAME\r\nCLIENT SETNAME me\r\nCLIENT GETNAME\r\n')).toBe(
    '$-1\r\n+OK\r\n$2\r\nme\r\n',
  );
  expect(connection.exchange(frame('CLIENT', 'SETNAME', 'a b'))).toBe(
    '-ERR Client names cannot contain spaces, newlines or special characters.\r\n',
  );
  expect(connection.exchange(frame('CLIENT', 'SETNAME', '') + 'CLIENT GETNAME\r\n')).toBe('+OK\r\n$-1\r\n');
  expect(connection.exchange(frame('CLIENT', 'SETINFO', 'lib-name', 'a\nb'))).toBe(
    '-ERR lib-name cannot contain spaces, newlines or special characters.\r\n',
  );
  expect(connection.exchange(frame('CLIENT', 'SETNAME', 'x'.repeat(2000)))).toStartWith(
    '-ERR Client names cannot be longer',
  );
});

describe('CLIENT KILL', () => {
  test('by address, in the old form, also oneself after the reply', async () => {
    await using node = await startFakeNode();
    const victim = node.open();
    const connection = node.open();
    expect(connection.exchange(`CLIENT KILL ${victim.remoteAddress}\r\n`)).toBe('+OK\r\n');
    expect(victim.state).toBe('destroyed');
    expect(connection.exchange(`CLIENT KILL ${victim.remoteAddress}\r\n`)).toBe('-ERR No such client\r\n');
    expect(connection.exchange(`CLIENT KILL ${connection.remoteAddress}\r\nPING\r\n`)).toBe('+OK\r\n');
    expect(connection.state).toBe('ended');
  });

  test('by filters that must all match, sparing oneself', async () => {
    await using node = await startFakeNode();
    const first = node.open();
    const second = node.open();
    second.exchange('SUBSCRIBE a\r\n');
    const connection = node.open();
    expect(connection.exchange('CLIENT KILL ID 2 TYPE normal\r\n')).toBe(':0\r\n');
    expect(connection.exchange('CLIENT KILL TYPE pubsub USER default\r\n')).toBe(':1\r\n');
    expect([first.state, second.state]).toEqual(['open', 'destroyed']);
    expect(connection.exchange('CLIENT KILL LADDR 127.0.0.1:7600\r\n')).toBe(':1\r\n');
    expect([first.state, connection.state]).toEqual(['destroyed', 'open']);
    expect(connection.exchange('CLIENT KILL ID 3 SKIPME no\r\n')).toBe(':1\r\n');
    expect(connection.state).toBe('ended');
  });

  test('takes back what the victim had', async () => {
    await using node = await startFakeNode();
    const victim = node.open();
    victim.exchange('SUBSCRIBE a\r\n');
    expect(node.open().exchange('CLIENT KILL ID 1\r\nPUBLISH a 1\r\nPUBSUB CHANNELS\r\n')).toBe(':1\r\n:0\r\n*0\r\n');
  });
});

test('HELP is made from the table', async () => {
  await using node = await startFakeNode();
  const help = node.open().exchange('CLIENT HELP\r\n');
  expect(help).toStartWith('*');
  expect(help).toContain('+CLIENT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:\r\n');
  expect(help).toContain('+SETNAME connection-name\r\n');
});

test('CLIENT NO-TOUCH keeps what one connection reads from counting as a use, and RESET ends it', async () => {
  await using node = await startFakeNode();
  const quiet = node.open();
  const other = node.open();
  const frequency = (): string => other.exchange('OBJECT FREQ k\r\n');
  quiet.exchange('SET k v\r\nGET k\r\nCLIENT NO-TOUCH ON\r\nGET k\r\nGET k\r\n');
  expect(frequency()).toBe(':1\r\n');
  quiet.exchange('GET k\r\n');
  expect(frequency()).toBe(':1\r\n');
  other.exchange('GET k\r\n');
  expect(frequency()).toBe(':2\r\n');
  quiet.exchange('RESET\r\nGET k\r\n');
  expect(frequency()).toBe(':3\r\n');
});

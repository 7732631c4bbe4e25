import { expect, test } from 'bun:test';
import { frame, startFakeNode } from '../../../test/support/fake-node.ts';

test('PING and ECHO', async () => {
  await using node = await startFakeNode();
  const connection = node.open();
  expect(connection.exchange('PING\r\n' + frame('PING', 'a\r\nb') + 'PING a b\r\n' + frame('ECHO', '\x00'))).toBe(
    "+PONG\r\n$4\r\na\r\nb\r\n-ERR wrong number of arguments for 'ping' command\r\n$1\r\n\x00\r\n",
  );
});

test('HELLO greets in the protocol that it chooses', async () => {
  await using node = await startFakeNode();
  const connection = node.open();
  const [first, ...rest] = connection.exchange('HELLO\r\n').split('\r\n');
  expect(first).toBe('*14');
  expect(rest).toContain('redis');
  expect(rest.slice(8, 11)).toEqual(['$5', 'proto', ':2']);
  expect(connection.exchange('HELLO 3\r\n')).toStartWith(
    '%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.2.4\r\n',
  );
  expect(connection.exchange('GET k\r\n')).toBe('_\r\n');
  expect(connection.exchange('HELLO 2\r\nGET k\r\n')).toEndWith('$-1\r\n');
});

test('HELLO refuses what it does not know and then changes nothing', async () => {
  await using node = await startFakeNode({ password: 'secret' });
  const connection = node.open();
  expect(connection.exchange('HELLO 4\r\n')).toBe('-NOPROTO unsupported protocol version\r\n');
  expect(connection.exchange('HELLO x\r\n')).toBe('-ERR Protocol version is not an integer or out of range\r\n');
  expect(connection.exchange('HELLO 3 FOO\r\n')).toBe("-ERR Syntax error in HELLO option 'FOO'\r\n");
  expect(connection.exchange('HELLO 3\r\n')).toStartWith('-NOAUTH HELLO must be called');
  expect(connection.exchange('HELLO 3 AUTH default wrong SETNAME me\r\n')).toStartWith('-WRONGPASS ');
  expect(connection.exchange('HELLO 3 AUTH nobody secret\r\n')).toStartWith('-WRONGPASS ');
  expect(connection.exchange(frame('HELLO', '2', 'SETNAME', 'a b'))).toStartWith('-ERR Client names cannot');
  expect(connection.exchange('HELLO 2 AUTH default secret SETNAME me\r\n')).toStartWith('*14\r\n');
  expect(connection.exchange('CLIENT GETNAME\r\n')).toBe('$2\r\nme\r\n');
});

test('AUTH without a password to give', async () => {
  await using node = await startFakeNode();
  const connection = node.open();
  expect(connection.exchange('AUTH x\r\n')).toStartWith('-ERR AUTH <password> called without any password configured');
  expect(connection.exchange('AUTH default anything\r\n')).toBe('+OK\r\n');
  expect(connection.exchange('AUTH other anything\r\n')).toStartWith('-WRONGPASS ');
  expect(connection.exchange('AUTH a b c\r\n')).toBe('-ERR syntax error\r\n');
});

test('SELECT takes 0 to 15', async () => {
  await using node = await startFakeNode();
  const connection = node.open();
  expect(connection.exchange('SET k 0\r\nSELECT 15\r\nGET k\r\nSET k 15\r\nSELECT 0\r\nGET k\r\n')).toBe(
    '+OK\r\n+OK\r\n$-1\r\n+OK\r\n+OK\r\n$1\r\n0\r\n',
  );
  expect(connection.exchange('SELECT 16\r\nSELECT -1\r\n')).toBe(
    '-ERR DB index is out of range\r\n-ERR DB index is out of range\r\n',
  );
  expect(connection.exchange('SELECT x\r\n')).toBe('-ERR value is not an integer or out of range\r\n');
  expect(connection.exchange('GET k\r\n')).toBe('$1\r\n0\r\n');
});

test('RESET gives a connection as new', async () => {
  await using node = await startFakeNode();
  const connection = node.open();
  connection.exchange('HELLO 3 SETNAME me\r\nSELECT 2\r\nCLIENT NO-TOUCH ON\r\nMULTI\r\nSET k v\r\n');
  expect(connection.exchange('RESET\r\nEXEC\r\nGET k\r\nCLIENT GETNAME\r\n')).toBe(
    '+RESET\r\n-ERR EXEC without MULTI\r\n$-1\r\n$-1\r\n',
  );
  expect(connection.exchange('CLIENT INFO\r\n')).toContain(' flags=N db=0 ');
});

import { describe, expect, test } from 'bun:test';
import { frame, startFakeNode } from '../../../test/support/fake-node.ts';

test('queued commands run at EXEC, each with its reply', async () => {
  await using node = await startFakeNode();
  const connection = node.open();
  const other = node.open();
  expect(connection.exchange('MULTI\r\nSET k 1\r\n')).toBe('+OK\r\n+QUEUED\r\n');
  expect(other.exchange('EXISTS k\r\n')).toBe(':0\r\n');
  expect(connection.exchange('INCR k\r\nGET k\r\nLLEN\r\n')).toBe(
    "+QUEUED\r\n+QUEUED\r\n-ERR unknown command 'LLEN', with args beginning with: \r\n",
  );
  expect(connection.exchange('EXEC\r\nEXISTS k\r\n')).toBe(
    '-EXECABORT Transaction discarded because of previous errors.\r\n:0\r\n',
  );
  expect(connection.exchange('MULTI\r\nSET k 1\r\nINCR k\r\nEXEC\r\n')).toEndWith('*2\r\n+OK\r\n:2\r\n');
});

test('a command that fails when it runs does not stop the others', async () => {
  await using node = await startFakeNode();
  const connection = node.open();
  connection.exchange('SET k text\r\nMULTI\r\nINCR k\r\nSET k 2\r\n');
  expect(connection.exchange('EXEC\r\n')).toBe('*2\r\n-ERR value is not an integer or out of range\r\n+OK\r\n');
  expect(connection.exchange('GET k\r\n')).toBe('$1\r\n2\r\n');
});

test('arguments outlive the chunk that they came in, empty and binary ones too', async () => {
  await using node = await startFakeNode();
  const connection = node.open();
  connection.exchange('MULTI\r\n');
  connection.exchange(frame('SET', '\x00\xff', ''));
  connection.exchange(frame('APPEND', '\x00\xff', 'a\r\nb'));
  expect(connection.exchange('EXEC\r\n' + frame('GET', '\x00\xff'))).toBe('*2\r\n+OK\r\n:4\r\n$4\r\na\r\nb\r\n');
});

test('SELECT inside a transaction holds for what follows, in it and after it', async () => {
  await using node = await startFakeNode();
  const connection = node.open();
  connection.exchange('MULTI\r\nSELECT 3\r\nSET k v\r\n');
  expect(connection.exchange('EXEC\r\nGET k\r\nSELECT 0\r\nGET k\r\n')).toBe(
    '*2\r\n+OK\r\n+OK\r\n$1\r\nv\r\n+OK\r\n$-1\r\n',
  );
});

test('what is out of place says so', async () => {
  await using node = await startFakeNode();
  const connection = node.open();
  expect(connection.exchange('EXEC\r\nDISCARD\r\n')).toBe('-ERR EXEC without MULTI\r\n-ERR DISCARD without MULTI\r\n');
  expect(connection.exchange('MULTI\r\nMULTI\r\nWATCH k\r\n')).toBe(
    '+OK\r\n-ERR MULTI calls can not be nested\r\n-ERR WATCH inside MULTI is not allowed\r\n',
  );
  expect(connection.exchange('EXEC\r\n')).toBe('*0\r\n');
  expect(connection.exchange('MULTI\r\nEXEC x\r\nEXEC\r\n')).toBe(
    "+OK\r\n-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command\r\n-ERR EXEC without MULTI\r\n",
  );
});

describe('WATCH', () => {
  const CHANGES: readonly (readonly [string, readonly string[]])[] = [
    ['written', ['SET', 'k', 'other']],
    ['deleted', ['DEL', 'k']],
    ['given an expiry', ['PEXPIRE', 'k', '100000']],
    ['flushed', ['FLUSHALL']],
    ['renamed over', ['RENAME', 'source', 'k']],
  ];
  for (const [what, change] of CHANGES) {
    test(`EXEC does nothing once the key was ${what}`, async () => {
      await using node = await startFakeNode();
      const connection = node.open();
      connection.exchange('SET k v\r\nSET source v\r\nWATCH other k\r\n');
      node.open().exchange(frame(...change));
      expect(connection.exchange('MULTI\r\nSET done 1\r\nEXEC\r\n')).toEndWith('*-1\r\n');
      expect(connection.exchange('EXISTS done\r\n')).toBe(':0\r\n');
      expect(connection.exchange('MULTI\r\nSET done 1\r\nEXEC\r\n')).toEndWith('*1\r\n+OK\r\n');
    });
  }

  test('EXEC does nothing once the key expired', async () => {
    await using node = await startFakeNode();
    const connection = node.open();
    connection.exchange('SET k v PX 50\r\nWATCH k\r\n');
    node.environment.advance(60);
    expect(connection.exchange('MULTI\r\nEXEC\r\n')).toEndWith('*-1\r\n');
  });

  test('reads, other keys, and the same key in another database change nothing', async () => {
    await using node = await startFakeNode();
    const connection = node.open();
    connection.exchange('SET k v\r\nWATCH k\r\n');
    node.open().exchange('GET k\r\nSET x y\r\nSELECT 1\r\nSET k v\r\n');
    expect(connection.exchange('MULTI\r\nEXEC\r\n')).toEndWith('*0\r\n');
  });

  test('UNWATCH, DISCARD and RESET forget the keys', async () => {
    await using node = await startFakeNode();
    const other = node.open();
    for (const forget of ['UNWATCH\r\n', 'MULTI\r\nDISCARD\r\n', 'RESET\r\n']) {
      const connection = node.open();
      connection.exchange(`WATCH k\r\n`);
      other.exchange('INCR k\r\n');
      connection.exchange(forget);
      expect(connection.exchange('MULTI\r\nEXEC\r\n')).toEndWith('*0\r\n');
    }
  });

  test('in RESP3 an aborted EXEC is null', async () => {
    await using node = await startFakeNode();
    const connection = node.open();
    connection.exchange('HELLO 3\r\nWATCH k\r\nSET k v\r\nMULTI\r\n');
    expect(connection.exchange('EXEC\r\n')).toBe('_\r\n');
  });
});

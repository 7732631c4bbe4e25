import { describe, expect, test } from 'bun:test';
import { frame, startFakeNode } from '../../../test/support/fake-node.ts';

describe('CONFIG GET', () => {
  test('answers exact names as they were asked for, and matches patterns', async () => {
    await using node = await startFakeNode();
    const connection = node.open();
    expect(connection.exchange('CONFIG GET MaxClients nosuch\r\n')).toBe('*2\r\n$10\r\nMaxClients\r\n$5\r\n10000\r\n');
    expect(connection.exchange('CONFIG GET MAXMEMORY-P*\r\n')).toBe(
      '*2\r\n$16\r\nmaxmemory-policy\r\n$11\r\nallkeys-lfu\r\n',
    );
    expect(connection.exchange('CONFIG GET save appendonly\r\n')).toBe(
      '*4\r\n$4\r\nsave\r\n$0\r\n\r\n$10\r\nappendonly\r\n$2\r\nno\r\n',
    );
    expect(connection.exchange('HELLO 3\r\nCONFIG GET save s*ve\r\n')).toEndWith('%1\r\n$4\r\nsave\r\n$0\r\n\r\n');
  });

  test('every parameter takes its own value or is immutable', async () => {
    await using node = await startFakeNode();
    const connection = node.open();
    const words = connection.exchange('CONFIG GET *\r\n').split('\r\n').slice(1);
    expect(words.length).toBeGreaterThan(100);
    for (let index = 0; index + 3 < words.length; index += 4) {
      const reply = connection.exchange(frame('CONFIG', 'SET', words[index + 1]!, words[index + 3]!));
      expect([words[index + 1], reply]).toEqual([
        words[index + 1],
        expect.stringMatching(/^(\+OK|.*immutable config)\r\n$/),
      ]);
    }
  });
});

describe('CONFIG SET', () => {
  test('changes a limit at once, for connections that are open as well', async () => {
    await using node = await startFakeNode();
    const connection = node.open();
    expect(connection.exchange('CONFIG SET proto-max-bulk-len 1mb maxclients 2\r\n')).toBe('+OK\r\n');
    expect(connection.exchange('*1\r\n$1048577\r\n')).toBe('-ERR Protocol error: invalid bulk length\r\n');
    node.open();
    expect(node.open().take()).toBe('-ERR max number of clients reached\r\n');
  });

  test('changes all or nothing', async () => {
    await using node = await startFakeNode();
    const connection = node.open();
    expect(connection.exchange('CONFIG SET timeout 100 maxclients 0\r\n')).toBe(
      "-ERR CONFIG SET failed (possibly related to argument 'maxclients') - argument must be between 1 and 1000000 inclusive\r\n",
    );
    expect(connection.exchange('CONFIG GET timeout\r\n')).toEndWith('$1\r\n0\r\n');
    expect(connection.exchange('CONFIG SET timeout 100 nosuch 5\r\n')).toBe(
      "-ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'\r\n",
    );
    expect(connection.exchange('CONFIG SET timeout 1 timeout 2\r\n')).toEndWith('duplicate parameter\r\n');
    expect(connection.exchange('CONFIG SET databases 3\r\n')).toEndWith("can't set immutable config\r\n");
    expect(connection.exchange('CONFIG SET timeout 1 maxclients\r\n')).toBe('-ERR syntax error\r\n');
  });

  test('keeps limits in their relations', async () => {
    await using node = await startFakeNode();
    expect(node.open().exchange('CONFIG SET client-query-buffer-limit 1mb\r\n')).toEndWith(
      'must fit the input buffer\r\n',
    );
  });

  test('the output limit is one for all clients', async () => {
    await using node = await startFakeNode();
    const connection = node.open();
    expect(
      connection.exchange(frame('CONFIG', 'SET', 'client-output-buffer-limit', 'normal 100mb 0 0 pubsub 100mb 0 0')),
    ).toBe('+OK\r\n');
    expect(connection.exchange('CONFIG GET client-output-buffer-limit\r\n')).toContain('normal 104857600 0 0 ');
    expect(connection.exchange(frame('CONFIG', 'SET', 'client-output-buffer-limit', 'normal 0 0 0'))).toStartWith(
      '-ERR CONFIG SET',
    );
    expect(connection.exchange(frame('CONFIG', 'SET', 'client-output-buffer-limit', 'wrong 0 0 0'))).toContain(
      'Invalid client class',
    );
  });

  test('maxmemory can be lowered where nothing is evicted, and then refuses writes', async () => {
    await using evicting = await startFakeNode();
    expect(evicting.open().exchange('CONFIG SET maxmemory 1mb\r\n')).toContain('cannot shrink');
    await using node = await startFakeNode({ eviction: 'noeviction' });
    const connection = node.open();
    const queueing = node.open();
    queueing.exchange('MULTI\r\nSET a 1\r\n');
    expect(connection.exchange('CONFIG SET maxmemory 1gb\r\n')).toContain('cannot grow');
    expect(connection.exchange('SET k v\r\nCONFIG SET maxmemory 1\r\nSET k w\r\nGET k\r\nDEL none\r\n')).toBe(
      "+OK\r\n+OK\r\n-OOM command not allowed when used memory > 'maxmemory'.\r\n$1\r\nv\r\n:0\r\n",
    );
    expect(queueing.exchange('EXEC\r\n')).toBe(
      "-EXECABORT Transaction discarded because of: OOM command not allowed when used memory > 'maxmemory'.\r\n",
    );
    expect(connection.exchange('CONFIG SET maxmemory 0\r\nSET k w\r\n')).toBe('+OK\r\n+OK\r\n');
  });

  test('asking for replicas refuses writes: there are none', async () => {
    await using node = await startFakeNode();
    const connection = node.open();
    expect(connection.exchange('CONFIG SET min-replicas-to-write 1\r\nSET k v\r\nGET k\r\n')).toBe(
      '+OK\r\n-NOREPLICAS Not enough good replicas to write.\r\n$-1\r\n',
    );
    expect(connection.exchange('CONFIG SET min-replicas-to-write 0\r\nSET k v\r\n')).toBe('+OK\r\n+OK\r\n');
  });

  test('a new password holds for new connections', async () => {
    await using node = await startFakeNode();
    const connection = node.open();
    expect(connection.exchange('CONFIG SET requirepass secret\r\nPING\r\n')).toBe('+OK\r\n+PONG\r\n');
    expect(node.open().exchange('PING\r\nAUTH secret\r\nPING\r\n')).toBe(
      '-NOAUTH Authentication required.\r\n+OK\r\n+PONG\r\n',
    );
  });
});

test('CONFIG REWRITE has no file', async () => {
  await using node = await startFakeNode();
  expect(node.open().exchange('CONFIG REWRITE\r\n')).toBe('-ERR The server is running without a config file\r\n');
});

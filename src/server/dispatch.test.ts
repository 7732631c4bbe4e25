import { describe, expect, test } from 'bun:test';
import { frame, startFakeNode } from '../../test/support/fake-node.ts';

describe('commands that are not run', () => {
  test('an unknown command shows its first arguments', async () => {
    await using node = await startFakeNode();
    const connection = node.open();
    expect(connection.exchange('foo a b\r\n')).toBe(
      "-ERR unknown command 'foo', with args beginning with: 'a' 'b' \r\n",
    );
    expect(connection.exchange('foo\r\n')).toBe("-ERR unknown command 'foo', with args beginning with: \r\n");
    const long = 'x'.repeat(200);
    expect(connection.exchange(frame(long, long, 'y'))).toBe(
      `-ERR unknown command '${long.slice(0, 128)}', with args beginning with: '${long.slice(0, 128)}' \r\n`,
    );
    expect(connection.exchange(frame('a\r\nb', '\xff'))).toBe(
      "-ERR unknown command 'a  b', with args beginning with: '\xff' \r\n",
    );
  });

  test('names are found in any case, and only whole', async () => {
    await using node = await startFakeNode();
    const connection = node.open();
    expect(connection.exchange('PING\r\nping\r\nPiNg\r\n')).toBe('+PONG\r\n+PONG\r\n+PONG\r\n');
    expect(connection.exchange('pin\r\n')).toStartWith('-ERR unknown command');
    expect(connection.exchange('pingx\r\n')).toStartWith('-ERR unknown command');
    // 0x70 without its case bit is 0x50; with one more bit off it is 0x10.
    expect(connection.exchange(frame('\x10ing'))).toStartWith('-ERR unknown command');
  });

  test('the wrong number of arguments', async () => {
    await using node = await startFakeNode();
    const connection = node.open();
    expect(connection.exchange('GET\r\n')).toBe("-ERR wrong number of arguments for 'get' command\r\n");
    expect(connection.exchange('GET a b\r\n')).toBe("-ERR wrong number of arguments for 'get' command\r\n");
    expect(connection.exchange('CLIENT\r\n')).toBe("-ERR wrong number of arguments for 'client' command\r\n");
    expect(connection.exchange('client SETNAME\r\n')).toBe(
      "-ERR wrong number of arguments for 'client|setname' command\r\n",
    );
    expect(connection.exchange('client none\r\n')).toBe("-ERR unknown subcommand 'none'. Try CLIENT HELP.\r\n");
  });

  test('before AUTH only a few commands run', async () => {
    await using node = await startFakeNode({ password: 'secret' });
    const connection = node.open();
    expect(connection.exchange('PING\r\n')).toBe('-NOAUTH Authentication required.\r\n');
    expect(connection.exchange('NONE\r\n')).toStartWith('-ERR unknown command');
    expect(connection.exchange('GET\r\n')).toStartWith('-ERR wrong number');
    expect(connection.exchange('MULTI\r\n')).toBe('-NOAUTH Authentication required.\r\n');
    expect(connection.exchange('AUTH wrong\r\n')).toStartWith('-WRONGPASS ');
    expect(connection.exchange('AUTH secret\r\nPING\r\n')).toBe('+OK\r\n+PONG\r\n');
    expect(connection.exchange('RESET\r\nPING\r\n')).toBe('+RESET\r\n-NOAUTH Authentication required.\r\n');
    expect(connection.exchange('AUTH default secret\r\nPING\r\n')).toBe('+OK\r\n+PONG\r\n');
    expect(connection.exchange('QUIT\r\n')).toBe('+OK\r\n');
  });

  test('before AUTH large frames are refused', async () => {
    await using node = await startFakeNode({ password: 'secret' });
    expect(node.open().exchange('*11\r\n')).toBe('-ERR Protocol error: unauthenticated multibulk length\r\n');
    expect(node.open().exchange('*1\r\n$16385\r\n')).toBe('-ERR Protocol error: unauthenticated bulk length\r\n');
  });

  test('DEBUG is answered only where that is allowed', async () => {
    await using refusing = await startFakeNode({ debugCommand: 'no' });
    expect(refusing.open().exchange('DEBUG SLEEP 0\r\n')).toStartWith('-ERR DEBUG command not allowed.');
    await using local = await startFakeNode({ debugCommand: 'local' });
    expect(local.open().exchange('DEBUG SLEEP 0\r\n')).toBe('+OK\r\n');
  });
});

describe('CLIENT REPLY', () => {
  test('OFF silences all but subscriptions, ON is answered', async () => {
    await using node = await startFakeNode();
    const connection = node.open();
    expect(connection.exchange('CLIENT REPLY OFF\r\nPING\r\nnone\r\nGET\r\n')).toBe('');
    expect(connection.exchange('CLIENT REPLY ON\r\nPING\r\n')).toBe('+OK\r\n+PONG\r\n');
    expect(connection.exchange('CLIENT REPLY OFF\r\nSUBSCRIBE c\r\n')).toBe(
      '*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n',
    );
  });

  test('SKIP silences the next command, whatever comes of it', async () => {
    await using node = await startFakeNode();
    const connection = node.open();
    expect(connection.exchange('CLIENT REPLY SKIP\r\nSET k v\r\nGET k\r\n')).toBe('$1\r\nv\r\n');
    expect(connection.exchange('CLIENT REPLY SKIP\r\nnone\r\nGET k\r\n')).toBe('$1\r\nv\r\n');
    expect(connection.exchange('CLIENT REPLY SKIP\r\n')).toBe('');
    expect(connection.exchange('CLIENT REPLY SKIP\r\nPING\r\nPING\r\n')).toBe('+PONG\r\n');
    expect(connection.exchange('CLIENT REPLY SKIP\r\nCLIENT REPLY ON\r\nPING\r\n')).toBe('+OK\r\n+PONG\r\n');
  });
});

describe('CLIENT PAUSE', () => {
  test('ALL holds every command back until the time is over', async () => {
    await using node = await startFakeNode();
    const connection = node.open();
    const other = node.open();
    expect(connection.exchange('CLIENT PAUSE 500\r\nPING\r\n')).toBe('+OK\r\n');
    expect(connection.paused).toBe(true);
    expect(other.exchange('PING\r\n')).toBe('');
    node.environment.advance(400);
    expect(other.take()).toBe('');
    node.environment.advance(200);
    expect([connection.take(), other.take()]).toEqual(['+PONG\r\n', '+PONG\r\n']);
    expect(connection.paused).toBe(false);
  });

  test('WRITE lets reads pass, and UNPAUSE lets the rest go on in order', async () => {
    await using node = await startFakeNode();
    const writer = node.open();
    const reader = node.open();
    expect(reader.exchange('CLIENT PAUSE 100000 WRITE\r\n')).toBe('+OK\r\n');
    expect(writer.exchange('GET k\r\nSET k 1\r\nINCR k\r\nGET k\r\n')).toBe('$-1\r\n');
    expect(reader.exchange('GET k\r\n')).toBe('$-1\r\n');
    expect(reader.exchange('INFO clients\r\n')).toContain('\r\nblocked_clients:1\r\n');
    expect(reader.exchange('CLIENT UNPAUSE\r\n')).toBe('+OK\r\n');
    expect(writer.take()).toBe('+OK\r\n:2\r\n$1\r\n2\r\n');
  });

  test('WRITE holds an EXEC that writes, and no other', async () => {
    await using node = await startFakeNode();
    const reading = node.open();
    const writing = node.open();
    reading.exchange('MULTI\r\nGET k\r\n');
    writing.exchange('MULTI\r\nSET k v\r\n');
    node.open().exchange('CLIENT PAUSE 1000 WRITE\r\n');
    expect(reading.exchange('EXEC\r\n')).toBe('*1\r\n$-1\r\n');
    expect(writing.exchange('EXEC\r\n')).toBe('');
    node.environment.advance(1100);
    expect(writing.take()).toBe('*1\r\n+OK\r\n');
  });

  test('a shorter or weaker pause does not end a longer or stricter one', async () => {
    await using node = await startFakeNode();
    const connection = node.open();
    expect(connection.exchange('CLIENT PAUSE 1000 WRITE\r\nCLIENT PAUSE 10 WRITE\r\n')).toBe('+OK\r\n+OK\r\n');
    node.environment.advance(500);
    expect(connection.exchange('SET k v\r\n')).toBe('');
    node.environment.advance(700);
    expect(connection.take()).toBe('+OK\r\n');
  });
});

describe('MONITOR', () => {
  test('shows commands with database and peer, and no passwords', async () => {
    await using node = await startFakeNode({ password: 'secret' });
    const monitor = node.open();
    monitor.exchange('AUTH secret\r\n');
    expect(monitor.exchange('MONITOR\r\n')).toBe('+OK\r\n');
    const connection = node.open();
    connection.exchange('AUTH secret\r\nSELECT 3\r\n' + frame('SET', 'k"\\', '\r\n\x00\xff') + 'CONFIG GET x\r\n');
    const address = connection.remoteAddress;
    const time = '+1700000000.000000';
    expect(monitor.take()).toBe(
      `${time} [0 ${address}] "AUTH" "(redacted)"\r\n` +
        `${time} [3 ${address}] "SELECT" "3"\r\n` +
        `${time} [3 ${address}] "SET" "k\\"\\\\" "\\r\\n\\x00\\xff"\r\n`,
    );
  });

  test('shows a transaction when it runs, and ends with RESET', async () => {
    await using node = await startFakeNode();
    const monitor = node.open();
    monitor.exchange('MONITOR\r\n');
    node.open().exchange('MULTI\r\nSET k v\r\nEXEC\r\n');
    expect([...monitor.take().matchAll(/"(\w+)"/g)].map(([, word]) => word)).toEqual([
      'MULTI',
      'SET',
      'k',
      'v',
      'EXEC',
    ]);
    expect(monitor.exchange('GET k\r\n')).toBe("-ERR Replica can't interact with the keyspace\r\n");
    expect(monitor.exchange('RESET\r\n')).toStartWith('+RESET\r\n');
    node.open().exchange('PING\r\n');
    expect(monitor.take()).toBe('');
  });
});

describe('statistics', () => {
  test('count calls, failures and refusals by command, and errors by code', async () => {
    await using node = await startFakeNode();
    const connection = node.open();
    connection.exchange('SET k v\r\nSET k v\r\nINCR k\r\nGET\r\nnone\r\nCLIENT ID\r\nMULTI\r\nGET k\r\nEXEC\r\n');
    const lines = new Map(
      connection
        .exchange('INFO commandstats errorstats stats\r\n')
        .split('\r\n')
        .map((line) => line.split(':') as [string, string]),
    );
    expect(lines.get('cmdstat_set')).toMatch(
      /^calls=2,usec=\d+,usec_per_call=\d+\.\d\d,rejected_calls=0,failed_calls=0$/,
    );
    expect(lines.get('cmdstat_incr')).toMatch(/^calls=1,.*rejected_calls=0,failed_calls=1$/);
    expect(lines.get('cmdstat_get')).toMatch(/^calls=1,.*rejected_calls=1,failed_calls=0$/);
    expect(lines.get('cmdstat_client|id')).toContain('calls=1,');
    expect(lines.get('errorstat_ERR')).toBe('count=3');
    expect(lines.get('total_error_replies')).toBe('3');
    connection.exchange('CONFIG RESETSTAT\r\n');
    expect(connection.exchange('INFO commandstats\r\n')).not.toContain('cmdstat_set');
  });
});

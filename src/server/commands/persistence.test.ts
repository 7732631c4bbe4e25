import { describe, expect, test } from 'bun:test';
import { frame, startFakeNode } from '../../../test/support/fake-node.ts';
import { KeptThread } from '../../../test/support/kept-thread.ts';
import { Figure } from '../../persistence/persistence-state.ts';

const SET = frame('SET', 'k', 'v');

describe('where nothing is kept', () => {
  const NOTHING = '-ERR This server keeps nothing on disk: start it with a data folder (--data-dir)\r\n';

  test.each(['SAVE', 'BGSAVE', 'BGSAVE SCHEDULE', 'BGREWRITEAOF'])('%s says so', async (command) => {
    await using node = await startFakeNode();
    expect(node.open().exchange(`${command}\r\n`)).toBe(NOTHING);
  });

  test('LASTSAVE is the start of the node, and WAITAOF asks for a log', async () => {
    await using node = await startFakeNode();
    const connection = node.open();
    expect(connection.exchange('LASTSAVE\r\n')).toBe(':1700000000\r\n');
    expect(connection.exchange('WAITAOF 1 0 0\r\n')).toBe(
      '-ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.\r\n',
    );
    expect(connection.exchange('WAITAOF 0 2 0\r\n')).toBe('*2\r\n:0\r\n:0\r\n');
  });
});

describe('SAVE', () => {
  test('is answered when its snapshot is complete, and what follows it then', async () => {
    const node = await KeptThread.start({ mode: 'snapshot' });
    const connection = node.open();
    expect(connection.exchange('PING\r\nSAVE\r\nPING\r\n')).toBe('+PONG\r\n');
    expect(connection.exchange('PING\r\n')).toBe('');
    expect(node.open().exchange(SET)).toBe('+OK\r\n');
    node.disk.state.endSave(node.disk.state.wantedTicket, 'done');
    node.disk.announce();
    expect(connection.take()).toBe('+OK\r\n+PONG\r\n+PONG\r\n');
    expect(connection.exchange('PING\r\n')).toBe('+PONG\r\n');
  });

  test('tells why it failed', async () => {
    const node = await KeptThread.start({ mode: 'snapshot' });
    const connection = node.open();
    connection.receive('SAVE\r\n');
    node.disk.state.setFailure('the disk is full');
    node.disk.state.endSave(node.disk.state.wantedTicket, 'failed');
    node.disk.announce();
    expect(connection.take()).toBe('-ERR The snapshot could not be written: the disk is full\r\n');
  });

  test('is refused while a snapshot is being written, and inside MULTI', async () => {
    const node = await KeptThread.start({ mode: 'snapshot' });
    node.disk.state.beginSave();
    const connection = node.open();
    expect(connection.exchange('SAVE\r\nBGSAVE\r\n')).toBe(
      '-ERR Background save already in progress\r\n-ERR Background save already in progress\r\n',
    );
    connection.exchange('MULTI\r\n');
    expect(connection.exchange('SAVE\r\n')).toBe('-ERR Command not allowed inside a transaction\r\n');
  });

  test('of a client that has gone is answered to nobody', async () => {
    const node = await KeptThread.start({ mode: 'snapshot' });
    const connection = node.open();
    connection.receive('SAVE\r\n');
    connection.close();
    node.disk.state.endSave(node.disk.state.wantedTicket, 'done');
    node.disk.announce();
    expect(connection.take()).toBe('');
  });

  test('whose reply is dropped still holds up what follows', async () => {
    const node = await KeptThread.start({ mode: 'snapshot' });
    const connection = node.open();
    expect(connection.exchange('CLIENT REPLY SKIP\r\nSAVE\r\nPING\r\n')).toBe('');
    node.disk.state.endSave(node.disk.state.wantedTicket, 'done');
    node.disk.announce();
    expect(connection.take()).toBe('+PONG\r\n');
  });
});

describe('BGSAVE and BGREWRITEAOF', () => {
  test('ask for a snapshot and wait for nothing', async () => {
    const node = await KeptThread.start();
    const connection = node.open();
    expect(connection.exchange('BGSAVE\r\n')).toBe('+Background saving started\r\n');
    expect(connection.exchange('BGREWRITEAOF\r\n')).toBe('+Background append only file rewriting started\r\n');
    expect(node.disk.state.wantedTicket).toBe(2);
  });

  test('one that is to come behind another is scheduled, as is one of a transaction', async () => {
    const node = await KeptThread.start();
    const connection = node.open();
    expect(connection.exchange('MULTI\r\nBGSAVE\r\nEXEC\r\n')).toEndWith('*1\r\n+Background saving scheduled\r\n');
    node.disk.state.beginSave();
    expect(connection.exchange('BGSAVE SCHEDULE\r\n')).toBe('+Background saving scheduled\r\n');
    expect(connection.exchange('BGREWRITEAOF\r\n')).toBe('+Background append only file rewriting scheduled\r\n');
  });

  test('know their words', async () => {
    const node = await KeptThread.start();
    expect(node.open().exchange('BGSAVE NOW\r\nBGSAVE SCHEDULE x\r\nBGREWRITEAOF x\r\n')).toBe(
      "-ERR syntax error\r\n-ERR syntax error\r\n-ERR wrong number of arguments for 'bgrewriteaof' command\r\n",
    );
  });
});

test('LASTSAVE is when the last snapshot was complete', async () => {
  const node = await KeptThread.start();
  node.disk.state.setFigure(Figure.lastSaveMs, 1_700_000_123_456);
  expect(node.open().exchange('LASTSAVE\r\n')).toBe(':1700000123\r\n');
});

describe('WAITAOF', () => {
  test('answers 1 once the writes of the session are safe, those of its own batch too', async () => {
    const node = await KeptThread.start({ fsync: 'everysec' });
    const connection = node.open();
    expect(connection.exchange(`${SET}WAITAOF 1 0 0\r\n`)).toBe('+OK\r\n');
    const ofBatch = node.disk.end;
    node.open().exchange(frame('SET', 'other', 'v'));
    node.disk.write();
    expect(connection.take()).toBe('');
    node.disk.sync(ofBatch);
    expect(connection.take()).toBe('*2\r\n:1\r\n:0\r\n');
    expect(connection.exchange('WAITAOF 1 0 0\r\n')).toBe('*2\r\n:1\r\n:0\r\n');
  });

  test('of a session without writes has nothing to wait for', async () => {
    const node = await KeptThread.start({ fsync: 'everysec' });
    node.open().exchange(SET);
    expect(node.open().exchange('GET k\r\nWAITAOF 1 0 0\r\n')).toBe('$1\r\nv\r\n*2\r\n:1\r\n:0\r\n');
  });

  test('tells what it has come to when its time is over', async () => {
    const node = await KeptThread.start({ fsync: 'everysec' });
    const connection = node.open();
    connection.exchange(SET);
    connection.receive('WAITAOF 1 0 500\r\nPING\r\n');
    node.environment.advance(490);
    expect(connection.take()).toBe('');
    node.environment.advance(20);
    expect(connection.take()).toBe('*2\r\n:0\r\n:0\r\n+PONG\r\n');
  });

  test('waits for nothing where only replicas are asked for, or inside EXEC', async () => {
    const node = await KeptThread.start({ fsync: 'everysec' });
    const connection = node.open();
    connection.exchange(SET);
    expect(connection.exchange('WAITAOF 0 1 0\r\n')).toBe('*2\r\n:0\r\n:0\r\n');
    expect(connection.exchange('MULTI\r\nWAITAOF 1 0 0\r\nEXEC\r\n')).toEndWith('*1\r\n*2\r\n:0\r\n:0\r\n');
  });

  test('is ended early by CLIENT UNBLOCK', async () => {
    const node = await KeptThread.start({ fsync: 'everysec' });
    const [waiting, other] = [node.open(), node.open()];
    const id = /:(\d+)/.exec(waiting.exchange('CLIENT ID\r\n'))![1]!;
    waiting.exchange(SET);
    waiting.receive('WAITAOF 1 0 0\r\nPING\r\n');
    expect(other.exchange(`CLIENT UNBLOCK ${id}\r\n`)).toBe(':1\r\n');
    expect(waiting.take()).toBe('*2\r\n:0\r\n:0\r\n+PONG\r\n');
    waiting.receive('WAITAOF 1 0 0\r\n');
    expect(other.exchange(`CLIENT UNBLOCK ${id} ERROR\r\n`)).toBe(':1\r\n');
    expect(waiting.take()).toBe('-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n');
    expect(other.exchange(`CLIENT UNBLOCK ${id}\r\nCLIENT UNBLOCK 999\r\n`)).toBe(':0\r\n:0\r\n');
  });

  test('behind replies that wait themselves comes after them', async () => {
    const node = await KeptThread.start({ fsync: 'always' });
    const connection = node.open();
    expect(connection.exchange(`${SET}WAITAOF 1 0 100\r\n`)).toBe('');
    node.environment.advance(200);
    expect(connection.take()).toBe('');
    node.disk.sync();
    expect(connection.take()).toBe('+OK\r\n*2\r\n:0\r\n:0\r\n');
  });

  test.each([
    ['2 0 0', 'value is out of range, value must between 0 and 1'],
    ['1 -1 0', 'value is out of range, must be positive'],
    ['1 0 x', 'timeout is not an integer or out of range'],
    ['1 0 -1', 'timeout is negative'],
  ])('%s: %s', async (words, error) => {
    const node = await KeptThread.start();
    expect(node.open().exchange(`WAITAOF ${words}\r\n`)).toBe(`-ERR ${error}\r\n`);
  });
});

describe('INFO persistence and CONFIG', () => {
  function fieldsOf(reply: string): Map<string, string> {
    const lines = reply.split('\r\n').filter((line) => /^[a-z]/.test(line));
    return new Map(lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]));
  }

  test('tell how far the disk is', async () => {
    const node = await KeptThread.start({ fsync: 'everysec' });
    const connection = node.open();
    connection.exchange(SET.repeat(3));
    node.disk.write(node.disk.end - 1);
    node.disk.state.setFigure(Figure.savedSequence, 1);
    const fields = fieldsOf(connection.exchange('INFO persistence\r\n'));
    expect(Object.fromEntries(fields)).toMatchObject({
      loading: '0',
      aof_enabled: '1',
      aof_last_write_status: 'ok',
      rdb_changes_since_last_save: '2',
      rdb_bgsave_in_progress: '0',
      shoal_persistence: 'log',
      shoal_persistence_status: 'ok',
      shoal_log_unwritten_changes: '1',
      shoal_log_unsynced_changes: '3',
    });
  });

  test('tell of a failure', async () => {
    const node = await KeptThread.start();
    node.disk.fail('the disk is full');
    expect(Object.fromEntries(fieldsOf(node.open().exchange('INFO persistence\r\n')))).toMatchObject({
      aof_last_write_status: 'err',
      shoal_persistence_status: 'failing',
      shoal_persistence_failure: 'the disk is full',
      shoal_persistence_on_failure: 'refuse-writes',
    });
  });

  test('say what is kept, by the names that Redis has for it', async () => {
    const values = async (node: KeptThread): Promise<readonly string[]> => {
      const reply = node.open().exchange('CONFIG GET save appendonly appendfsync\r\n');
      const texts = reply.split('\r\n').filter((line) => !/^[*$]/.test(line));
      return texts.filter((_, index) => index % 2 === 1);
    };
    expect(await values(await KeptThread.start({ fsync: 'always' }))).toEqual(['', 'yes', 'always']);
    expect(await values(await KeptThread.start({ fsync: 'never' }))).toEqual(['', 'yes', 'no']);
    expect(await values(await KeptThread.start({ mode: 'snapshot' }))).toEqual(['300 1', 'no', 'no']);
    const directory = (await KeptThread.start()).open().exchange('CONFIG GET dir\r\n');
    expect(directory).toContain(`${process.cwd()}/nowhere\r\n`);
  });

  test('a client that waits in a command counts as blocked', async () => {
    const node = await KeptThread.start({ mode: 'snapshot' });
    node.open().receive('SAVE\r\n');
    expect(fieldsOf(node.open().exchange('INFO clients\r\n')).get('blocked_clients')).toBe('1');
  });
});

describe('SHUTDOWN', () => {
  test('of a node inside an application is refused', async () => {
    await using node = await startFakeNode();
    expect(node.open().exchange('SHUTDOWN\r\nSHUTDOWN NOSAVE\r\n')).toBe(
      '-ERR This node is part of an application, which stops it\r\n'.repeat(2),
    );
  });

  test('knows its words', async () => {
    await using node = await startFakeNode();
    const connection = node.open();
    for (const words of ['X', 'SAVE NOSAVE', 'NOW ABORT', 'ABORT NOSAVE']) {
      expect(connection.exchange(`SHUTDOWN ${words}\r\n`)).toBe('-ERR syntax error\r\n');
    }
    expect(connection.exchange('SHUTDOWN ABORT\r\n')).toBe('-ERR No shutdown in progress.\r\n');
    expect(connection.exchange('MULTI\r\nSHUTDOWN\r\n')).toEndWith('-ERR Command not allowed inside a transaction\r\n');
  });

  test('asks whoever started the node, and is never answered', async () => {
    const node = await KeptThread.start();
    const connection = node.open();
    expect(connection.exchange('SHUTDOWN NOSAVE\r\nPING\r\n')).toBe('');
    expect(node.open().exchange('SHUTDOWN NOW\r\n')).toBe('');
    expect(node.stopsAsked).toEqual(['discard', 'save']);
  });

  test('is refused while the disk takes nothing, unless somebody insists', async () => {
    const node = await KeptThread.start();
    node.disk.fail('the disk is full');
    expect(node.open().exchange('SHUTDOWN\r\n')).toBe('-ERR Errors trying to SHUTDOWN. Check logs.\r\n');
    expect(node.open().exchange('SHUTDOWN FORCE\r\n')).toBe('');
    expect(node.stopsAsked).toEqual(['save']);
  });
});

import { describe, expect, test } from 'bun:test';
import { frame } from '../../../test/support/fake-node.ts';
import { KeptThread } from '../../../test/support/kept-thread.ts';
import { OWNED, ServingRight, SlotTable } from '../../cluster/slot-table.ts';
import { SLOT_COUNT } from '../../topology/slots.ts';

const KIB = 1024;
const SET = frame('SET', 'k', 'v');

describe('with fsync always', () => {
  test('a write is answered once it is safe, and the thread is woken for it', async () => {
    const node = await KeptThread.start({ fsync: 'always' });
    const connection = node.open();
    expect(connection.exchange(SET)).toBe('');
    node.disk.sync();
    expect(connection.take()).toBe('+OK\r\n');
    expect(node.disk.wakeCount).toBe(1);
  });

  test('a step that is not far enough lets nobody go, the next one does', async () => {
    const node = await KeptThread.start({ fsync: 'always' });
    const connection = node.open();
    connection.receive(SET);
    node.disk.sync(node.disk.end - 1);
    expect(connection.take()).toBe('');
    node.disk.sync();
    expect(connection.take()).toBe('+OK\r\n');
  });

  test('what the disk has handed to the system is not safe yet', async () => {
    const node = await KeptThread.start({ fsync: 'always' });
    const connection = node.open();
    connection.receive(SET);
    node.disk.write();
    expect(connection.take()).toBe('');
  });

  test('a connection goes on with its requests, and gets all replies in one write', async () => {
    const node = await KeptThread.start({ fsync: 'always' });
    const connection = node.open();
    connection.receive(SET).receive(frame('GET', 'k')).receive(frame('INCR', 'n')).receive(frame('INCR', 'n'));
    expect(connection.take()).toBe('');
    expect(connection.paused).toBe(false);
    const before = connection.writeCount;
    node.disk.sync();
    expect(connection.take()).toBe('+OK\r\n$1\r\nv\r\n:1\r\n:2\r\n');
    expect(connection.writeCount).toBe(before + 1);
  });

  test('replies leave in their order, each as soon as what it waits for is safe', async () => {
    const node = await KeptThread.start({ fsync: 'always' });
    const connection = node.open();
    connection.receive(frame('INCR', 'n'));
    const first = node.disk.end;
    connection.receive(frame('GET', 'n')).receive(frame('INCR', 'n')).receive('PING\r\n');
    node.disk.sync(first);
    expect(connection.take()).toBe(':1\r\n$1\r\n1\r\n');
    node.disk.sync();
    expect(connection.take()).toBe(':2\r\n+PONG\r\n');
  });

  test('a connection that only reads waits for nobody', async () => {
    const node = await KeptThread.start({ fsync: 'always' });
    node.open().receive(SET);
    expect(node.open().exchange(frame('GET', 'k') + frame('DEL', 'nothing') + 'PING\r\n')).toBe(
      '$1\r\nv\r\n:0\r\n+PONG\r\n',
    );
  });

  test('an expired key that a read removes is nothing to wait for', async () => {
    const node = await KeptThread.start({ fsync: 'always' });
    const writer = node.open();
    writer.receive(frame('SET', 'k', 'v', 'PX', '100'));
    node.disk.sync();
    node.environment.advance(200);
    expect(node.open().exchange(frame('GET', 'k'))).toBe('$-1\r\n');
  });

  test('a transaction waits as one', async () => {
    const node = await KeptThread.start({ fsync: 'always' });
    const connection = node.open();
    expect(connection.exchange('MULTI\r\n')).toBe('+OK\r\n');
    expect(connection.exchange(SET)).toBe('+QUEUED\r\n');
    expect(connection.exchange('EXEC\r\n')).toBe('');
    node.disk.sync();
    expect(connection.take()).toBe('*1\r\n+OK\r\n');
  });

  test('a write whose reply is dropped is waited for by the next reply', async () => {
    const node = await KeptThread.start({ fsync: 'always' });
    const connection = node.open();
    connection.receive('CLIENT REPLY OFF\r\n').receive(SET);
    expect(connection.exchange('CLIENT REPLY ON\r\n')).toBe('');
    node.disk.sync();
    expect(connection.take()).toBe('+OK\r\n');
  });

  test('messages stand where they came between replies', async () => {
    const node = await KeptThread.start({ fsync: 'always' });
    const connection = node.open();
    connection.exchange('HELLO 3\r\n');
    connection.exchange('SUBSCRIBE c\r\n');
    connection.receive(frame('INCR', 'n') + frame('PUBLISH', 'c', 'own') + frame('INCR', 'n'));
    node.open().exchange(frame('PUBLISH', 'c', 'other'));
    expect(connection.take()).toBe('');
    node.disk.sync();
    const message = (text: string): string => `>3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$${text.length}\r\n${text}\r\n`;
    expect(connection.take()).toBe(`:1\r\n:1\r\n${message('own')}:2\r\n${message('other')}`);
  });

  test('QUIT closes behind the replies that wait, however long that takes', async () => {
    const node = await KeptThread.start({ fsync: 'always' });
    const connection = node.open();
    connection.receive(`${SET}QUIT\r\n`);
    node.environment.advance(60_000);
    expect(connection.state).toBe('open');
    node.disk.sync();
    expect(connection.take()).toBe('+OK\r\n+OK\r\n');
    expect(connection.state).toBe('ended');
  });

  test('replies that come to much hold the requests up until they leave', async () => {
    const node = await KeptThread.start(
      { fsync: 'always' },
      { outputPauseBytes: 64 * KIB, outputStallTimeoutMs: 1000, valueBytesMax: 32 * KIB },
    );
    const connection = node.open();
    connection.receive(frame('SET', 'k', 'x'.repeat(20 * KIB)));
    connection.receive(frame('GET', 'k').repeat(5)).receive(frame('INCR', 'n'));
    expect(connection.paused).toBe(true);
    // The peer can do nothing about it, so it is not closed for that.
    node.environment.advance(30_000);
    expect(connection.state).toBe('open');
    node.disk.sync();
    expect(connection.paused).toBe(false);
    const begun = connection.take();
    expect(begun).toStartWith('+OK\r\n$20480\r\n');
    // A request that was held up is another write.
    expect(begun).not.toContain(':1\r\n');
    node.disk.sync();
    const value = `$20480\r\n${'x'.repeat(20 * KIB)}\r\n`;
    expect(begun + connection.take()).toBe(`+OK\r\n${value.repeat(5)}:1\r\n`);
  });

  test('a connection with very many batches that wait is held', async () => {
    const node = await KeptThread.start({ fsync: 'always' });
    const connection = node.open();
    for (let count = 0; count < 100; count += 1) connection.receive(frame('INCR', 'n'));
    expect(connection.paused).toBe(true);
    let received = '';
    for (let round = 0; round < 3; round += 1) {
      node.disk.sync();
      received += connection.take();
    }
    expect(received).toBe(Array.from({ length: 100 }, (_, index) => `:${index + 1}\r\n`).join(''));
    expect(connection.paused).toBe(false);
  });

  test('a socket that is full takes the rest later', async () => {
    const node = await KeptThread.start({ fsync: 'always' });
    const connection = node.open();
    connection.receive(SET).receive(frame('INCR', 'n'));
    connection.room = 3;
    node.disk.sync();
    expect(connection.take()).toBe('+OK');
    connection.drain();
    expect(connection.take()).toBe('\r\n:1\r\n');
  });

  test('a transport that keeps the buffer of what may leave gets nothing of what may not', async () => {
    const node = await KeptThread.start({ fsync: 'always' });
    const connection = node.open();
    connection.receive(frame('INCR', 'n'));
    const first = node.disk.end;
    connection.receive(frame('INCR', 'n'));
    connection.room = 0;
    connection.retains = true;
    node.disk.sync(first);
    expect(connection.take()).toBe(':1\r\n');
    connection.retains = false;
    node.disk.sync();
    expect(connection.take()).toBe('');
    connection.drain();
    expect(connection.take()).toBe(':2\r\n');
  });

  test('a connection that goes while its replies wait is no trouble to others', async () => {
    const node = await KeptThread.start({ fsync: 'always' });
    const [gone, stays] = [node.open(), node.open()];
    gone.receive(SET);
    stays.receive(SET);
    gone.close();
    node.disk.sync();
    expect([gone.take(), stays.take()]).toEqual(['', '+OK\r\n']);
  });

  test('the idle timeout does not run while replies wait', async () => {
    const node = await KeptThread.start({ fsync: 'always' }, { idleTimeoutMs: 2000 });
    const connection = node.open();
    connection.receive(SET);
    node.environment.advance(10_000);
    expect(connection.state).toBe('open');
  });
});

describe('of a node in a cluster', () => {
  /** All slots are its own, for a second. */
  function ownSlots(): SlotTable {
    const slots = SlotTable.create();
    slots.apply({ epoch: 1, selfIndex: 0, words: new Int32Array(SLOT_COUNT).fill(OWNED) });
    slots.setServeUntil(1000, ServingRight.lease);
    return slots;
  }

  test('replies leave only while the node may serve', async () => {
    const node = await KeptThread.start({ fsync: 'always' }, {}, ownSlots());
    const [early, late] = [node.open(), node.open()];
    early.receive(SET);
    node.environment.advance(500);
    node.disk.sync();
    expect(early.take()).toBe('+OK\r\n');
    late.receive(SET);
    node.environment.advance(600);
    node.disk.sync();
    expect([late.take(), late.state]).toEqual(['', 'destroyed']);
  });

  test('what was read behind a write counts as well', async () => {
    const node = await KeptThread.start({ fsync: 'always' }, {}, ownSlots());
    const connection = node.open();
    connection.receive(frame('FLUSHALL')).receive(frame('GET', 'k'));
    node.environment.advance(1100);
    node.disk.sync();
    expect([connection.take(), connection.state]).toEqual(['', 'destroyed']);
  });
});

describe('with another fsync', () => {
  test('nothing waits as long as the disk keeps up', async () => {
    const node = await KeptThread.start({ fsync: 'everysec' });
    expect(node.open().exchange(SET)).toBe('+OK\r\n');
    expect((await KeptThread.start({ mode: 'snapshot' })).open().exchange(SET)).toBe('+OK\r\n');
  });

  test.each(['log', 'snapshot'] as const)(
    '%s: who writes while the disk is far behind waits until there is room for that, and sends no more meanwhile',
    async (mode) => {
      const node = await KeptThread.start({ mode, fsync: 'everysec' });
      node.disk.hold(2);
      const connection = node.open();
      expect(connection.exchange(SET)).toBe('+OK\r\n');
      expect(connection.exchange(SET)).toBe('+OK\r\n');
      const { end } = node.disk;
      expect(connection.exchange(SET)).toBe('');
      expect(connection.paused).toBe(true);
      expect(node.open().exchange(frame('GET', 'k'))).toBe('$1\r\nv\r\n');
      node.disk.follow(end - 1);
      expect(connection.take()).toBe('+OK\r\n');
      expect(connection.paused).toBe(false);
    },
  );

  test('a disk that does not move at all holds nobody up for longer than a second', async () => {
    const node = await KeptThread.start({ fsync: 'everysec' });
    node.disk.hold(1);
    node.open().receive(SET);
    node.open().receive(SET);
    const connection = node.open();
    connection.receive(SET);
    node.environment.advance(900);
    node.disk.follow(node.disk.end - 2);
    node.environment.advance(900);
    expect(connection.take()).toBe('');
    node.environment.advance(200);
    expect(connection.take()).toBe('+OK\r\n');
  });
});

describe('a disk that fails', () => {
  const MISCONF = '-MISCONF Writes are refused because they cannot be kept on disk: the disk is full\r\n';

  test('who waits for it is never told OK: the connection is closed', async () => {
    const node = await KeptThread.start({ fsync: 'always' });
    const [connection, other, reader] = [node.open(), node.open(), node.open()];
    connection.receive(SET);
    other.receive(frame('INCR', 'n'));
    node.disk.fail('the disk is full');
    expect([connection.take(), connection.state]).toEqual(['', 'destroyed']);
    expect([other.take(), other.state]).toEqual(['', 'destroyed']);
    expect(reader.exchange(frame('GET', 'k'))).toBe('$1\r\nv\r\n');
    expect(node.environment.lines.map(({ message }) => message)).toEqual([
      '2 connections are closed, whose writes may be lost and are not confirmed',
    ]);
  });

  test('what was safe before is confirmed', async () => {
    const node = await KeptThread.start({ fsync: 'always' });
    const connection = node.open();
    connection.receive(SET);
    node.disk.state.setDurable(node.disk.end);
    node.disk.fail('the disk is full');
    expect([connection.take(), connection.state]).toEqual(['+OK\r\n', 'open']);
  });

  test('of two writes the one that was safe is confirmed, the other is not', async () => {
    const node = await KeptThread.start({ fsync: 'always' });
    const connection = node.open();
    connection.receive(frame('INCR', 'n'));
    const first = node.disk.end;
    connection.receive(frame('INCR', 'n'));
    node.disk.state.setDurable(first);
    node.disk.fail('the disk is full');
    expect([connection.take(), connection.state]).toEqual([':1\r\n', 'destroyed']);
  });

  test('writes are refused until it takes them again, reads are not', async () => {
    for (const mode of ['log', 'snapshot'] as const) {
      const node = await KeptThread.start({ mode });
      const connection = node.open();
      connection.exchange(SET);
      node.disk.fail('the disk is full');
      expect(connection.exchange(SET + frame('GET', 'k'))).toBe(`${MISCONF}$1\r\nv\r\n`);
      expect(connection.exchange('PING\r\n')).toBe(MISCONF);
      expect(connection.exchange(frame('DEL', 'k'))).toBe(MISCONF);
      node.disk.mend();
      expect(connection.exchange(SET + 'PING\r\n')).toBe('+OK\r\n+PONG\r\n');
    }
  });

  test('a transaction with a write is refused as a whole', async () => {
    const node = await KeptThread.start();
    const connection = node.open();
    connection.exchange(`MULTI\r\n${SET}`);
    node.disk.fail('the disk is full');
    expect(connection.exchange('EXEC\r\n')).toStartWith('-EXECABORT Transaction discarded because of: MISCONF');
    expect(connection.exchange('EXISTS k\r\n')).toBe(':0\r\n');
  });

  test('with go-on, writes are taken and confirmed as if nothing were kept', async () => {
    const node = await KeptThread.start({ fsync: 'always', onFailure: 'go-on' });
    const connection = node.open();
    connection.receive(SET);
    node.disk.fail('the disk is full');
    expect(connection.take()).toBe('+OK\r\n');
    expect(connection.exchange(SET + 'PING\r\n')).toBe('+OK\r\n+PONG\r\n');
  });
});

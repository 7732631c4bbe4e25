/** RESP clients of a node that answers when replicas have it. */
import { describe, expect, test } from 'bun:test';
import { frame } from '../../../test/support/fake-node.ts';
import { ReplicatedThread, type ReplicatedOptions } from '../../../test/support/replicated-thread.ts';
import { keysWhere } from '../../../test/support/slot-keys.ts';

const SET = frame('SET', 'k', 'v');
const GET = frame('GET', 'k');
const LATE = '-NOREPLICAS It was done here, but 0 of 1 replicas have it after 1000 ms\r\n';

function start(ackReplicas = 1, options: ReplicatedOptions = {}): Promise<ReplicatedThread> {
  return ReplicatedThread.start({ ...options, cluster: { ackReplicas } });
}

describe('with --ack', () => {
  test('a write is answered once a replica has it, and the thread is woken for it', async () => {
    const node = await start();
    const replica = node.replicas.add();
    const connection = node.open();
    expect(connection.exchange(SET)).toBe('');
    expect(node.replicas.askCount).toBe(1);
    node.replicas.confirm(replica);
    expect(connection.take()).toBe('+OK\r\n');
    expect(node.replicas.wakeCount).toBe(1);
  });

  test('as many replicas as were asked for have it, of those that copy the slot', async () => {
    const node = await start(2);
    const [first, second] = [node.replicas.add(), node.replicas.add()];
    const stranger = node.replicas.add(() => false);
    const connection = node.open();
    connection.receive(SET);
    for (const replica of [first, stranger]) node.replicas.confirm(replica);
    expect(connection.take()).toBe('');
    node.replicas.confirm(second);
    expect(connection.take()).toBe('+OK\r\n');
  });

  test('a connection goes on with its requests, and what it is told keeps its order', async () => {
    const node = await start();
    const replica = node.replicas.add();
    const connection = node.open();
    connection.receive(frame('INCR', 'n'));
    const first = node.replicas.end;
    connection.receive(frame('INCR', 'n')).receive('PING\r\n');
    node.replicas.confirm(replica, first);
    expect(connection.take()).toBe(':1\r\n');
    node.replicas.confirm(replica);
    expect(connection.take()).toBe(':2\r\n+PONG\r\n');
  });

  test('a read waits for what it may have seen, and for nothing where replicas have all', async () => {
    const node = await start();
    const replica = node.replicas.add();
    const reader = node.open();
    node.open().receive(SET);
    expect(reader.exchange(GET)).toBe('');
    node.replicas.confirm(replica);
    expect(reader.take()).toBe('$1\r\nv\r\n');
    expect(reader.exchange(GET)).toBe('$1\r\nv\r\n');
  });

  test('what has no keys does not wait', async () => {
    const node = await start();
    node.replicas.add();
    node.open().receive(SET);
    expect(node.open().exchange('PING\r\nDBSIZE\r\n')).toBe('+PONG\r\n:1\r\n');
  });

  test('a transaction waits as one, and one that queues does not', async () => {
    const node = await start();
    const replica = node.replicas.add();
    const connection = node.open();
    expect(connection.exchange(`MULTI\r\n${SET}${GET}`)).toBe('+OK\r\n+QUEUED\r\n+QUEUED\r\n');
    expect(connection.exchange('EXEC\r\n')).toBe('');
    node.replicas.confirm(replica);
    expect(connection.take()).toBe('*2\r\n+OK\r\n$1\r\nv\r\n');
  });

  test('FLUSHALL waits until all slots of the node are flushed at replicas', async () => {
    const node = await start();
    const half = node.replicas.add((slot) => slot < 8000);
    const rest = node.replicas.add((slot) => slot >= 8000);
    const connection = node.open();
    expect(connection.exchange('FLUSHALL\r\n')).toBe('');
    node.replicas.confirm(half);
    expect(connection.take()).toBe('');
    node.replicas.confirm(rest);
    expect(connection.take()).toBe('+OK\r\n');
  });
});

describe('when no replica has it in time', () => {
  test('the client is told that it was done, and how many have it', async () => {
    const node = await start();
    const connection = node.open();
    connection.receive(SET);
    node.environment.advance(990);
    expect(connection.take()).toBe('');
    node.environment.advance(20);
    expect(connection.take()).toBe(LATE);
    node.replicas.add();
    expect(connection.exchange(GET)).toBe('$1\r\nv\r\n');
  });

  test('only the replies of what too few have become errors, in their places', async () => {
    const node = await start(2);
    const everywhere = node.replicas.add();
    const half = node.replicas.add((slot) => slot < 8000);
    const [low] = keysWhere((slot) => slot < 8000, 1) as [string];
    const [high] = keysWhere((slot) => slot >= 8000, 1) as [string];
    const connection = node.open();
    connection.receive(frame('INCR', low) + frame('INCR', high) + 'PING\r\n' + frame('GET', high) + frame('INCR', low));
    connection.receive('PING\r\n');
    node.replicas.confirm(everywhere);
    node.replicas.confirm(half);
    node.environment.advance(1010);
    const late = '-NOREPLICAS It was done here, but 1 of 2 replicas have it after 1000 ms\r\n';
    expect(connection.take()).toBe(`:1\r\n${late}+PONG\r\n${late}:2\r\n+PONG\r\n`);
  });

  test('an error of the command itself stays what it was', async () => {
    const node = await start();
    const connection = node.open();
    connection.receive(SET + frame('INCR', 'k') + frame('SET', 'k'));
    node.environment.advance(1010);
    expect(connection.take()).toBe(
      `${LATE}-ERR value is not an integer or out of range\r\n-ERR wrong number of arguments for 'set' command\r\n`,
    );
  });

  test('a transaction is one error', async () => {
    const node = await start();
    const connection = node.open();
    connection.exchange('MULTI\r\n');
    connection.exchange(SET);
    connection.receive('EXEC\r\n');
    node.environment.advance(1010);
    expect(connection.take()).toBe(LATE);
  });

  test('a reply that is not sent becomes none', async () => {
    const node = await start();
    const connection = node.open();
    connection.receive(`CLIENT REPLY SKIP\r\n${SET}PING\r\n`);
    node.environment.advance(1010);
    expect(connection.take()).toBe('+PONG\r\n');
  });

  test('very many replies become errors too', async () => {
    const node = await start();
    const connection = node.open();
    connection.receive(frame('INCR', 'n').repeat(5000));
    node.environment.advance(1010);
    expect(connection.take()).toBe(LATE.repeat(5000));
  });
});

describe('together with a disk', () => {
  test('a write waits for both, whichever comes first', async () => {
    for (const order of ['disk first', 'replica first']) {
      const node = await start(1, { keepsData: true });
      const replica = node.replicas.add();
      const connection = node.open();
      connection.receive(SET);
      if (order === 'disk first') node.disk!.sync();
      else node.replicas.confirm(replica);
      expect(connection.take()).toBe('');
      if (order === 'disk first') node.replicas.confirm(replica);
      else node.disk!.sync();
      expect(connection.take()).toBe('+OK\r\n');
    }
  });

  test('an error is told only once the disk has it', async () => {
    const node = await start(1, { keepsData: true });
    const connection = node.open();
    connection.receive(SET);
    node.environment.advance(5000);
    expect(connection.take()).toBe('');
    node.disk!.sync();
    expect(connection.take()).toBe(LATE);
  });
});

test('a node that lost its right to serve meanwhile answers nothing', async () => {
  const node = await start();
  const replica = node.replicas.add();
  const connection = node.open();
  connection.receive(SET);
  node.slots.setServeUntil(0, 0);
  node.replicas.confirm(replica);
  expect(connection.take()).toBe('');
  expect(connection.state).toBe('destroyed');
});

test('without --ack nobody waits', async () => {
  const node = await start(0);
  node.replicas.add();
  expect(node.open().exchange(SET)).toBe('+OK\r\n');
});

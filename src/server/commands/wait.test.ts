import { describe, expect, test } from 'bun:test';
import { frame, startFakeNode } from '../../../test/support/fake-node.ts';
import { ReplicatedThread } from '../../../test/support/replicated-thread.ts';
import { keysWhere, slotOf } from '../../../test/support/slot-keys.ts';

const SET = frame('SET', 'k', 'v');

describe('WAIT', () => {
  test('answers once so many replicas have what the connection wrote, with how many do', async () => {
    const node = await ReplicatedThread.start();
    const [first, second] = [node.replicas.add(), node.replicas.add()];
    const connection = node.open();
    expect(connection.exchange(`${SET}WAIT 2 0\r\n`)).toBe('+OK\r\n');
    expect(node.replicas.askCount).toBe(1);
    node.replicas.confirm(first);
    expect(connection.take()).toBe('');
    node.replicas.confirm(second);
    expect(connection.take()).toBe(':2\r\n');
  });

  test('answers at once where they have it, and always for 0', async () => {
    const node = await ReplicatedThread.start();
    const replica = node.replicas.add();
    const connection = node.open();
    expect(connection.exchange('WAIT 1 0\r\n')).toBe(':1\r\n');
    expect(connection.exchange(`${SET}WAIT 0 0\r\n`)).toBe('+OK\r\n:0\r\n');
    node.replicas.confirm(replica);
    expect(connection.exchange('WAIT 1 0\r\n')).toBe(':1\r\n');
  });

  test('answers after its time with how many have it', async () => {
    const node = await ReplicatedThread.start();
    node.replicas.confirm(node.replicas.add());
    const behind = node.replicas.add();
    const connection = node.open();
    connection.receive(SET);
    node.replicas.confirm(node.replicas.all[0]!);
    expect(connection.exchange('WAIT 2 100\r\nPING\r\n')).toBe('+OK\r\n');
    node.environment.advance(90);
    expect(connection.take()).toBe('');
    node.environment.advance(20);
    expect(connection.take()).toBe(':1\r\n+PONG\r\n');
    node.replicas.confirm(behind);
    expect(connection.exchange('WAIT 2 100\r\n')).toBe(':2\r\n');
  });

  test('is for all slots that the connection wrote to, each of which has replicas of its own', async () => {
    const node = await ReplicatedThread.start();
    const low = node.replicas.add((slot) => slot < 8000);
    const high = node.replicas.add((slot) => slot >= 8000);
    const keys = [...keysWhere((slot) => slot < 8000, 1), ...keysWhere((slot) => slot >= 8000, 1)];
    const connection = node.open();
    connection.exchange(keys.map((key) => frame('SET', key, 'v')).join(''));
    expect(connection.exchange('WAIT 1 0\r\n')).toBe('');
    node.replicas.confirm(low);
    expect(connection.take()).toBe('');
    node.replicas.confirm(high);
    expect(connection.take()).toBe(':1\r\n');
  });

  test('is for all slots of the node, where the connection wrote to very many', async () => {
    const node = await ReplicatedThread.start();
    const replica = node.replicas.add();
    const connection = node.open();
    connection.exchange(
      keysWhere(() => true, 200)
        .map((key) => frame('SET', key, 'v'))
        .join(''),
    );
    expect(connection.exchange('WAIT 1 0\r\n')).toBe('');
    node.replicas.confirm(replica);
    expect(connection.take()).toBe(':1\r\n');
  });

  test('a replica of other slots counts for nothing', async () => {
    const node = await ReplicatedThread.start();
    node.replicas.confirm(node.replicas.add((slot) => slot !== slotOf('k')));
    const connection = node.open();
    expect(connection.exchange(`${SET}WAIT 1 50\r\n`)).toBe('+OK\r\n');
    node.environment.advance(60);
    expect(connection.take()).toBe(':0\r\n');
  });

  test('ends with an error where the slot goes to another node', async () => {
    const node = await ReplicatedThread.start();
    const replica = node.replicas.add();
    const connection = node.open();
    connection.exchange(`${SET}WAIT 1 0\r\n`);
    node.own((slot) => slot !== slotOf('k'));
    node.replicas.confirm(replica);
    expect(connection.take()).toStartWith('-UNBLOCKED ');
    // What comes later is another matter.
    expect(connection.exchange('WAIT 1 0\r\n')).toStartWith('-UNBLOCKED ');
    const [key] = keysWhere((slot) => slot !== slotOf('k'), 1) as [string];
    expect(node.open().exchange(`${frame('SET', key, 'v')}WAIT 0 0\r\n`)).toBe('+OK\r\n:0\r\n');
  });

  test('ends with its connection, and by CLIENT UNBLOCK', async () => {
    const node = await ReplicatedThread.start();
    node.replicas.add();
    const gone = node.open();
    gone.exchange(`${SET}WAIT 1 0\r\n`);
    gone.close();
    const connection = node.open();
    const id = /:(\d+)/.exec(connection.exchange('CLIENT ID\r\n'))![1]!;
    connection.exchange(`${SET}WAIT 1 0\r\n`);
    expect(node.open().exchange(`CLIENT UNBLOCK ${id}\r\n`)).toBe(':1\r\n');
    expect(connection.take()).toBe(':0\r\n');
  });

  test('waits for nobody inside of a transaction', async () => {
    const node = await ReplicatedThread.start();
    node.replicas.add();
    const connection = node.open();
    expect(connection.exchange(`MULTI\r\n${SET}WAIT 1 0\r\nEXEC\r\n`)).toEndWith('*2\r\n+OK\r\n:0\r\n');
  });

  test('asks for numbers, and knows of no replicas outside a cluster', async () => {
    await using alone = await startFakeNode();
    const connection = alone.open();
    expect(connection.exchange('WAIT x 0\r\n')).toBe('-ERR value is not an integer or out of range\r\n');
    expect(connection.exchange('WAIT 0 x\r\n')).toBe('-ERR timeout is not an integer or out of range\r\n');
    expect(connection.exchange('WAIT 0 -1\r\n')).toBe('-ERR timeout is negative\r\n');
    expect(connection.exchange('WAIT 1 0\r\n')).toBe(':0\r\n');
  });
});

describe('min-replicas-to-write', () => {
  test('refuses writes to slots that have fewer replicas', async () => {
    const node = await ReplicatedThread.start();
    node.replicas.add((slot) => slot === slotOf('k'));
    const connection = node.open();
    connection.exchange('CONFIG SET min-replicas-to-write 1\r\n');
    const [other] = keysWhere((slot) => slot !== slotOf('k'), 1) as [string];
    expect(connection.exchange(SET + frame('SET', other, 'v') + frame('GET', other))).toBe(
      '+OK\r\n-NOREPLICAS Not enough good replicas to write.\r\n$-1\r\n',
    );
    expect(connection.exchange('FLUSHALL\r\n')).toStartWith('-NOREPLICAS');
  });

  test('counts no replica that is ten seconds behind', async () => {
    const node = await ReplicatedThread.start();
    const replica = node.replicas.add();
    const connection = node.open();
    connection.exchange(`CONFIG SET min-replicas-to-write 1\r\n${SET}`);
    node.environment.advance(9000);
    expect(connection.exchange(SET)).toBe('+OK\r\n');
    node.environment.advance(3000);
    expect(connection.exchange(SET)).toStartWith('-NOREPLICAS');
    node.replicas.confirm(replica);
    expect(connection.exchange(SET)).toBe('+OK\r\n');
  });
});

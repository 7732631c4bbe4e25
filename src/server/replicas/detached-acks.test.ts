/** Clients of the Shoal protocol that want replicas to have what they are told. */
import { describe, expect, test } from 'bun:test';
import { ReplicatedThread } from '../../../test/support/replicated-thread.ts';
import { callWords, encodeFrame, int64, type RequestFields } from '../../../test/support/shoal-frames.ts';
import { clusterTag } from '../forwarding/forward-replies.ts';

const ONE = { replicas: 1, waitMs: 500 };

function set(requestId: number, more: Partial<RequestFields> = {}): RequestFields {
  return { opcode: 'set', requestId, key: 'k', value: 'v', ...more };
}

/** What `replies` are, in short. */
function shown(replies: readonly { requestId: number; status: string; replicas: number | null }[]): unknown {
  return replies.map(({ requestId, status, replicas }) => [requestId, status, replicas]);
}

describe('a request that asks for it', () => {
  test('is answered once so many replicas have it, with how many do', async () => {
    const node = await ReplicatedThread.start();
    const [first, second] = [node.replicas.add(), node.replicas.add()];
    const connection = node.openShoal();
    connection.send(set(1, { ack: { replicas: 2, waitMs: 500 } }));
    expect(node.replicas.askCount).toBe(1);
    node.replicas.confirm(first);
    expect(connection.take()).toEqual([]);
    node.replicas.confirm(second);
    expect(shown(connection.take())).toEqual([[1, 'ok', 2]]);
  });

  test('is waited for by nobody else on its connection', async () => {
    const node = await ReplicatedThread.start();
    const replica = node.replicas.add();
    const connection = node.openShoal();
    expect(shown(connection.exchange(set(1, { ack: ONE }), set(2), { opcode: 'ping', requestId: 3 }))).toEqual([
      [2, 'ok', null],
      [3, 'ok', null],
    ]);
    node.replicas.confirm(replica);
    expect(shown(connection.take())).toEqual([[1, 'ok', 1]]);
  });

  test('is answered after its own time with how many have it, and was done', async () => {
    const node = await ReplicatedThread.start();
    const replica = node.replicas.add();
    const connection = node.openShoal();
    connection.send(set(1, { ack: { replicas: 2, waitMs: 100 } }), set(2, { ack: { replicas: 2, waitMs: 300 } }));
    node.replicas.confirm(replica);
    node.environment.advance(120);
    expect(shown(connection.take())).toEqual([[1, 'ok', 1]]);
    node.environment.advance(200);
    expect(shown(connection.take())).toEqual([[2, 'ok', 1]]);
    expect(connection.exchange({ opcode: 'get', key: 'k' })[0]!.value.toString()).toBe('v');
  });

  test('is answered at once where replicas have all, and where there are none with 0', async () => {
    const node = await ReplicatedThread.start();
    const connection = node.openShoal();
    const get: RequestFields = { opcode: 'get', requestId: 1, key: 'k', ack: ONE };
    node.replicas.add();
    expect(shown(connection.exchange(get))).toEqual([[1, 'miss', 1]]);
    connection.send({ ...get, ack: { replicas: 2, waitMs: 50 } });
    node.environment.advance(60);
    expect(shown(connection.take())).toEqual([[1, 'miss', 1]]);
  });

  test('may be any that concerns a key; what is answered is what it was', async () => {
    const node = await ReplicatedThread.start();
    const replica = node.replicas.add();
    const connection = node.openShoal();
    connection.send(
      set(1, { ack: ONE, flags: ['wantVersion'] }),
      { opcode: 'get', requestId: 2, key: 'k', flags: ['wantTtl'], ack: ONE },
      { opcode: 'exists', requestId: 3, key: 'k', ack: ONE },
      { opcode: 'increment', requestId: 4, key: 'n', value: int64(5), ack: ONE },
      { opcode: 'touch', requestId: 5, key: 'k', ttlMs: 5000, ack: ONE },
      { opcode: 'delete', requestId: 6, key: 'k', ack: ONE },
      { opcode: 'call', requestId: 7, value: callWords(['APPEND', 'a', 'xyz']), ack: ONE },
    );
    expect(connection.take()).toEqual([]);
    node.replicas.confirm(replica);
    const replies = connection.take();
    expect(replies.map(({ requestId }) => requestId)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(replies.every(({ status, replicas }) => status === 'ok' && replicas === 1)).toBe(true);
    expect(replies[0]!.version).not.toBeNull();
    expect([1, 3, 6].map((at) => replies[at]!.value.toString('latin1'))).toEqual([
      'v',
      int64(5).toString('latin1'),
      ':3\r\n',
    ]);
  });

  test('is answered at once where it fails, or concerns no slot', async () => {
    const node = await ReplicatedThread.start();
    node.replicas.add();
    const connection = node.openShoal();
    connection.exchange(set(1));
    expect(
      shown(
        connection.exchange(
          { opcode: 'increment', requestId: 2, key: 'k', value: int64(1), ack: ONE },
          { opcode: 'call', requestId: 3, value: callWords(['INCR', 'k']), ack: ONE },
          { opcode: 'call', requestId: 4, value: callWords(['PING']), ack: ONE },
        ),
      ),
    ).toEqual([
      [2, 'notAnInteger', null],
      [3, 'notAnInteger', null],
      [4, 'ok', 0],
    ]);
  });

  test('leaves nothing behind where its connection goes', async () => {
    const node = await ReplicatedThread.start();
    const replica = node.replicas.add();
    const connection = node.openShoal();
    connection.send(set(1, { ack: ONE }));
    connection.connection.close();
    node.replicas.confirm(replica);
    node.environment.advance(1000);
    expect(connection.take()).toEqual([]);
  });

  test('is not answered by a node that lost its right to serve meanwhile', async () => {
    const node = await ReplicatedThread.start();
    const replica = node.replicas.add();
    const connection = node.openShoal();
    connection.send(set(1, { ack: ONE }));
    node.slots.setServeUntil(0, 0);
    node.replicas.confirm(replica);
    expect(connection.take()).toEqual([]);
    expect(connection.connection.state).toBe('destroyed');
  });
});

describe('much that waits', () => {
  test('by its bytes: the connection reads no further until some has left', async () => {
    const node = await ReplicatedThread.start({ limits: { outputPauseBytes: 64 * 1024 } });
    const replica = node.replicas.add();
    const connection = node.openShoal();
    connection.exchange(set(1, { value: Buffer.alloc(30_000) }));
    const get: RequestFields = { opcode: 'get', key: 'k', ack: ONE };
    connection.send(get, get, get, get, { opcode: 'ping', requestId: 9 });
    expect(connection.connection.paused).toBe(true);
    expect(connection.take()).toEqual([]);
    node.replicas.confirm(replica);
    expect(connection.connection.paused).toBe(false);
    expect(connection.take().map(({ value, requestId }) => [requestId, value.length])).toEqual([
      [0, 30_000],
      [0, 30_000],
      [0, 30_000],
      [0, 30_000],
      [9, 0],
    ]);
  });

  test('of many connections leaves in the order in which it came', async () => {
    const node = await ReplicatedThread.start();
    const low = node.replicas.add((slot) => slot % 2 === 0);
    const high = node.replicas.add((slot) => slot % 2 === 1);
    const connections = Array.from({ length: 20 }, () => node.openShoal());
    const sent = connections.flatMap((connection, place) =>
      Array.from({ length: 50 }, (_, turn) => {
        connection.send({ opcode: 'set', requestId: turn, key: `key:${place}:${turn}`, value: 'v', ack: ONE });
        return 1;
      }),
    );
    node.replicas.confirm(low);
    node.replicas.confirm(high);
    const received = connections.map((connection) => connection.take());
    expect(received.flat().length).toBe(sent.length);
    for (const replies of received) {
      expect(new Set(replies.map(({ requestId }) => requestId)).size).toBe(50);
      expect(replies.every(({ replicas }) => replicas === 1)).toBe(true);
    }
  });
});

describe('a node that waits by itself', () => {
  const cluster = { ackReplicas: 1, ackTimeoutMs: 200 };

  test('has requests wait that say nothing, and takes those that do at their word', async () => {
    const node = await ReplicatedThread.start({ cluster });
    const [first, second] = [node.replicas.add(), node.replicas.add()];
    const connection = node.openShoal();
    connection.send(set(1), set(2, { ack: { replicas: 2, waitMs: 500 } }));
    node.replicas.confirm(first);
    expect(shown(connection.take())).toEqual([[1, 'ok', null]]);
    node.replicas.confirm(second);
    expect(shown(connection.take())).toEqual([[2, 'ok', 2]]);
  });

  test('answers with a status of its own where no replica has it in time', async () => {
    const node = await ReplicatedThread.start({ cluster });
    const connection = node.openShoal();
    connection.send(set(7), { opcode: 'get', requestId: 8, key: 'k' });
    node.environment.advance(220);
    const replies = connection.take();
    expect(shown(replies)).toEqual([
      [7, 'notReplicated', 0],
      [8, 'notReplicated', 0],
    ]);
    expect(replies[0]!.value.toString()).toBe('It was done here, but 0 of 1 replicas have it after 200 ms');
  });

  test('answers what another node passes on as its client has to be answered', async () => {
    const node = await ReplicatedThread.start({ cluster });
    const connection = node.openShoal();
    const inner = encodeFrame({ opcode: 'set', key: 'k', value: 'w', ack: { replicas: 1, waitMs: 50 } });
    connection.send(
      forward(1, 2, commandWords('SET', 'k', 'v')),
      forward(2, 3, commandWords('GET', 'k')),
      forward(3, 2, commandWords('INCR', 'k')),
      forward(4, 1, inner),
    );
    expect(shown(connection.take())).toEqual([[3, 'ok', null]]);
    node.environment.advance(220);
    const replies = connection.take();
    expect(shown(replies)).toEqual([
      [4, 'ok', 0],
      [1, 'ok', null],
      [2, 'ok', null],
    ]);
    const line = '-NOREPLICAS It was done here, but 0 of 1 replicas have it after 200 ms\r\n';
    expect(replies.slice(1).map(({ value }) => value.toString('latin1'))).toEqual([line, line]);
  });
});

/** A `forward` of `request`, in a cluster that is named `test`. */
function forward(requestId: number, form: number, request: Buffer): RequestFields {
  const head = Buffer.alloc(12);
  head[1] = form;
  head.writeUInt32LE(clusterTag('test'), 4);
  return { opcode: 'forward', requestId, value: Buffer.concat([head, request]) };
}

function commandWords(...words: readonly string[]): Buffer {
  const count = Buffer.alloc(4);
  count.writeUInt32LE(words.length);
  return Buffer.concat([count, callWords(words).subarray(2)]);
}

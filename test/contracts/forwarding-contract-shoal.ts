/** The forwarding contract, part two: requests of the Shoal protocol, what redirects choose, and what a receiver refuses. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { once } from 'node:events';
import { HEADER_BYTES } from '../../src/protocol/shoal/frame.ts';
import { clusterTag } from '../../src/server/forwarding/forward-replies.ts';
import { RawClient } from '../support/raw-client.ts';
import { decodeReplies, encodeFrame, encodeHello, int64, type ReplyFields } from '../support/shoal-frames.ts';
import { keysWhere, slotOf } from '../support/slot-keys.ts';
import type { ForwardingCase } from './forwarding-contract.ts';

/** Sends all of `frames` at once and returns as many replies. */
async function shoalExchange(port: number, frames: readonly Buffer[]): Promise<ReplyFields[]> {
  const socket = connect({ port, host: '127.0.0.1' });
  await once(socket, 'connect');
  socket.write(Buffer.concat(frames));
  let received: Buffer = Buffer.alloc(0);
  const count = (): number => {
    let replies = 0;
    for (let at = 0; at + HEADER_BYTES <= received.length; replies += 1) {
      at += HEADER_BYTES + received.readUInt16LE(at + 14) + received.readUInt32LE(at + 16);
      if (at > received.length) break;
    }
    return replies;
  };
  while (count() < frames.length) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    received = Buffer.concat([received, chunk]);
  }
  socket.destroy();
  return decodeReplies(received);
}

function callValue(...words: readonly string[]): Buffer {
  const parts: Buffer[] = [Buffer.of(words.length, 0)];
  for (const word of words) {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(word.length);
    parts.push(length, Buffer.from(word, 'latin1'));
  }
  return Buffer.concat(parts);
}

export const shoalCases: readonly ForwardingCase[] = [
  {
    name: 'forwards operations and calls of the Shoal protocol with all that they carry, in their database',
    async run(fixture) {
      const cluster = await fixture.start(3);
      const [key = '', counter = ''] = keysWhere((slot) => slot % 3 === 2, 2, 'operation');
      const [own = ''] = keysWhere((slot) => slot % 3 === 0, 1, 'operation');
      const replies = await shoalExchange(cluster.nodes[0]!.port, [
        encodeHello({ database: 5 }, 1),
        encodeFrame({ opcode: 'set', requestId: 10, key, value: 'there', ttlMs: 60_000, flags: ['wantVersion'] }),
        encodeFrame({ opcode: 'set', requestId: 11, key: own, value: 'here' }),
        encodeFrame({ opcode: 'get', requestId: 12, key, flags: ['wantTtl', 'wantVersion'] }),
        encodeFrame({ opcode: 'get', requestId: 13, key: own }),
        encodeFrame({ opcode: 'increment', requestId: 14, key: counter, value: int64(41) }),
        encodeFrame({ opcode: 'increment', requestId: 15, key: counter, value: int64(1) }),
        encodeFrame({ opcode: 'increment', requestId: 16, key, value: int64(1) }),
        encodeFrame({ opcode: 'call', requestId: 17, value: callValue('GET', key) }),
        encodeFrame({ opcode: 'call', requestId: 18, value: callValue('GET', key, 'too many') }),
        encodeFrame({ opcode: 'exists', requestId: 19, key: `{${key}}none` }),
        encodeFrame({ opcode: 'delete', requestId: 20, key }),
        encodeFrame({ opcode: 'touch', requestId: 21, key, ttlMs: 5 }),
        encodeFrame({ opcode: 'ping', requestId: 22, value: 'still here' }),
      ]);
      assert.deepEqual(
        replies.map(({ requestId, status }) => `${requestId} ${status}`),
        [
          '1 ok',
          '10 ok',
          '11 ok',
          '12 ok',
          '13 ok',
          '14 ok',
          '15 ok',
          '16 notAnInteger',
          '17 ok',
          '18 refused',
          '19 miss',
          '20 ok',
          '21 miss',
          '22 ok',
        ],
      );
      assert.equal(replies[3]?.value.toString(), 'there');
      assert.equal(replies[3]?.version, replies[1]?.version);
      assert.ok(replies[3]?.ttlMs !== null && (replies[3]?.ttlMs ?? 0) > 1000);
      assert.equal(replies[4]?.value.toString(), 'here');
      assert.equal(replies[6]?.value.readBigInt64LE(), 42n);
      assert.equal(replies[8]?.value.toString(), '$5\r\nthere\r\n');
      const there = await RawClient.connect(cluster.nodes[2]!.port);
      const [, inFive, , inZero] = await there.exchange([
        ['SELECT', '5'],
        ['GET', counter],
        ['SELECT', '0'],
        ['GET', counter],
      ]);
      there.close();
      assert.deepEqual([inFive, inZero], ['$2\r\n42\r\n', '$-1\r\n']);
    },
  },
  {
    name: 'sends clients that know clusters to the owner, and forwards for others',
    async run(fixture) {
      const [key = ''] = keysWhere((slot) => slot % 2 === 1, 1);
      const slot = slotOf(key);
      const moved = (port: number): string => `-MOVED ${slot} 127.0.0.1:${port}\r\n`;
      const always = await fixture.start(2, { redirect: 'moved' });
      const told = await RawClient.connect(always.nodes[0]!.port);
      assert.deepEqual(await told.exchange([['GET', key]]), [moved(always.nodes[1]!.port)]);
      told.close();
      const auto = await fixture.start(2, { redirect: 'auto' });
      const client = await RawClient.connect(auto.nodes[0]!.port);
      const [before, , after] = await client.exchange([
        ['SET', key, 'v'],
        ['CLUSTER', 'SLOTS'],
        ['GET', key],
      ]);
      client.close();
      assert.deepEqual([before, after], ['+OK\r\n', moved(auto.nodes[1]!.port)]);
      const [, plain, routing] = await shoalExchange(auto.nodes[0]!.port, [
        encodeHello({}, 1),
        encodeFrame({ opcode: 'get', requestId: 2, key }),
        encodeFrame({ opcode: 'get', requestId: 3, key, epoch: 1 }),
      ]);
      assert.deepEqual([plain?.status, plain?.value.toString(), routing?.status], ['ok', 'v', 'moved']);
    },
  },
  {
    name: 'serves what is forwarded or refuses it, and forwards it never on',
    async run(fixture) {
      const cluster = await fixture.start(2);
      const [own = '', other = ''] = [0, 1].map((node) => keysWhere((slot) => slot % 2 === node, 1)[0]!);
      const tag = clusterTag('test');
      const forward = (requestId: number, head: readonly number[], hash: number, rest: Buffer): Buffer => {
        const value = Buffer.alloc(12);
        value.set(head);
        value.writeUInt32LE(hash, 4);
        return encodeFrame({ opcode: 'forward', requestId, value: Buffer.concat([value, rest]) });
      };
      const words = (...all: readonly string[]): Buffer => {
        const value = callValue(...all);
        return Buffer.concat([value.subarray(0, 2), Buffer.alloc(2), value.subarray(2)]);
      };
      const replies = await shoalExchange(cluster.nodes[0]!.port, [
        encodeHello({}, 1),
        forward(2, [0, 2], tag, words('GET', own)),
        forward(3, [0, 3], tag, words('GET', own)),
        forward(4, [0, 2], tag, words('GET', other)),
        forward(5, [0, 1], tag, encodeFrame({ opcode: 'get', key: other })),
        forward(6, [0, 2], tag + 1, words('GET', own)),
        forward(7, [16, 2], tag, words('GET', own)),
        forward(8, [0, 6], tag, words('GET', own)),
        forward(9, [0, 2], tag, Buffer.from([1, 0, 0, 0, 9, 0, 0, 0, 1])),
        forward(10, [0, 2], tag, words('MULTI')),
        forward(11, [0, 1], tag, encodeHello({}, 1)),
        forward(12, [0, 1], tag, encodeFrame({ opcode: 'get', key: own }).subarray(0, 21)),
        encodeFrame({ opcode: 'forward', requestId: 13, value: 'short' }),
        forward(14, [0, 2], tag, words('NOSUCH')),
        forward(15, [0, 4], tag, Buffer.concat([Buffer.of(1, 0, 0, 0), words('GET', own)])),
        forward(16, [0, 5], tag, Buffer.concat([Buffer.of(1, 0, 0, 0), words('GET', own)])),
        forward(17, [0, 4], tag, Buffer.concat([Buffer.of(2, 0, 0, 0), words('GET', own)])),
        forward(18, [0, 4], tag, Buffer.concat([Buffer.of(1, 0, 0, 0), words('SELECT', '1')])),
        forward(19, [0, 4], tag, Buffer.concat([Buffer.of(1, 0, 0, 0), words('GET', other)])),
        encodeFrame({ opcode: 'get', requestId: 20, key: own }),
      ]);
      const text = ({ requestId, status, value }: ReplyFields): string =>
        `${requestId} ${status} ${value.toString('latin1').trim()}`;
      assert.deepEqual(replies.slice(1).map(text), [
        '2 ok $-1',
        '3 ok _',
        `4 moved ${slotOf(other)} 127.0.0.1:${cluster.nodes[1]!.port}`,
        // Sent before the refusal of the one on the same slot was seen.
        '5 tryAgain A request on the slot that was sent before was refused',
        '6 badRequest this node is in another cluster',
        '7 badRequest there are 16 databases, from 0 on',
        '8 badRequest a forward whose head is not whole',
        '9 badRequest a call whose words end before its value says',
        "10 ok -ERR 'multi' changes what the connection is, which a call cannot: use hello for the login and the database, and a RESP connection for the rest",
        '11 badRequest a request that is not forwarded',
        '12 badRequest a forward whose frame is not whole',
        '13 badRequest a forward whose head is not whole',
        "14 ok -ERR unknown command 'NOSUCH', with args beginning with:",
        '15 ok *1\r\n$-1',
        '16 ok *1\r\n_',
        '17 badRequest a transaction that ends before its commands do',
        '18 badRequest a command that cannot be queued',
        '19 tryAgain A request on the slot that was sent before was refused',
        '20 miss ',
      ]);
    },
  },
];

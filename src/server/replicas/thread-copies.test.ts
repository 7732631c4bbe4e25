/** Reads that a node answers from copies of another node's slots. */
import { describe, expect, test } from 'bun:test';
import { frame } from '../../../test/support/fake-node.ts';
import { ReplicatedThread } from '../../../test/support/replicated-thread.ts';
import type { RequestFields } from '../../../test/support/shoal-frames.ts';
import { keysWhere, slotOf } from '../../../test/support/slot-keys.ts';
import { CopyTable } from '../../cluster/copy-table.ts';

const [COPIED, ABSENT] = keysWhere((slot) => slot < 8000, 2) as [string, string];
const SLOT = slotOf(COPIED);
const MOVED = `-MOVED ${SLOT} 127.0.0.1:7601\r\n`;
const GET = frame('GET', COPIED);

/** A node that has a copy of the slot of `COPIED`, as of now, and serves the upper half of all slots. */
async function start(copies?: CopyTable): Promise<ReplicatedThread> {
  const node = await ReplicatedThread.start(copies === undefined ? {} : { copies });
  node.open().exchange(frame('SET', COPIED, 'value'));
  node.own((slot) => slot >= 8000);
  node.environment.advance(1000);
  node.copy([SLOT], 1000);
  return node;
}

describe('a connection after READONLY', () => {
  test('is given what there is a copy of, and told where the rest is', async () => {
    const node = await start();
    const connection = node.open();
    expect(connection.exchange(`READONLY\r\n${GET}`)).toBe('+OK\r\n$5\r\nvalue\r\n');
    expect(connection.exchange(frame('EXISTS', COPIED) + frame('TTL', COPIED))).toBe(':1\r\n:-1\r\n');
    expect(connection.exchange(frame('GET', ABSENT))).toBe(`-MOVED ${slotOf(ABSENT)} 127.0.0.1:7601\r\n`);
    // However old it is.
    node.environment.advance(100_000);
    expect(connection.exchange(GET)).toBe('$5\r\nvalue\r\n');
  });

  test('is told where a key is that it would change, and in a transaction', async () => {
    const node = await start();
    const connection = node.open();
    connection.exchange('READONLY\r\n');
    expect(connection.exchange(frame('SET', COPIED, 'x'))).toBe(MOVED);
    expect(connection.exchange(frame('GETDEL', COPIED))).toBe(MOVED);
    expect(connection.exchange(`MULTI\r\n${GET}`)).toBe(`+OK\r\n${MOVED}`);
  });

  test('is as any other after READWRITE, RESET, and once the copy is gone', async () => {
    const node = await start();
    const connection = node.open();
    connection.exchange('READONLY\r\n');
    expect(connection.exchange(`READWRITE\r\n${GET}`)).toBe(`+OK\r\n${MOVED}`);
    expect(connection.exchange(`READONLY\r\nRESET\r\nASKING\r\n${GET}`)).toEndWith(MOVED);
    connection.exchange('READONLY\r\n');
    node.copy([], 0);
    expect(connection.exchange(GET)).toBe(MOVED);
  });

  test('others are told where the key is', async () => {
    const node = await start();
    expect(node.open().exchange(`ASKING\r\n${GET}`)).toEndWith(MOVED);
  });

  test('is not given what was read while copies changed', async () => {
    let looks = 0;
    const changing = Object.create(CopyTable.create(), {
      version: { get: () => (looks += 1) * 2 },
    }) as CopyTable;
    const node = await start(changing);
    const connection = node.open();
    expect(connection.exchange(`READONLY\r\n${GET}PING\r\n`)).toBe(`+OK\r\n${MOVED}+PONG\r\n`);
    expect(looks).toBeGreaterThan(0);
  });
});

describe('getCopy', () => {
  /** A request for `key` that is content with what was so `ageMs` ago. */
  function getCopy(ageMs: number, more: Partial<RequestFields> = {}): RequestFields {
    const value = Buffer.alloc(4);
    value.writeUInt32LE(ageMs);
    return { opcode: 'getCopy', requestId: 1, epoch: 1, key: COPIED, value, ...more };
  }

  test('is answered from a copy that is young enough, and else not at all', async () => {
    const node = await start();
    const connection = node.openShoal();
    const ask = (ageMs: number): unknown =>
      connection.exchange(getCopy(ageMs)).map(({ status, value }) => [status, value.toString().slice(0, 5)]);
    expect(ask(50)).toEqual([['ok', 'value']]);
    node.environment.advance(50);
    expect(ask(50)).toEqual([['ok', 'value']]);
    node.environment.advance(1);
    expect(ask(50)).toEqual([['tryAgain', 'The c']]);
    expect(ask(51)).toEqual([['ok', 'value']]);
    expect(ask(0)).toEqual([['ok', 'value']]);
  });

  test('of a copy that nobody vouches for is answered where any age will do', async () => {
    const node = await start();
    node.copies.setCopies([{ source: 0, slots: [SLOT], isFollowed: () => false }]);
    const connection = node.openShoal();
    expect(connection.exchange(getCopy(1_000_000), getCopy(0)).map(({ status }) => status)).toEqual(['tryAgain', 'ok']);
  });

  test('is answered with what get would have, and says where the key is where there is no copy', async () => {
    const node = await start();
    const connection = node.openShoal();
    const [reply] = connection.exchange(getCopy(50, { flags: ['wantVersion', 'wantTtl'] }));
    expect([reply!.version === null, reply!.ttlMs]).toEqual([false, null]);
    const other = keysWhere((slot) => slot === SLOT, 2)[1]!;
    expect(connection.exchange(getCopy(50, { key: other })).map(({ status }) => status)).toEqual(['miss']);
    expect(connection.exchange(getCopy(50, { key: ABSENT }))[0]).toMatchObject({ status: 'moved' });
  });

  test('of a key that the node has itself is a get', async () => {
    const node = await start();
    const [own] = keysWhere((slot) => slot >= 8000, 1) as [string];
    const connection = node.openShoal();
    connection.exchange({ opcode: 'set', key: own, value: 'own' });
    expect(connection.exchange(getCopy(1, { key: own }))[0]).toMatchObject({ status: 'ok', value: Buffer.from('own') });
  });

  test('leaves the requests behind it as they are', async () => {
    const node = await start();
    const connection = node.openShoal();
    const replies = connection.exchange(getCopy(0), { opcode: 'get', epoch: 1, key: COPIED });
    expect(replies.map(({ status }) => status)).toEqual(['ok', 'moved']);
  });
});

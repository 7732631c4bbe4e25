/** CLIENT TRACKING on one thread: who is told of which changes, when, and in what form. */
import { describe, expect, test } from 'bun:test';
import type { FakeConnection } from '../../../test/support/fake-transport.ts';
import { StoreDriver } from '../../../test/support/store-driver.ts';
import { janitorRow } from '../../store/memory.ts';
import { Store } from '../../store/store.ts';
import { type FakeNode, frame, startFakeNode } from '../../../test/support/fake-node.ts';

const EVERYTHING = '>2\r\n$10\r\ninvalidate\r\n_\r\n';
const TICK_MS = 20;

/** The push that tells of `keys`. */
function invalidate(...keys: readonly string[]): string {
  return `>2\r\n$10\r\ninvalidate\r\n${frame(...keys)}`;
}

/** A connection in RESP3 that tracks. */
function openTracking(node: FakeNode, ...options: readonly string[]): FakeConnection {
  const connection = node.open();
  connection.exchange(frame('HELLO', '3'));
  expect(connection.exchange(frame('CLIENT', 'TRACKING', 'ON', ...options))).toBe('+OK\r\n');
  return connection;
}

function idOf(connection: FakeConnection): string {
  return connection.exchange('CLIENT ID\r\n').slice(1, -2);
}

function infoField(connection: FakeConnection, name: string): string | undefined {
  return new RegExp(`^${name}:(.*)\r$`, 'm').exec(connection.exchange('INFO\r\n'))?.[1];
}

/** Fields of CLIENT INFO. */
function lineField(connection: FakeConnection, name: string): string | undefined {
  return new RegExp(` ${name}=(\\S*)`).exec(connection.exchange('CLIENT INFO\r\n'))?.[1];
}

describe('a client that has read a key', () => {
  test('is told once when another changes it, and again when it has read it again', async () => {
    await using node = await startFakeNode();
    const [reader, writer] = [openTracking(node), node.open()];
    writer.exchange('SET k 1\r\n');
    expect(reader.exchange('GET k\r\n')).toBe('$1\r\n1\r\n');
    expect(writer.exchange('SET k 2\r\n')).toBe('+OK\r\n');
    expect(reader.take()).toBe(invalidate('k'));
    writer.exchange('SET k 3\r\n');
    expect(reader.take()).toBe('');
    reader.exchange('STRLEN k\r\n');
    writer.exchange('SET k 4\r\n');
    expect(reader.take()).toBe(invalidate('k'));
  });

  test('is told whatever changes it, and of keys that were not there', async () => {
    await using node = await startFakeNode();
    const [reader, writer] = [openTracking(node), node.open()];
    const changes = [
      'SETEX k 100 v',
      'APPEND k x',
      'EXPIRE k 50',
      'PERSIST k',
      'RENAME k m',
      'COPY m l',
      'GETDEL l',
      'MSET k 1 l 2',
    ];
    for (const change of changes) {
      reader.exchange('MGET k l\r\n');
      writer.exchange(`${change}\r\n`);
      const keys = ['k', 'l'].filter((key) => change.split(' ').includes(key));
      expect([change, reader.take()]).toEqual([change, keys.map((key) => invalidate(key)).join('')]);
    }
  });

  test('is told of a key of the same name in another database, as in Redis', async () => {
    await using node = await startFakeNode();
    const [reader, writer] = [openTracking(node), node.open()];
    reader.exchange('GET k\r\n');
    writer.exchange('SELECT 3\r\nSET k 1\r\n');
    expect(reader.take()).toBe(invalidate('k'));
  });

  test('is not told of changes that its read has seen', async () => {
    await using node = await startFakeNode();
    const client = openTracking(node);
    expect(client.exchange('SET k 1\r\nGET k\r\n')).toBe('+OK\r\n$1\r\n1\r\n');
    node.environment.advance(TICK_MS);
    expect(client.take()).toBe('');
  });

  test('is told behind the reply to the read, and of its own change behind the reply to that', async () => {
    await using node = await startFakeNode();
    const client = openTracking(node);
    client.exchange('SET k 1\r\n');
    expect(client.exchange('GET k\r\nSET k 2\r\nGET k\r\n')).toBe(`$1\r\n1\r\n+OK\r\n${invalidate('k')}$1\r\n2\r\n`);
    expect(client.exchange('SET k 3\r\n')).toBe(`+OK\r\n${invalidate('k')}`);
  });

  test('is told of reads and writes of a transaction behind its replies', async () => {
    await using node = await startFakeNode();
    const [client, writer] = [openTracking(node), node.open()];
    client.exchange('SET k 1\r\n');
    const replies = client.exchange('MULTI\r\nGET k\r\nSET k 2\r\nEXEC\r\n');
    expect(replies).toBe(`+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n$1\r\n1\r\n+OK\r\n${invalidate('k')}`);
    client.exchange('MULTI\r\nGET k\r\nEXEC\r\n');
    writer.exchange('DEL k\r\n');
    expect(client.take()).toBe(invalidate('k'));
  });

  test('is told when the key expires, whoever finds that out', async () => {
    await using node = await startFakeNode();
    const reader = openTracking(node);
    reader.exchange('SET k 1 PX 50\r\nGET k\r\n');
    node.environment.advance(5000);
    expect(reader.take()).toBe(invalidate('k'));
  });

  test('is told when the key is evicted', async () => {
    await using node = await startFakeNode({ memoryBytes: 4 * 2 ** 20 });
    const [reader, writer] = [openTracking(node), node.open()];
    writer.exchange('SET k 1\r\n');
    reader.exchange('GET k\r\n');
    const value = 'v'.repeat(10_000);
    for (let count = 0; writer.exchange('EXISTS k\r\n') === ':1\r\n'; count += 1) {
      expect(reader.take()).toBe('');
      writer.exchange(frame('SET', `k${count}`, value));
    }
    node.environment.advance(TICK_MS);
    expect(reader.take()).toBe(invalidate('k'));
  });

  test.each(['FLUSHALL', 'FLUSHDB', 'SWAPDB 0 1'])('is told that everything has changed by %s', async (command) => {
    await using node = await startFakeNode();
    const [reader, writer] = [openTracking(node), node.open()];
    reader.exchange('GET k\r\n');
    writer.exchange(`${command}\r\n`);
    expect(reader.take()).toBe(EVERYTHING);
    writer.exchange('SET k 1\r\n');
    expect(reader.take()).toBe('');
  });

  test('is told nothing any more once it has turned it off, reset itself, or left', async () => {
    await using node = await startFakeNode();
    const writer = node.open();
    for (const end of ['CLIENT TRACKING OFF', 'RESET']) {
      const reader = openTracking(node);
      reader.exchange('GET k\r\n');
      expect(infoField(writer, 'tracking_clients')).toBe('1');
      reader.exchange(`${end}\r\n`);
      expect(infoField(writer, 'tracking_clients')).toBe('0');
      expect(infoField(writer, 'tracking_total_keys')).toBe('0');
      writer.exchange('SET k 1\r\n');
      expect(reader.take()).toBe('');
    }
    const leaving = openTracking(node);
    leaving.exchange('GET k\r\n');
    leaving.close();
    expect(infoField(writer, 'tracking_clients')).toBe('0');
  });

  test('by a write is not told of it', async () => {
    await using node = await startFakeNode();
    const [reader, writer] = [openTracking(node), node.open()];
    reader.exchange('SET k 1\r\nGETEX k\r\nSCAN 0\r\n');
    writer.exchange('SET k 2\r\n');
    expect(reader.take()).toBe('');
  });
});

describe('changes of another thread', () => {
  // A second view of the store writes as that thread would.
  function openBeside(node: FakeNode): StoreDriver {
    const store = Store.attach(node.store, janitorRow(node.store));
    store.enter();
    return new StoreDriver(store);
  }

  test('are told on time where nobody that is asked anything has made them', async () => {
    await using node = await startFakeNode();
    const reader = openTracking(node);
    const beside = openBeside(node);
    reader.exchange('GET k\r\n');
    beside.set('k', '1', node.environment.clock.nowMs());
    expect(reader.take()).toBe('');
    node.environment.advance(TICK_MS);
    expect(reader.take()).toBe(invalidate('k'));
    beside.delete('k', node.environment.clock.nowMs());
    node.environment.advance(TICK_MS);
    expect(reader.take()).toBe('');
  });

  test('are told where they come right behind the look at the value', async () => {
    await using node = await startFakeNode();
    const reader = openTracking(node);
    const beside = openBeside(node);
    reader.exchange('SET k before\r\n');
    // oxlint-disable-next-line typescript/unbound-method
    const { get } = Store.prototype;
    using _ = {
      [Symbol.dispose]: () => {
        Store.prototype.get = get;
      },
    };
    Store.prototype.get = function (...args) {
      const isFound = get.apply(this, args);
      Store.prototype.get = get;
      beside.set('k', 'behind', args[2]);
      return isFound;
    };
    expect(reader.exchange('GET k\r\n')).toBe('$6\r\nbefore\r\n');
    node.environment.advance(TICK_MS);
    expect(reader.take()).toBe(invalidate('k'));
  });
});

describe('which reads are remembered', () => {
  test('with OPTIN those behind CLIENT CACHING YES, of one command or one transaction', async () => {
    await using node = await startFakeNode();
    const [reader, writer] = [openTracking(node, 'OPTIN'), node.open()];
    reader.exchange('GET a\r\nCLIENT CACHING YES\r\nCLIENT GETNAME\r\nGET b\r\nGET c\r\n');
    reader.exchange('CLIENT CACHING YES\r\nMULTI\r\nGET d\r\nGET e\r\nEXEC\r\nGET f\r\n');
    writer.exchange('MSET a 1 b 1 c 1 d 1 e 1 f 1\r\n');
    expect(reader.take()).toBe(['b', 'd', 'e'].map((key) => invalidate(key)).join(''));
  });

  test('with OPTOUT all but those behind CLIENT CACHING NO; a command that is refused takes it away', async () => {
    await using node = await startFakeNode();
    const [reader, writer] = [openTracking(node, 'OPTOUT'), node.open()];
    reader.exchange('GET a\r\nCLIENT CACHING NO\r\nGET b\r\nCLIENT CACHING NO\r\nGET\r\nGET c\r\n');
    writer.exchange('MSET a 1 b 1 c 1\r\n');
    expect(reader.take()).toBe(invalidate('a') + invalidate('c'));
  });
});

describe('BCAST', () => {
  test('tells of all keys with a prefix, those of one batch at once, read or not', async () => {
    await using node = await startFakeNode();
    const reader = openTracking(node, 'BCAST', 'PREFIX', 'user:', 'PREFIX', 'group:');
    const writer = node.open();
    writer.exchange('SET user:1 a\r\nSET user:2 b\r\nSET other c\r\nSET group:1 d\r\n');
    expect(reader.take()).toBe(invalidate('group:1') + invalidate('user:1', 'user:2'));
    expect(infoField(writer, 'tracking_total_prefixes')).toBe('2');
    expect(infoField(writer, 'tracking_total_keys')).toBe('0');
  });

  test('without a prefix tells of every key, and NOLOOP leaves out what the client itself has changed', async () => {
    await using node = await startFakeNode();
    const [reader, writer] = [openTracking(node, 'BCAST', 'NOLOOP'), node.open()];
    expect(reader.exchange('SET mine 1\r\n')).toBe('+OK\r\n');
    writer.exchange('SET theirs 1\r\n');
    expect(reader.take()).toBe(invalidate('theirs'));
  });
});

describe('NOLOOP', () => {
  test('leaves out what the client itself has changed, and tells of the next change by another', async () => {
    await using node = await startFakeNode();
    const [reader, writer] = [openTracking(node, 'NOLOOP'), node.open()];
    const other = openTracking(node);
    reader.exchange('GET k\r\n');
    other.exchange('GET k\r\n');
    expect(reader.exchange('SET k 1\r\n')).toBe('+OK\r\n');
    expect(other.take()).toBe(invalidate('k'));
    writer.exchange('SET k 2\r\n');
    expect(reader.take()).toBe(invalidate('k'));
  });

  test('does so inside a transaction', async () => {
    await using node = await startFakeNode();
    const reader = openTracking(node, 'NOLOOP');
    reader.exchange('GET k\r\n');
    expect(reader.exchange('MULTI\r\nSET k 1\r\nEXEC\r\n')).toBe('+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n');
  });
});

describe('REDIRECT', () => {
  test('sends messages to a subscriber in RESP2', async () => {
    await using node = await startFakeNode();
    const [reader, target, writer] = [node.open(), node.open(), node.open()];
    const id = idOf(target);
    target.exchange('SUBSCRIBE __redis__:invalidate\r\n');
    expect(reader.exchange(`CLIENT TRACKING ON REDIRECT ${id}\r\nGET k\r\nCLIENT GETREDIR\r\n`)).toBe(
      `+OK\r\n$-1\r\n:${id}\r\n`,
    );
    expect(lineField(reader, 'redir')).toBe(id);
    writer.exchange('SET k 1\r\n');
    expect(target.take()).toBe(`*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n${frame('k')}`);
    writer.exchange('FLUSHALL\r\n');
    expect(target.take()).toBe('*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n$-1\r\n');
    expect(reader.take()).toBe('');
  });

  test('says so when its target is gone', async () => {
    await using node = await startFakeNode();
    const [target, writer] = [node.open(), node.open()];
    const id = idOf(target);
    const reader = openTracking(node, 'REDIRECT', id);
    reader.exchange('GET k\r\n');
    expect(lineField(reader, 'flags')).toBe('t');
    // As good as gone: it is told nothing any more.
    target.exchange('QUIT\r\n');
    writer.exchange('SET k 1\r\n');
    expect(reader.take()).toBe(`>2\r\n$21\r\ntracking-redir-broken\r\n:${id}\r\n`);
    expect(lineField(reader, 'flags')).toBe('tR');
    expect(reader.exchange('CLIENT TRACKINGINFO\r\n')).toContain('broken_redirect');
    reader.exchange('CLIENT TRACKING ON\r\n');
    expect(lineField(reader, 'flags')).toBe('t');
  });

  test('a client in RESP2 without one is told nothing, and nothing breaks', async () => {
    await using node = await startFakeNode();
    const [reader, writer] = [node.open(), node.open()];
    reader.exchange('CLIENT TRACKING ON\r\nGET k\r\n');
    writer.exchange('SET k 1\r\n');
    expect(reader.take()).toBe('');
    expect(reader.exchange('PING\r\n')).toBe('+PONG\r\n');
  });
});

describe('limits', () => {
  test('beyond the most keys the oldest are taken out of caches', async () => {
    await using node = await startFakeNode({ limits: { trackedKeyCountMax: 2 } });
    const [reader, writer] = [openTracking(node), node.open()];
    expect(reader.exchange('GET a\r\nGET b\r\nGET c\r\n')).toBe(`_\r\n_\r\n_\r\n${invalidate('a')}`);
    expect(infoField(writer, 'tracking_total_keys')).toBe('2');
    writer.exchange('CONFIG SET tracking-table-max-keys 1\r\n');
    node.environment.advance(TICK_MS);
    expect(reader.take()).toBe(invalidate('b'));
    // The one that may stay does.
    node.environment.advance(TICK_MS);
    expect(reader.take()).toBe('');
    writer.exchange('MSET a 1 b 1 c 1\r\n');
    expect(reader.take()).toBe(invalidate('c'));
  });

  test('CONFIG has the limit by its name in Redis', async () => {
    await using node = await startFakeNode();
    const client = node.open();
    expect(client.exchange('CONFIG GET tracking-table-max-keys\r\n')).toContain('1000000');
    expect(client.exchange('CONFIG SET tracking-table-max-keys 0\r\n')).toBe('+OK\r\n');
  });

  test('who does not read its messages is cut off, as any subscriber', async () => {
    await using node = await startFakeNode({
      limits: { outputBufferBytesMax: 256 * 1024, outputPauseBytes: 1024, valueBytesMax: 1024, bulkBytesMax: 1024 },
    });
    const [reader, writer] = [openTracking(node, 'BCAST'), node.open()];
    reader.room = 0;
    for (let count = 0; count < 300; count += 1) writer.exchange(frame('SET', `${count}:${'k'.repeat(1000)}`, ''));
    expect(reader.state).toBe('destroyed');
    expect(infoField(writer, 'tracking_clients')).toBe('0');
  });

  test('a batch that overruns the change log tells everybody that everything has changed', async () => {
    await using node = await startFakeNode({ memoryBytes: 64 * 2 ** 20 });
    const [reader, writer] = [openTracking(node), node.open()];
    reader.exchange('GET k\r\n');
    const pairs = Array.from({ length: 100_000 }, (_, index) => [`key number ${index} of many`, '']).flat();
    writer.exchange(frame('MSET', ...pairs));
    expect(reader.take()).toBe(EVERYTHING);
    expect(infoField(writer, 'shoal_tracking_overruns')).toBe('1');
    reader.exchange('GET k\r\n');
    writer.exchange('SET k 1\r\n');
    expect(reader.take()).toBe(invalidate('k'));
  });
});

test('nobody follows the changes while nobody tracks', async () => {
  await using node = await startFakeNode();
  const [first, second, writer] = [openTracking(node), openTracking(node), node.open()];
  first.close();
  second.exchange('GET k\r\n');
  writer.exchange('SET k 1\r\n');
  expect(second.take()).toBe(invalidate('k'));
  second.exchange('CLIENT TRACKING OFF\r\n');
  const again = openTracking(node);
  again.exchange('GET k\r\n');
  writer.exchange('SET k 2\r\n');
  expect(again.take()).toBe(invalidate('k'));
});

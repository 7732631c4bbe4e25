/** The forwarding contract, part one: replies are exact and in order, whatever comes between. */
import assert from 'node:assert/strict';
import { seededRandom } from '../../src/base/random.ts';
import { RawClient, encodeCommand } from '../support/raw-client.ts';
import { RespClient } from '../support/resp-client.ts';
import { keysWhere, slotOf } from '../support/slot-keys.ts';
import { SlotJuggler } from '../support/slot-juggler.ts';
import type { ForwardingNodes } from '../support/forwarding-nodes.ts';
import type { ForwardingCase, ForwardingFixture } from './forwarding-contract.ts';

const OK = '+OK\r\n';
const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`;

/** Keys of node 0, of node 1 and of node 2 of a cluster of three. */
function keysByNode(count: number, prefix: string): string[][] {
  return [0, 1, 2].map((node) => keysWhere((slot) => slot % 3 === node, count, prefix));
}

const JUGGLED_ROUNDS = 30;
const JUGGLED_BATCH = 60;
const SYNC_EVERY_MS = 3;

interface Step {
  readonly words: readonly string[];
  readonly reply: string;
}

/** Random commands on a client's own keys and what they answer, by a naive model. */
function randomSteps(seed: number, count: number): Step[] {
  const random = seededRandom(seed);
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!;
  const keys = keysByNode(6, `mix${seed}`).flat();
  const values = new Map<string, string>();
  return Array.from({ length: count }, (_, serial) => {
    const key = pick(keys);
    const value = values.get(key);
    const kind = Math.floor(random() * 8);
    if (kind <= 2) {
      const next = `${serial}:${'x'.repeat(Math.floor(random() ** 4 * 3000))}`;
      values.set(key, next);
      return { words: ['SET', key, next], reply: OK };
    }
    if (kind <= 4) return { words: ['GET', key], reply: value === undefined ? '$-1\r\n' : bulk(value) };
    if (kind === 5) {
      values.delete(key);
      return { words: ['DEL', key], reply: value === undefined ? ':0\r\n' : ':1\r\n' };
    }
    if (kind === 6) return { words: ['ECHO', `e${serial}`], reply: bulk(`e${serial}`) };
    return { words: ['STRLEN', key], reply: `:${value?.length ?? 0}\r\n` };
  });
}

/** Clients of all nodes, each with keys of its own. */
async function runRandomMixes(cluster: ForwardingNodes, count: number): Promise<void> {
  const clients = await Promise.all([0, 1, 2, 0, 1, 2].map((node) => RawClient.connect(cluster.nodes[node]!.port)));
  await Promise.all(
    clients.map(async (client, index) => {
      const steps = randomSteps(index + 1, count);
      const random = seededRandom(100 + index);
      for (let at = 0; at < steps.length; ) {
        const batch = steps.slice(at, at + 1 + Math.floor(random() * 300));
        at += batch.length;
        const replies = await client.exchange(batch.map(({ words }) => words));
        assert.deepEqual(
          replies,
          batch.map(({ reply }) => reply),
        );
      }
      client.close();
    }),
  );
}

export const orderCases: readonly ForwardingCase[] = [
  {
    name: 'answers random mixes of own and forwarded requests as one node would, in order',
    async run(fixture) {
      await runRandomMixes(await fixture.start(3), 1500);
    },
  },
  {
    name: 'answers them in order too where the replies to writes wait for a disk',
    async run(fixture) {
      const cluster = await fixture.start(3, { keepsData: true });
      const timer = setInterval(() => {
        for (const node of cluster.nodes) node.disk!.sync();
      }, SYNC_EVERY_MS);
      try {
        await runRandomMixes(cluster, 400);
      } finally {
        clearInterval(timer);
      }
    },
  },
  {
    name: 'answers in the version of RESP that the client speaks, errors to the byte',
    async run(fixture) {
      const cluster = await fixture.start(3);
      const [, [there = '']] = keysByNode(1, 'resp') as [string[], string[]];
      const two = await RawClient.connect(cluster.nodes[0]!.port);
      const three = await RawClient.connect(cluster.nodes[0]!.port);
      const commands = [
        ['SET', there, 'text'],
        ['INCR', there],
        ['GET', `{${there}}none`],
        ['MGET', there, `{${there}}none`],
        ['SET', there, '1', 'EX', '0'],
        ['GETDEL', there],
      ];
      const expected = (none: string): string[] => [
        OK,
        '-ERR value is not an integer or out of range\r\n',
        none,
        `*2\r\n${bulk('text')}${none}`,
        "-ERR invalid expire time in 'set' command\r\n",
        bulk('text'),
      ];
      assert.deepEqual(await two.exchange(commands), expected('$-1\r\n'));
      await three.exchange([['HELLO', '3']]);
      assert.deepEqual(await three.exchange(commands), expected('_\r\n'));
      two.close();
      three.close();
    },
  },
  {
    name: 'lets what needs more than its place wait until all is answered',
    async run(fixture) {
      const cluster = await fixture.start(3);
      const [[here = ''], [there = '']] = keysByNode(1, 'barrier') as [string[], string[]];
      using client = await RespClient.connect(cluster.nodes[0]!.port);
      const commands: readonly (readonly [readonly string[], string | null])[] = [
        [['SET', there, 'a'], OK],
        [['MULTI'], OK],
        [['SET', here, 'b'], '+QUEUED\r\n'],
        [['GET', here], '+QUEUED\r\n'],
        [['EXEC'], `*2\r\n${OK}${bulk('b')}`],
        [['GET', there], bulk('a')],
        [['SELECT', '3'], OK],
        [['GET', there], '$-1\r\n'],
        [['SET', there, 'in three'], OK],
        [['GET', there], bulk('in three')],
        [['SELECT', '0'], OK],
        [['GET', there], bulk('a')],
        [['CLIENT', 'REPLY', 'SKIP'], null],
        [['GET', there], null],
        [['GET', there], bulk('a')],
        [['CLIENT', 'REPLY', 'OFF'], null],
        [['SET', there, 'c'], null],
        [['GET', there], null],
        [['CLIENT', 'REPLY', 'ON'], OK],
        [['GET', there], bulk('c')],
        [['HELLO', '3', 'SETNAME', 'plain'], ''],
        [['GET', there], bulk('c')],
        [['SUBSCRIBE', 'news'], '>3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n'],
        [['GET', there], bulk('c')],
        [['PUBLISH', 'news', 'm'], ':1\r\n>3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$1\r\nm\r\n'],
        [['GET', there], bulk('c')],
        [['NOSUCH'], "-ERR unknown command 'NOSUCH', with args beginning with: \r\n"],
        [['GET', there], bulk('c')],
        [['QUIT'], OK],
        [['GET', there], null],
      ];
      client.write(Buffer.concat(commands.map(([words]) => encodeCommand(words))));
      for (const [words, reply] of commands) {
        if (reply === null) continue;
        if (words[0] === 'HELLO') assert.match(await client.read(), /^%/);
        else if (words[0] === 'PUBLISH') assert.equal((await client.read()) + (await client.read()), reply);
        else assert.equal(await client.read(), reply, words.join(' '));
      }
      assert.equal(await client.closed(), '');
    },
  },
  {
    name: 'runs transactions where their keys are, as one step and in their place',
    async run(fixture) {
      const cluster = await fixture.start(3);
      const [[here = ''], [there = ''], [elsewhere = '']] = keysByNode(1, 'multi') as [string[], string[], string[]];
      using client = await RespClient.connect(cluster.nodes[0]!.port);
      const queued = '+QUEUED\r\n';
      const commands: readonly (readonly [readonly string[], string | RegExp])[] = [
        [['SET', there, '1'], OK],
        [['MULTI'], OK],
        [['INCR', there], queued],
        [['SET', `{${there}}two`, 'x'], queued],
        [['INCR', `{${there}}two`], queued],
        [['PING'], queued],
        [['GET', there], queued],
        [['EXEC'], `*5\r\n:2\r\n${OK}-ERR value is not an integer or out of range\r\n+PONG\r\n${bulk('2')}`],
        [['GET', there], bulk('2')],
        [['MULTI'], OK],
        [['SET', here, 'h'], queued],
        [['SET', there, 't'], queued],
        [['EXEC'], /^-EXECABORT .*CROSSSLOT/],
        [['MULTI'], OK],
        [['SET', there, 't'], queued],
        [['SET', elsewhere, 'e'], queued],
        [['EXEC'], /^-EXECABORT .*CROSSSLOT/],
        [['MULTI'], OK],
        [['SET', there, 'dropped'], queued],
        [['DISCARD'], OK],
        [['WATCH', here], OK],
        [['MULTI'], OK],
        [['GET', there], queued],
        [['EXEC'], /^-EXECABORT .*MOVED/],
        [['WATCH', there], /^-MOVED/],
        [['MULTI'], OK],
        [['NOSUCH'], /^-ERR unknown/],
        [['GET', there], queued],
        [['EXEC'], /^-EXECABORT Transaction discarded because of previous errors/],
        [['EXEC'], '-ERR EXEC without MULTI\r\n'],
        [['GET', there], bulk('2')],
        [['HELLO', '3'], /^%/],
        [['MULTI'], OK],
        [['GET', `{${there}}none`], queued],
        [['EXEC'], '*1\r\n_\r\n'],
        [['GET', here], '_\r\n'],
      ];
      client.write(Buffer.concat(commands.map(([words]) => encodeCommand(words))));
      for (const [words, reply] of commands) {
        const got = await client.read();
        if (typeof reply === 'string') assert.equal(got, reply, words.join(' '));
        else assert.match(got, reply, words.join(' '));
      }
      await using juggler = await SlotJuggler.start(cluster.nodes, slotOf(there), 1, false);
      for (let round = 0; round < 200; round += 1) {
        for (const words of [['MULTI'], ['INCR', there], ['INCR', there], ['EXEC'], ['GET', there]])
          client.send(...words);
        const value = 4 + 2 * round;
        assert.deepEqual(await client.readAll(5), [
          OK,
          queued,
          queued,
          `*2\r\n:${value - 1}\r\n:${value}\r\n`,
          bulk(String(value)),
        ]);
      }
      assert.ok(juggler.changeCount > 0);
    },
  },
  {
    name: 'keeps the order of requests on a slot that is paused again and again',
    run: (fixture) => juggled(fixture, false),
  },
  {
    name: 'keeps the order of requests on a slot that goes from node to node, its own included',
    run: (fixture) => juggled(fixture, true),
  },
];

/**
 * Requests of one client on one slot run in the client's order although the slot is paused, and handed over, while they are under way. Values stay where they
 * were written: so each node counts by itself, and what it answers never goes back.
 */
async function juggled(fixture: ForwardingFixture, handsOver: boolean): Promise<void> {
  const cluster = await fixture.start(3);
  const [key = ''] = keysWhere((slot) => slot % 3 === 1, 1, 'juggled');
  const others = keysWhere((slot) => slot % 3 !== 1, 50, 'other');
  using client = await RespClient.connect(cluster.nodes[0]!.port);
  await using juggler = await SlotJuggler.start(cluster.nodes, slotOf(key), 1, handsOver);
  const perNode: number[] = [];
  for (let round = 0; round < JUGGLED_ROUNDS; round += 1) {
    const requests: Buffer[] = [];
    for (let serial = 0; serial < JUGGLED_BATCH; serial += 1) {
      requests.push(encodeCommand(['APPEND', key, 'x']), encodeCommand(['STRLEN', others[serial % others.length]!]));
    }
    client.write(Buffer.concat(requests));
    for (let serial = 0; serial < JUGGLED_BATCH; serial += 1) {
      const reply = await client.read();
      assert.match(reply, /^:\d+\r\n$/);
      const length = Number(reply.slice(1));
      const node = perNode.indexOf(length - 1);
      if (node < 0) assert.equal(length, 1, `${length} follows none of ${perNode.join(', ')}`);
      perNode[node < 0 ? perNode.length : node] = length;
      assert.equal(await client.read(), ':0\r\n');
    }
  }
  assert.ok(perNode.length <= (handsOver ? 3 : 1));
  const total = perNode.reduce((sum, length) => sum + length, 0);
  assert.equal(total, JUGGLED_ROUNDS * JUGGLED_BATCH, 'each ran once');
  assert.ok(juggler.changeCount > 100, `${juggler.changeCount} changes`);
}

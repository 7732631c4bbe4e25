/**
 * The same operations by both protocols, on two nodes with one clock: they must answer the same, and leave the same behind. What
 * RESP has no words for, compare-and-set, is made of a read and a write there.
 */
import { expect, test } from 'bun:test';
import { type FakeNode, frame, startFakeNode } from '../support/fake-node.ts';
import type { FakeConnection } from '../support/fake-transport.ts';
import { ManualEnvironment } from '../support/manual-environment.ts';
import { ShoalFakeClient } from '../support/shoal-fake-client.ts';
import { type FlagName, int64 } from '../support/shoal-frames.ts';
import { Random } from './random.ts';

const ROUNDS = 20_000;
const COMPARE_EVERY = 500;
const KEYS = ['', 'a', 'b', 'c', 'd', '\xff\x00', 'k'.repeat(200)];
const INT64_MAX = 2n ** 63n - 1n;

interface Worlds {
  readonly resp: FakeConnection;
  readonly shoal: ShoalFakeClient;
  /** The version of each value as the second node gave it. */
  readonly versions: Map<string, bigint>;
}

/** One operation on both; returns what each answered, in the same words. */
type Pair = readonly [resp: string, shoal: string];
type Step = (worlds: Worlds, random: Random) => Pair;

const STEPS: readonly Step[] = [get, get, set, set, set, remove, exists, increment, increment, touch, compareAndSet];

test('RESP and Shoal do the same', async () => {
  const random = new Random(11);
  const environments = [new ManualEnvironment(), new ManualEnvironment()] as const;
  await using respNode = await startFakeNode({}, environments[0]);
  await using shoalNode = await startFakeNode({}, environments[1]);
  const worlds: Worlds = { resp: respNode.open(), shoal: ShoalFakeClient.open(shoalNode), versions: new Map() };
  const outcomes = new Map<string, number>();
  for (let round = 0; round < ROUNDS; round += 1) {
    const step = random.pick(STEPS);
    const [left, right] = step(worlds, random);
    if (left !== right) throw new Error(`round ${round}, ${step.name}: RESP answers ${left}, Shoal ${right}`);
    const outcome = `${step.name} ${left.split(' ')[0]}`;
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    if (random.below(20) === 0) {
      const passedMs = random.below(200);
      for (const environment of environments) environment.advance(passedMs);
    }
    if (round % COMPARE_EVERY === 0) expect(contents(shoalNode)).toEqual(contents(respNode));
  }
  expect(contents(shoalNode)).toEqual(contents(respNode));
  for (const outcome of EXPECTED_OUTCOMES) expect([outcome, outcomes.get(outcome) ?? 0]).not.toEqual([outcome, 0]);
});

const EXPECTED_OUTCOMES = [
  'get ok',
  'get miss',
  'set ok',
  'set notStored',
  'remove ok',
  'remove miss',
  'exists ok',
  'exists miss',
  'increment ok',
  'increment notAnInteger',
  'increment overflow',
  'touch ok',
  'touch miss',
  'compareAndSet ok',
  'compareAndSet conflict',
  'compareAndSet miss',
];

function get({ resp, shoal, versions }: Worlds, random: Random): Pair {
  const key = random.pick(KEYS);
  const theirs = resp.exchange(frame('GET', key));
  const left = resp.exchange(frame('PTTL', key));
  const flags = (['wantTtl', 'wantVersion'] as const).filter(() => random.below(2) === 0);
  const reply = shoal.send({ opcode: 'get', key: bytes(key), flags });
  const value = reply.value.toString('latin1');
  if (reply.status === 'ok' && flags.includes('wantVersion')) {
    // Equal values have equal versions, and other values others.
    const known = versions.get(value);
    if (known !== undefined) expect(reply.version).toBe(known);
    versions.set(value, reply.version!);
    expect(new Set(versions.values()).size).toBe(versions.size);
  }
  const wanted = flags.includes('wantTtl') && left !== ':-1\r\n' ? left.slice(1, -2) : 'none';
  return [
    theirs === NIL ? 'miss' : `ok ${bulkText(theirs)} ${wanted}`,
    reply.status === 'miss' ? 'miss' : `ok ${value} ${reply.ttlMs ?? 'none'}`,
  ];
}

function set({ resp, shoal }: Worlds, random: Random): Pair {
  const [key, value] = [random.pick(KEYS), someValue(random)];
  const words: string[] = [];
  const flags: FlagName[] = [];
  let ttlMs: number | undefined;
  switch (random.below(4)) {
    case 0:
      ttlMs = 1 + random.below(500);
      words.push('PX', String(ttlMs));
      break;
    case 1:
      words.push('KEEPTTL');
      flags.push('keepTtl');
      break;
    default:
  }
  const condition = random.below(4);
  if (condition < 2) {
    words.push(condition === 0 ? 'NX' : 'XX');
    flags.push(condition === 0 ? 'ifAbsent' : 'ifPresent');
  }
  const theirs = resp.exchange(frame('SET', key, value, ...words));
  const ours = shoal.send({
    opcode: 'set',
    key: bytes(key),
    value: bytes(value),
    flags,
    ...(ttlMs === undefined ? {} : { ttlMs }),
  });
  return [theirs === NIL ? 'notStored' : theirs === OK ? 'ok' : theirs, ours.status];
}

function compareAndSet({ resp, shoal }: Worlds, random: Random): Pair {
  const [key, value] = [random.pick(KEYS), someValue(random)];
  const before = resp.exchange(frame('GET', key));
  const { version } = shoal.send({ opcode: 'get', key: bytes(key), flags: ['wantVersion'] });
  const disturbed = before !== NIL && random.below(2) === 0;
  if (disturbed) {
    resp.exchange(frame('APPEND', key, '!'));
    shoal.call('APPEND', key, '!');
  }
  const reply = shoal.send({ opcode: 'set', key: bytes(key), value: bytes(value), version: version ?? 5n });
  if (before !== NIL && !disturbed) resp.exchange(frame('SET', key, value));
  return [before === NIL ? 'miss' : disturbed ? 'conflict' : 'ok', reply.status];
}

function remove({ resp, shoal }: Worlds, random: Random): Pair {
  const key = random.pick(KEYS);
  return [found(resp.exchange(frame('DEL', key))), shoal.send({ opcode: 'delete', key: bytes(key) }).status];
}

function exists({ resp, shoal }: Worlds, random: Random): Pair {
  const key = random.pick(KEYS);
  return [found(resp.exchange(frame('EXISTS', key))), shoal.send({ opcode: 'exists', key: bytes(key) }).status];
}

function increment({ resp, shoal }: Worlds, random: Random): Pair {
  const key = random.pick(KEYS);
  const amount = random.pick([1n, -1n, 40n, 2n ** 53n, -(2n ** 60n), INT64_MAX, -INT64_MAX - 1n]);
  const theirs = resp.exchange(frame('INCRBY', key, amount.toString()));
  const ours = shoal.send({ opcode: 'increment', key: bytes(key), value: int64(amount) });
  const right = ours.status === 'ok' ? `ok ${ours.value.readBigInt64LE()}` : ours.status;
  if (theirs.startsWith(':')) return [`ok ${theirs.slice(1, -2)}`, right];
  return [theirs.includes('would overflow') ? 'overflow' : 'notAnInteger', right];
}

function touch({ resp, shoal }: Worlds, random: Random): Pair {
  const key = random.pick(KEYS);
  if (random.below(3) === 0) {
    const there = found(resp.exchange(frame('EXISTS', key)));
    resp.exchange(frame('PERSIST', key));
    return [there, shoal.send({ opcode: 'touch', key: bytes(key) }).status];
  }
  const ttlMs = 1 + random.below(500);
  const theirs = found(resp.exchange(frame('PEXPIRE', key, String(ttlMs))));
  return [theirs, shoal.send({ opcode: 'touch', key: bytes(key), ttlMs }).status];
}

function found(count: string): string {
  return count === ':1\r\n' ? 'ok' : 'miss';
}

function someValue(random: Random): string {
  return random.pick(['', '0', '17', '-5', '9223372036854775800', 'text', '\x00\xff\r\n', 'x'.repeat(3000)]);
}

/** All items of a node with their times to live. */
function contents(node: FakeNode): string[] {
  const connection = node.open();
  const items = KEYS.map((key) => connection.exchange(frame('GET', key) + frame('PTTL', key)));
  items.push(connection.exchange(frame('DBSIZE')));
  connection.close();
  return items;
}

function bulkText(reply: string): string {
  return reply.slice(reply.indexOf('\r\n') + 2, -2);
}

function bytes(latin1: string): Buffer {
  return Buffer.from(latin1, 'latin1');
}

const NIL = '$-1\r\n';
const OK = '+OK\r\n';

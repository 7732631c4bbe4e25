/**
 * Fake timers in the process of a node, as tests install them: after the node's module was loaded. A node lives by real
 * time all the same, unless it is given a clock.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { type FakeMethod, install } from '@sinonjs/fake-timers';
import { ShoalNode } from '../../src/server/node.ts';
import { ask, askUntil, type DefineCase } from './embedded-contract.ts';

const YEAR_2001_MS = 978_307_200_000;
const YEAR_2030_MS = 1_893_456_000_000;
const TTL_MS = 60_000;
/** What `node:net`, with which these tests connect, works with itself. */
const NEEDED_BY_CLIENTS: FakeMethod[] =
  process.versions['bun'] === undefined ? ['nextTick'] : ['nextTick', 'setImmediate'];

/** Installs a fake and returns what takes it away. */
export type Faking = () => () => void;

/** A node that was started before, and one that is started under the fake: each answers, expires, counts idle time, stops. */
export function defineUnderFake(define: DefineCase, name: string, fake: Faking): void {
  define(`${name}: a node that runs already lives by real time`, async () => {
    const node = await ShoalNode.start({ memory: '4mb', limits: { idle: '100ms' } });
    const restore = fake();
    try {
      await lives(node);
      await node.stop();
    } finally {
      restore();
      await node.stop();
    }
  });

  define(`${name}: so does one that starts then`, async () => {
    const restore = fake();
    try {
      await using node = await ShoalNode.start({ memory: '4mb', limits: { idle: '100ms' } });
      await lives(node);
    } finally {
      restore();
    }
  });
}

async function lives(node: ShoalNode): Promise<void> {
  const frozenAtMs = Date.now();
  const [set] = await ask(node, ['SET', 'short', 'v', 'PX', '20'], ['SET', 'long', 'v', 'PX', '60000']);
  assert.equal(set, '+OK\r\n');
  await askUntil(node, ['GET', 'short'], '$-1\r\n');
  assert.deepEqual(await ask(node, ['GET', 'long']), ['$1\r\nv\r\n']);
  // The tick of the node closes it; a fake never calls one.
  await once(connect(node.port, '127.0.0.1'), 'close');
  assert.equal(Date.now(), frozenAtMs, 'the fake was in force');
}

export function defineFakeTimerContract(define: DefineCase): void {
  defineUnderFake(define, 'fake-timers', () => {
    const clock = install({ now: YEAR_2001_MS, toNotFake: NEEDED_BY_CLIENTS });
    return () => clock.uninstall();
  });

  define('a node with the clock of the test expires when the test says so', async () => {
    const clock = install({ now: YEAR_2001_MS, toNotFake: NEEDED_BY_CLIENTS });
    try {
      await using node = await ShoalNode.start({ memory: '4mb', nowMs: () => Date.now() });
      await ask(node, ['SET', 'k', 'v', 'PX', String(TTL_MS)]);
      clock.tick(TTL_MS - 1);
      assert.deepEqual(await ask(node, ['GET', 'k'], ['PTTL', 'k']), ['$1\r\nv\r\n', ':1\r\n']);
      clock.tick(1);
      assert.deepEqual(await ask(node, ['GET', 'k']), ['$-1\r\n']);
    } finally {
      clock.uninstall();
    }
  });

  define('a fake of what sockets need is refused on Node, and no matter on Bun', async () => {
    const clock = install({ toFake: ['nextTick'] });
    try {
      const outcome = await ShoalNode.start({ memory: '4mb' }).then(
        (node) => node.stop(),
        (error: unknown) => error,
      );
      if (process.versions['bun'] === undefined) assert.match(String(outcome), /process\.nextTick is a fake/);
      else assert.equal(outcome, undefined);
    } finally {
      clock.uninstall();
    }
  });

  define('a clock may begin at 0, stand still, and say nonsense', async () => {
    let now: unknown = 0;
    await using node = await ShoalNode.start({ memory: '4mb', nowMs: () => now as number });
    await ask(node, ['SET', 'k', 'v', 'PX', '100']);
    for (now of [99.9, Number.NaN, Number.POSITIVE_INFINITY, -1, undefined, '200', 5n]) {
      assert.deepEqual(await ask(node, ['GET', 'k'], ['PTTL', 'k']), ['$1\r\nv\r\n', ':1\r\n'], String(now));
    }
    now = 100;
    assert.deepEqual(await ask(node, ['GET', 'k']), ['$-1\r\n']);
  });

  define('what has expired by the clock of the test is cleared without being asked for', async () => {
    let now = YEAR_2030_MS;
    await using node = await ShoalNode.start({ memory: '4mb', nowMs: () => now });
    await ask(node, ['SET', 'k', 'v', 'PX', String(TTL_MS)], ['SET', 'kept', 'v']);
    now += TTL_MS + 1000;
    await askUntil(node, ['DBSIZE'], ':1\r\n');
  });
}

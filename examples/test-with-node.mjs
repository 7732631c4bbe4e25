/**
 * A real cache inside a test, ready in milliseconds and gone afterwards: no mock, no container, no port to choose.
 *
 *     node --test examples/test-with-node.mjs
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ShoalClient } from 'shoal/client';
import { ShoalNode } from 'shoal/server';

/** What is tested: at most `limit` requests of one visitor in a minute. */
async function isAllowed(cache, visitor, limit) {
  return (await cache.increment(`requests:${visitor}`, 1, { ttlMs: 60_000 })) <= limit;
}

let nowMs = Date.UTC(2030, 0, 1);
let node;
let cache;
before(async () => {
  node = await ShoalNode.start({ memory: '16mb', nowMs: () => nowMs });
  cache = await ShoalClient.connect({ nodes: [node.address] });
});
after(async () => {
  await cache.close();
  await node.stop();
});

void test('the third request within a minute is refused, the next minute is a new one', async () => {
  assert.equal(await isAllowed(cache, 'ada', 2), true);
  assert.equal(await isAllowed(cache, 'ada', 2), true);
  assert.equal(await isAllowed(cache, 'ada', 2), false);
  assert.equal(await isAllowed(cache, 'bob', 2), true);
  nowMs += 60_000;
  assert.equal(await isAllowed(cache, 'ada', 2), true);
});

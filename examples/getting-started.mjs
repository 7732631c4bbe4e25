/**
 * First steps with a cache that runs on this machine:
 *
 *     npx shoal serve &
 *     node examples/getting-started.mjs
 */
import { ShoalClient } from 'shoal/client';

const cache = await ShoalClient.connect({ nodes: [process.argv[2] ?? '127.0.0.1:7600'] });

// Values come back as they were set. This one is gone after a minute.
await cache.set('user:1', { name: 'Ada', visits: 3 }, { ttlMs: 60_000 });
console.log(await cache.get('user:1'));

// Read it, or make it and keep it: a hundred callers, one call of the function.
async function loadReport() {
  console.log('making the report');
  return { total: 42 };
}
const callers = Array.from({ length: 100 }, () => cache.getOrSet('report', loadReport, { ttlMs: 60_000 }));
console.log((await Promise.all(callers)).length, 'callers have it');

// Counting is one step, whoever else counts.
console.log(await cache.increment('hits', 5));

console.log(await cache.deleteMany(['user:1', 'report', 'hits']), 'keys removed');
await cache.close();

/**
 * cache-manager with two layers: this process's memory for a second, and Shoal for a minute:
 *
 *     npx shoal serve &
 *     node examples/cache-manager.mjs
 */
import { createCache } from 'cache-manager';
import { Keyv } from 'keyv';
import { KeyvShoal } from 'shoal/keyv';

const memory = new Keyv({ ttl: 1000 });
const shoal = new Keyv({ store: new KeyvShoal(process.argv[2] ?? '127.0.0.1:7600'), namespace: 'pages', ttl: 60_000 });
shoal.on('error', (error) => console.error(error.message));
const cache = createCache({ stores: [memory, shoal] });

async function render() {
  console.log('rendering');
  return '<h1>Hello</h1>';
}
console.log(await cache.wrap('/', render));
console.log(await cache.wrap('/', render));

await cache.mset([
  { key: '/a', value: 'A' },
  { key: '/b', value: 'B' },
]);
console.log(await cache.mget(['/a', '/b', '/c']));

// Another process, whose memory is empty, finds it in Shoal.
await memory.clear();
console.log(await cache.get('/a'));

await cache.clear();
await cache.disconnect();

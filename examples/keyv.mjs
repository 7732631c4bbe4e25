/**
 * Keyv with its values in Shoal:
 *
 *     npx shoal serve &
 *     node examples/keyv.mjs
 */
import { Keyv } from 'keyv';
import { KeyvShoal } from 'shoal/keyv';

const address = process.argv[2] ?? '127.0.0.1:7600';
const users = new Keyv({ store: new KeyvShoal(address), namespace: 'users', ttl: 60_000 });
// Where the cache cannot be reached, reads find nothing and this is called; the application goes on.
users.on('error', (error) => console.error(error.message));

await users.set('ada', { name: 'Ada', tags: ['admin'] });
console.log(await users.get('ada'));
console.log(await users.has('bob'));

for await (const [key, { name }] of users.iterator()) console.log(key, name);

await users.clear();
console.log(await users.get('ada'));
await users.disconnect();

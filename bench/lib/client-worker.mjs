/**
 * One client library under load, in a process of its own on Node or on Bun: so many callers that each wait for their answer before they ask
 * again. Prints `answer: ` and a line of JSON for each line of JSON that it reads: `{ operation, inFlight, count }`. JavaScript, because Node 20 runs
 * no TypeScript; our own client comes from dist/.
 *
 *   node bench/lib/client-worker.mjs shoal 7600
 */
import { createInterface } from 'node:readline';

const KEYS = 10_000;
const VALUE = 'v'.repeat(1024);
const HOST = '127.0.0.1';

/** Each gives `get(key)` and `set(key, value)` with strings, and `close()`. */
const CLIENTS = {
  async shoal(port) {
    const { ShoalClient } = await import('../../dist/client/entry.js');
    const client = await ShoalClient.connect({ nodes: [`${HOST}:${port}`] });
    return { get: (key) => client.get(key), set: (key, value) => client.set(key, value), close: () => client.close() };
  },
  async ioredis(port) {
    const { Redis } = await import('ioredis');
    const client = new Redis(port, HOST);
    return { get: (key) => client.get(key), set: (key, value) => client.set(key, value), close: () => client.quit() };
  },
  /** ioredis with its own automatic pipelining, which is off by default. */
  async 'ioredis-pipelining'(port) {
    const { Redis } = await import('ioredis');
    const client = new Redis({ port, host: HOST, enableAutoPipelining: true });
    return { get: (key) => client.get(key), set: (key, value) => client.set(key, value), close: () => client.quit() };
  },
  async 'node-redis'(port) {
    const { createClient } = await import('redis');
    const client = createClient({ url: `redis://${HOST}:${port}` });
    await client.connect();
    return { get: (key) => client.get(key), set: (key, value) => client.set(key, value), close: () => client.close() };
  },
  async glide(port) {
    const { GlideClient } = await import('@valkey/valkey-glide');
    const client = await GlideClient.createClient({ addresses: [{ host: HOST, port }], inflightRequestsLimit: 2000 });
    return { get: (key) => client.get(key), set: (key, value) => client.set(key, value), close: () => client.close() };
  },
};

const [name, port] = process.argv.slice(2);
const client = await CLIENTS[name](Number(port));
const keys = Array.from({ length: KEYS }, (_, index) => String(index).padStart(32, '0'));
for (let from = 0; from < KEYS; from += 500) {
  await Promise.all(keys.slice(from, from + 500).map((key) => client.set(key, VALUE)));
}

async function measure({ operation, inFlight, count }) {
  let left = count;
  let at = 0;
  let errors = 0;
  const caller = async () => {
    while (left > 0) {
      left -= 1;
      const key = keys[(at = (at + 7919) % KEYS)];
      if (operation === 'get') {
        const value = await client.get(key);
        if (value === null || value === undefined || value.length !== VALUE.length) errors += 1;
      } else {
        await client.set(key, VALUE);
      }
    }
  };
  const startedAt = performance.now();
  const before = process.cpuUsage();
  await Promise.all(Array.from({ length: inFlight }, caller));
  const { user, system } = process.cpuUsage(before);
  return { cpuUs: user + system, userUs: user, wallMs: performance.now() - startedAt, errors };
}

console.log('answer: ready');
for await (const line of createInterface({ input: process.stdin })) {
  console.log(`answer: ${JSON.stringify(await measure(JSON.parse(line)))}`);
}
await client.close();
process.exit(0);

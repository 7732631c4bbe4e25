/** The clients that a cluster is loaded with: ours, ioredis Cluster, node-redis createCluster, and plain ioredis, which knows of no cluster. */
import { Cluster, Redis } from 'ioredis';
import { createCluster } from 'redis';
import { ShoalClient } from '../../src/client/client.ts';
import type { CheckedClient } from './checked-load.ts';

export async function shoalClient(ports: readonly number[]): Promise<CheckedClient> {
  const client = await ShoalClient.connect<string>({ nodes: ports.map((port) => `127.0.0.1:${port}`) });
  return {
    name: 'shoal',
    get: async (key) => (await client.get(key)) ?? null,
    set: async (key, value) => {
      await client.set(key, value);
    },
    close: () => client.close(),
  };
}

export async function ioredisCluster(ports: readonly number[]): Promise<CheckedClient> {
  const cluster = new Cluster(
    ports.map((port) => ({ host: '127.0.0.1', port })),
    { lazyConnect: true },
  );
  cluster.on('error', ignoreError);
  cluster.on('node error', ignoreError);
  await cluster.connect();
  return {
    name: 'ioredis-cluster',
    get: (key) => cluster.get(key),
    set: async (key, value) => {
      await cluster.set(key, value);
    },
    close: async () => {
      await cluster.quit();
    },
  };
}

export async function nodeRedisCluster(ports: readonly number[]): Promise<CheckedClient> {
  const cluster = createCluster({ rootNodes: ports.map((port) => ({ url: `redis://127.0.0.1:${port}` })) });
  cluster.on('error', ignoreError);
  await cluster.connect();
  return {
    name: 'node-redis-cluster',
    get: (key) => cluster.get(key),
    set: async (key, value) => {
      await cluster.set(key, value);
    },
    close: () => cluster.close(),
  };
}

/** One connection to one node, which has to get at all keys. */
export async function plainIoredis(port: number): Promise<CheckedClient> {
  const redis = new Redis({ host: '127.0.0.1', port, lazyConnect: true });
  redis.on('error', ignoreError);
  await redis.connect();
  return {
    name: 'ioredis',
    get: (key) => redis.get(key),
    set: async (key, value) => {
      await redis.set(key, value);
    },
    close: async () => {
      await redis.quit();
    },
  };
}

function ignoreError(): void {
  // A node that goes is no fault of the load; what fails because of it says so itself.
}

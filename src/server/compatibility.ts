/**
 * What a node says of itself where Redis clients look. They switch features on by the version, and some by the
 * server's name, so both are Redis's: the release whose commands and replies are followed. INFO's `shoal_version` and
 * `server_name` tell the truth to people.
 */
import type { NodeServices } from './node-services.ts';

export const REDIS_VERSION = '7.2.4';
export const REDIS_SERVER_NAME = 'redis';

/** What INFO and HELLO call the way in which the node runs. */
export function serverMode(node: NodeServices): 'standalone' | 'cluster' {
  return node.cluster === null ? 'standalone' : 'cluster';
}
/** How the eviction policies are called in CONFIG and INFO: s3fifo is by use frequency over all keys. */
export const REDIS_EVICTION_NAMES = { s3fifo: 'allkeys-lfu', noeviction: 'noeviction' } as const;

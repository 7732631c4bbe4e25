/**
 * What adapters need beyond single keys: to walk over the keys that begin with a prefix, and to remove them, on every node.
 *
 * Keys come as bytes, because a node may hold keys that are no text. Of nodes that are in no cluster they are removed on the node on which they were
 * found, so that what an earlier list of nodes left behind goes too; in a cluster they are removed by whoever owns them then.
 * Invariant: no more than one batch of keys is held at a time.
 */
import type { ShoalClient } from '../client/client.ts';
import type { Key } from '../client/request.ts';
import { ScanCoverage } from '../client/scan-coverage.ts';
import { ShoalError } from '../base/errors.ts';

/** The client with any codec. */
// oxlint-disable-next-line typescript/no-explicit-any -- Its type parameter stands in arguments and in results: only `any` fits all.
export type AnyShoalClient = ShoalClient<any>;

export interface KeyScan {
  readonly client: AnyShoalClient;
  /** What the keys begin with; '' for all keys. */
  readonly prefix: string;
  /** Keys that a node looks at in one step, about. */
  readonly batchKeyCount: number;
  /** Leaves out keys for which it returns false. */
  readonly accept?: (key: string) => boolean;
}

/**
 * The keys that belong to the node that has them, batch by batch. A key that is set meanwhile may be missed. In a cluster no key is missed
 * that was there throughout, and one whose slot moves meanwhile may come twice. Rejects where a node fails.
 */
export async function* scanKeys(scan: KeyScan): AsyncGenerator<readonly Uint8Array[], void, undefined> {
  const { client } = scan;
  if ((await client.syncTopology()) !== null) {
    yield* scanCluster(scan, (error) => {
      throw error;
    });
    return;
  }
  for (const id of await nodesOf(client)) {
    for await (const keys of scanNode(scan, id)) {
      const owned = keys.filter((key) => client.nodeOf(key) === id);
      if (owned.length > 0) yield owned;
    }
  }
}

/** Removes the keys from all nodes. Where nodes fail, the others are cleared all the same; then it rejects with the first error. */
export async function removeKeys(scan: KeyScan): Promise<void> {
  const { client } = scan;
  if ((await client.syncTopology()) !== null) {
    await removeFromCluster(scan);
    return;
  }
  const nodes = await nodesOf(client);
  const outcomes = await Promise.allSettled(
    nodes.map(async (id) => {
      for await (const keys of scanNode(scan, id)) await client.call(['UNLINK', ...keys], { node: id });
    }),
  );
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

/** Text of a key. */
export function keyText(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('utf8');
}

/** Node by node, and again those to which slots came meanwhile. `onFailure` is told where a node fails that is part of the cluster still. */
async function* scanCluster(
  scan: KeyScan,
  onFailure: (error: unknown) => void,
): AsyncGenerator<readonly Uint8Array[], void, undefined> {
  const { client } = scan;
  if (client.topology === null) return;
  const coverage = new ScanCoverage(client.topology);
  const off = client.on('topologyChanged', ({ topology }) => coverage.observe(topology));
  try {
    for (let node = coverage.next(); node !== null; node = coverage.next()) {
      try {
        await client.syncTopology({ node });
        coverage.begin();
        for await (const keys of scanNode(scan, node)) {
          const wanted = keys.filter((key) => coverage.wants(key));
          if (wanted.length > 0) yield wanted;
        }
        await client.syncTopology({ node });
        coverage.end('complete');
      } catch (error) {
        // A node that left on purpose has given its keys to others, which are scanned for them.
        const isGone = await hasLeft(client, node);
        coverage.end(isGone ? 'left' : 'failed');
        if (!isGone) onFailure(error);
      }
    }
  } finally {
    off();
  }
}

/** Whether `node` is no longer part of the cluster, as another node knows by now. */
async function hasLeft(client: AnyShoalClient, node: string): Promise<boolean> {
  const other = client.nodes.find(({ id, state }) => id !== node && state === 'up');
  try {
    if (other !== undefined) await client.syncTopology({ node: other.id });
  } catch {
    // What failed first is told.
  }
  return client.topology?.node(node) === null;
}

async function removeFromCluster(scan: KeyScan): Promise<void> {
  const errors: unknown[] = [];
  for await (const keys of scanCluster(scan, (error) => errors.push(error))) {
    try {
      await scan.client.deleteMany(keys);
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
}

/** Rejects where there are none, as after `close`: nothing found would look like an empty cache. */
async function nodesOf(client: AnyShoalClient): Promise<readonly string[]> {
  const nodes = client.nodes.map(({ id }) => id);
  if (nodes.length === 0) await client.ping();
  return nodes;
}

/** One node's keys, of whichever node they ought to be. */
async function* scanNode(scan: KeyScan, node: string): AsyncGenerator<readonly Uint8Array[], void, undefined> {
  const { client, prefix, batchKeyCount, accept } = scan;
  const words: readonly Key[] = ['MATCH', `${escapeGlob(prefix)}*`, 'COUNT', String(batchKeyCount)];
  let cursor = '0';
  do {
    const reply = await client.call(['SCAN', cursor, ...words], { node, texts: 'bytes' });
    const [next, found] = Array.isArray(reply) ? reply : [];
    if (!(next instanceof Uint8Array) || !Array.isArray(found)) {
      throw new ShoalError('UnexpectedResponse', 'the node answered SCAN with something else than a cursor and keys', {
        node,
      });
    }
    const keys = found.filter((key) => key instanceof Uint8Array);
    const accepted = accept === undefined ? keys : keys.filter((key) => accept(keyText(key)));
    if (accepted.length > 0) yield accepted;
    cursor = keyText(next);
  } while (cursor !== '0');
}

/** A pattern that matches `text` and nothing else. */
function escapeGlob(text: string): string {
  return text.replaceAll(/[\\*?[\]^-]/g, '\\$&');
}

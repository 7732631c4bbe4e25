/**
 * What adapters need beyond single keys: to walk over the keys that begin with a prefix, and to remove them, on every node.
 *
 * Keys come as bytes, because a node may hold keys that are no text. They are removed on the node on which they were found, so that what an
 * earlier list of nodes left behind goes too. Invariant: no more than one batch of keys is held at a time.
 */
import type { ShoalClient } from '../client/client.ts';
import type { Key } from '../client/request.ts';
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

/** The keys that belong to the node that has them, batch by batch. A key that is set meanwhile may be missed. */
export async function* scanKeys(scan: KeyScan): AsyncGenerator<readonly Uint8Array[], void, undefined> {
  const { client } = scan;
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

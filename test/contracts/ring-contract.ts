/** Golden vectors of the ring: what any implementation of docs/adr/0008-client-ring.md finds, on any runtime. */
import assert from 'node:assert/strict';
import { Ring } from '../../src/topology/ring.ts';
import vectors from '../vectors/ring.json' with { type: 'json' };

const HASH_COUNT = 2 ** 32;

export function defineRingContract(test: (name: string, body: () => Promise<void>) => void): void {
  for (const { nodes, hashCounts, owners } of vectors.clusters) {
    const title = nodes.map(({ id, weight }) => `${id} x${weight}`).join(', ');
    test(`each key of the vectors has its owner among ${title}`, async () => {
      for (const list of [nodes, nodes.toReversed()]) {
        const ring = Ring.of(list);
        for (const [key, owner] of Object.entries(owners)) {
          const bytes = Buffer.from(key, 'utf8');
          assert.equal(list[ring.ownerOf(bytes, 0, bytes.length)]!.id, owner, `the owner of ${JSON.stringify(key)}`);
        }
      }
    });
    test(`each node has as many hashes as the vectors say among ${title}`, async () => {
      const counts = Array.from(Ring.of(nodes).shares(), (share) => share * HASH_COUNT);
      assert.deepEqual(Object.fromEntries(nodes.map(({ id }, index) => [id, counts[index]])), hashCounts);
    });
  }
}

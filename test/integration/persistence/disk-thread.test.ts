/** The disk thread itself: what a node does when it dies, which is a bug, and what it leaves behind. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemEnvironment } from '../../../src/server/environment.ts';
import type { RunningNode } from '../../../src/server/running-node.ts';
import { startNode } from '../../../src/server/start-node.ts';
import { CHANGE_SEQUENCE } from '../../../src/store/layout.ts';
import { failureOf } from '../../support/failure-of.ts';
import { nodeOptions } from '../../support/node.ts';
import { RespClient } from '../../support/resp-client.ts';

const TEST_MS_MAX = 30_000;

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'shoal-disk-thread-'));
});
afterAll(() => rmSync(root, { recursive: true }));

/** A node on the folder `name`, and what it logs. */
async function start(name: string, threadCount: number): Promise<{ node: RunningNode; lines: string[] }> {
  const lines: string[] = [];
  const options = nodeOptions({ threadCount, transport: 'bun' });
  const persistence = { ...options.persistence, dataDir: join(root, name), fsync: 'always' as const };
  const environment = { ...systemEnvironment(), log: (_: string, message: string) => void lines.push(message) };
  return { node: await startNode({ ...options, persistence }, { environment }), lines };
}

describe.each([1, 2])('with %d data threads', (threadCount) => {
  test(
    'writes wait for it and are answered, and it goes with the node',
    async () => {
      const name = `stops-${threadCount}`;
      const { node, lines } = await start(name, threadCount);
      {
        using client = await RespClient.connect(node.port);
        client.send('SET', 'k', 'v');
        client.send('GET', 'k');
        expect(await client.readAll(2)).toEqual(['+OK\r\n', '$1\r\nv\r\n']);
      }
      await node.stop();
      expect(lines).toEqual([expect.stringMatching(/^loaded 0 items from .+ in \d+ ms$/) as never]);
      expect(readdirSync(join(root, name)).filter((file) => file.endsWith('.next'))).toEqual([]);
    },
    TEST_MS_MAX,
  );

  test(
    'when it dies, writes are refused and the reason is said; what waits is never confirmed',
    async () => {
      const { node, lines } = await start(`dies-${threadCount}`, threadCount);
      using client = await RespClient.connect(node.port);
      expect(await client.call('SET', 'k', 'v')).toBe('+OK\r\n');
      // Records that nobody wrote: what follows the changes finds a gap, as only a bug could make one.
      new Int32Array(node.store.changes)[CHANGE_SEQUENCE]! += 5;
      client.send('SET', 'k', 'w');
      expect(await client.closed()).toBe('');
      using other = await RespClient.connect(node.port);
      expect(await other.call('SET', 'k', 'x')).toStartWith('-MISCONF ');
      expect(await other.call('GET', 'k')).toBe('$1\r\nw\r\n');
      expect(await other.call('SAVE')).toStartWith('-ERR The snapshot could not be written: ');
      expect(lines.some((line) => line.startsWith('nothing is kept on disk any more: '))).toBe(true);
      const failure = await failureOf(node.stop());
      expect(failure).toMatchObject({
        code: 'DataSetFailed',
        message: expect.stringMatching(/^the thread that writes to the disk died: /) as never,
      });
    },
    TEST_MS_MAX,
  );
});

/** A disk that is full, or read-only: what the node says and does, and that it recovers. Needs the right to mount a file system. */
import { afterAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RespClient } from '../../support/resp-client.ts';
import { pathInside, serveOnSmallDisk, smallDiskProblem } from '../../support/small-disk.ts';

const TEST_MS_MAX = 60_000;
const MIB = 2 ** 20;
const VALUE = 'v'.repeat(100_000);

const mountPoint = mkdtempSync(join(tmpdir(), 'shoal-disk-'));
afterAll(() => rmSync(mountPoint, { recursive: true }));
const problem = smallDiskProblem();

describe.skipIf(problem !== null)(`a small disk${problem === null ? '' : ` (left out: ${problem})`}`, () => {
  test.each([['always'], ['everysec']])(
    'that is full refuses writes, and takes them again when there is room (fsync %s)',
    async (fsync) => {
      const args = ['--memory', '32mb', '--data-dir', join(mountPoint, 'data'), '--fsync', fsync];
      await using shoal = serveOnSmallDisk('size=24m', mountPoint, args);
      const port = await shoal.ready();
      const filler = pathInside(shoal, join(mountPoint, 'filler'));
      writeFileSync(filler, Buffer.alloc(16 * MIB));
      using reader = await RespClient.connect(port);
      const confirmed = await writeUntilRefused(port);
      expect(confirmed).toBeGreaterThan(0);
      expect(await reader.call('SET', 'k', 'v')).toMatch(/^-MISCONF .+disk.+full/);
      // What is in memory is served.
      expect(await reader.call('STRLEN', 'k0')).toBe(`:${VALUE.length}\r\n`);
      expect(await reader.call('INFO', 'persistence')).toContain('shoal_persistence_status:failing\r\n');
      expect(shoal.error).toMatch(/full/);
      rmSync(filler);
      // It is tried again each second.
      let reply = await reader.call('SET', 'k', 'v');
      while (reply.startsWith('-MISCONF')) reply = await reader.call('SET', 'k', 'v');
      expect(reply).toBe('+OK\r\n');
      expect(await reader.call('INFO', 'persistence')).toContain('shoal_persistence_status:ok\r\n');
      shoal.kill('SIGTERM');
      expect(await shoal.exit()).toEqual({ code: 0, signal: null });
    },
    TEST_MS_MAX,
  );

  test(
    'that is full when the node stops is said, and the exit code tells',
    async () => {
      const args = ['--memory', '32mb', '--data-dir', join(mountPoint, 'data'), '--persistence', 'snapshot'];
      await using shoal = serveOnSmallDisk('size=4m', mountPoint, args);
      using client = await RespClient.connect(await shoal.ready());
      for (let index = 0; index < 60; index += 1) await client.call('SET', `k${index}`, VALUE);
      shoal.kill('SIGTERM');
      expect((await shoal.exit()).code).toBe(1);
      expect(shoal.error).toMatch(/full/);
    },
    TEST_MS_MAX,
  );

  test(
    'that is read-only is refused',
    async () => {
      const args = ['--memory', '32mb', '--data-dir', join(mountPoint, 'data')];
      await using shoal = serveOnSmallDisk('ro', mountPoint, args);
      expect((await shoal.exit()).code).toBe(1);
      expect(shoal.error).toMatch(/^shoal: .*read-only.*\n$/);
    },
    TEST_MS_MAX,
  );
});

/** Writes until a write is refused or the connection is closed without an answer; how many were confirmed. */
async function writeUntilRefused(port: number): Promise<number> {
  using client = await RespClient.connect(port);
  for (let count = 0; ; count += 1) {
    try {
      const reply = await client.call('SET', `k${count % 100}`, VALUE);
      if (reply !== '+OK\r\n') return count;
    } catch {
      return count;
    }
  }
}

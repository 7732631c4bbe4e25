/**
 * The suite's way from a workload to its table, for each kind of loop: real processes of the generator, which take turns at an embedded node that
 * is seen over both of its protocols. How fast anything is, is not asked here.
 */
import { afterAll, describe, expect, test } from 'bun:test';
import { Generators } from '../bench/lib/generators.ts';
import type { Contestant } from '../bench/lib/roster.ts';
import { type Row, summarize } from '../bench/lib/rows.ts';
import { freePort, type RunningServer } from '../bench/lib/servers.ts';
import { headingOf, tableOf } from '../bench/lib/suite-tables.ts';
import { measureWorkload } from '../bench/lib/turns.ts';
import { selectWorkloads, type Workload } from '../bench/lib/workloads.ts';
import { startNode } from './support/node.ts';

// The generator is of Linux: epoll, through Bun.
const onLinux = describe.skipIf(process.platform !== 'linux');

/** The workload called `name`, over a few keys and connections. */
function small(name: string): Workload {
  const workload = selectWorkloads(name, 'full')[0]!;
  return { ...workload, connections: 4, dataset: { ...workload.dataset, keyCount: 300 } };
}

function running(port: number): RunningServer {
  return { name: 'node', port, protocol: 'resp', pid: process.pid, stop: () => Promise.resolve() };
}

onLinux('turns', () => {
  const generators = new Generators([]);
  afterAll(() => generators.stop());

  /** The rows of `rounds` short turns, and what was told meanwhile. */
  async function take(name: string, contestants: readonly Contestant[], rounds: number) {
    const told: string[] = [];
    const common = { threads: 1, settings: { peer: 'tuned' }, sharedCores: false, seconds: 0.05 };
    const options = { ...common, rounds, onProgress: (text: string) => told.push(text) };
    const rows: readonly Row[] = summarize(await measureWorkload(small(name), contestants, generators, options));
    return { rows, told };
  }

  test('of a closed loop are as many as rounds, and set beside each other', async () => {
    await using node = await startNode();
    const server = running(node.port);
    const shoal: Contestant = { name: 'shoal', protocol: 'shoal', server };
    const { rows, told } = await take('mix-p16', [shoal, { name: 'peer', protocol: 'resp', server }], 2);
    // Whoever began the first round ends the second, so nobody always follows the same server.
    expect(told.filter((text) => text.includes('round'))).toEqual([
      'mix-p16: round 1 of 2, shoal',
      'mix-p16: round 1 of 2, peer',
      'mix-p16: round 2 of 2, peer',
      'mix-p16: round 2 of 2, shoal',
    ]);
    expect(rows.map((row) => [row.server, row.turns.length, row.errors, row.misses, row.failure])).toEqual([
      ['shoal', 2, 0, 0, null],
      ['peer', 2, 0, 0, null],
    ]);
    const [own, peer] = rows as [Row, Row];
    expect(own.requestsPerSecond.median).toBeGreaterThan(0);
    expect(own.residentBytes).toBeGreaterThan(1e6);
    expect(own.ratios['peer']!.throughput.median).toBeGreaterThan(0);
    expect(peer.ratios).toEqual({});
    expect(peer.note).toContain('tuned');
    expect(headingOf(rows)).toBe('mix-p16: 70/30 mix, 1 KiB values, 50 connections, pipeline 16');
    expect(tableOf(rows)[0]).toContain('CPU / peer');
  });

  test('of an open loop have all the same load, a part of the slowest peak', async () => {
    await using node = await startNode();
    const server = running(node.port);
    const contestants = [{ name: 'shoal', protocol: 'resp', server } as const];
    const { rows } = await take('equal-mix', contestants, 3);
    const [equal] = rows as [Row];
    expect(equal).toMatchObject({ errors: 0, misses: 0, failure: null });
    expect(equal.offeredPerSecond).toBeGreaterThan(0);
    expect(equal.turns).toHaveLength(3);
    expect(equal.wholeLatencyUs.longest).toBeGreaterThanOrEqual(equal.wholeLatencyUs.p9999);
    expect(headingOf([equal])).toEndWith(`${equal.offeredPerSecond} requests/s offered`);
  });

  test('of a server that is not there are told as failed, and the others go on', async () => {
    await using node = await startNode();
    const lost = { name: 'peer', protocol: 'resp', server: running(await freePort()) } as const;
    const { rows } = await take('get', [{ name: 'shoal', protocol: 'resp', server: running(node.port) }, lost], 1);
    const [shoal, peer] = rows as [Row, Row];
    expect(shoal).toMatchObject({ failure: null, errors: 0, ratios: {} });
    expect(shoal.operations).toBeGreaterThan(0);
    expect(peer.failure).toContain('cannot connect to port');
    expect(peer.note).toStartWith('tuned; failed: cannot connect');
    expect(tableOf(rows)[2]![0]).toBe('peer');
  });

  test('of a server that is lost while peaks are looked for leave no figures', async () => {
    const node = await startNode();
    const contestant = { name: 'shoal', protocol: 'resp', server: running(node.port) } as const;
    const stops: Promise<void>[] = [];
    const options = { threads: 1, settings: {}, sharedCores: false, rounds: 2, seconds: 0.05 };
    // Three rounds look for the peak.
    const onProgress = (text: string): void => {
      if (text.includes('round 2 of 3')) stops.push(node.stop());
    };
    const measured = await measureWorkload(small('equal-mix'), [contestant], generators, { ...options, onProgress });
    await Promise.all(stops);
    expect(stops).toHaveLength(1);
    expect(measured).toMatchObject([{ turns: [], offeredPerSecond: null }]);
    expect(measured[0]!.failure).toContain('connect');
  });
});

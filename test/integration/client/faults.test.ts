/** The client through a network that delays, cuts, truncates, stalls and reorders; the long form is bench/client-faults.ts. */
import { expect, test } from 'bun:test';
import { ShoalClient } from '../../../src/client/client.ts';
import { checkIncrements, runChaos } from '../../support/client-chaos.ts';
import { type Faults, FaultProxy, NO_FAULTS } from '../../support/fault-proxy.ts';
import { startNode } from '../../support/node.ts';
import { Random } from '../../vectors/random.ts';

const REQUESTS = 15_000;

const STORIES: readonly (readonly [name: string, faults: Partial<Faults>])[] = [
  ['nothing', {}],
  ['pieces and delays', { split: 200, delay: 100 }],
  ['replies out of order', { reorder: 900, split: 20 }],
  ['cuts at any byte', { cut: 30, split: 50, reorder: 200 }],
  ['connections that are refused', { cut: 30, refuse: 400 }],
  ['silence', { stall: 4, cut: 4 }],
  ['all of it', { split: 50, delay: 30, cut: 15, stall: 2, reorder: 500, refuse: 200 }],
];

test.each(STORIES)('%s', async (_name, faults) => {
  await using node = await startNode();
  const random = new Random(1);
  await using proxy = await FaultProxy.start(node.port, random, { ...NO_FAULTS, ...faults });
  await using client = await ShoalClient.connect({
    nodes: [`127.0.0.1:${proxy.port}`],
    requestTimeoutMs: 250,
    connectTimeoutMs: 100,
    backoffFirstMs: 1,
    backoffLongestMs: 5,
  });
  const { counts } = proxy;
  const report = await runChaos(client, {
    requestCount: REQUESTS,
    callerCount: 50,
    random,
    faultCount: () => counts.cuts + counts.stalls + counts.refusals,
  });
  expect(report.hitCount).toBeGreaterThan(REQUESTS / 20);
  expect(report.acknowledgedIncrements).toBeGreaterThan(REQUESTS / 20);
  expect(report.abortCount).toBeGreaterThan(REQUESTS / 30);
  if ((faults.cut ?? 0) > 0) expect(counts.cuts).toBeGreaterThan(0);
  if ((faults.reorder ?? 0) > 0) expect(counts.reorders).toBeGreaterThan(0);
  if ((faults.stall ?? 0) > 0) expect(counts.stalls).toBeGreaterThan(0);
  await using direct = await ShoalClient.connect({ nodes: [`127.0.0.1:${node.port}`] });
  await checkIncrements(direct, report);
});

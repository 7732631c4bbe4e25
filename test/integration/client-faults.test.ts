/** The client through a network that delays, cuts, truncates, stalls and reorders. */
import { expect, test } from 'bun:test';
import { FAULT_STORIES, runFaultStory } from '../support/client-fault-stories.ts';
import { startNode } from '../support/node.ts';
import { Random } from '../vectors/random.ts';

const REQUESTS = 20_000;

test.each(FAULT_STORIES)('%s', async (_name, faults) => {
  await using node = await startNode();
  const { report, counts } = await runFaultStory({
    nodePort: node.port,
    faults,
    requestCount: REQUESTS,
    random: new Random(1),
  });
  expect(report.hitCount).toBeGreaterThan(REQUESTS / 10);
  expect(report.acknowledgedIncrements).toBeGreaterThan(REQUESTS / 20);
  expect(report.abortCount).toBeGreaterThan(REQUESTS / 30);
  // The faults of the story did happen.
  expect(counts.splits > 0).toBe((faults.split ?? 0) > 0);
  expect(counts.delays > 0).toBe((faults.delay ?? 0) > 0);
  expect(counts.cuts > 0).toBe((faults.cut ?? 0) > 0);
  expect(counts.reorders > 0).toBe((faults.reorder ?? 0) > 0);
  if ((faults.cut ?? 0) > 0) expect(report.doubtfulIncrements).toBeGreaterThan(0);
  else expect(Object.keys(report.errors)).toEqual(['Aborted']);
});

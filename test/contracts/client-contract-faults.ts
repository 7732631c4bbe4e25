/** The client contract, part four: a network that delays, cuts, truncates, stalls and reorders. */
import assert from 'node:assert/strict';
import { FAULT_STORIES, runFaultStory } from '../support/client-fault-stories.ts';
import { Random } from '../vectors/random.ts';
import type { ClientCase } from './client-contract.ts';

const REQUESTS = 10_000;

export const faultCases: readonly ClientCase[] = FAULT_STORIES.map(([name, faults]) => ({
  name: `keeps its promises under ${name}`,
  async run(fixture) {
    const node = await fixture.node();
    const { report, counts } = await runFaultStory({
      connect: (options) => fixture.world.ShoalClient.connect(options),
      nodePort: node.port,
      faults,
      requestCount: REQUESTS,
      random: new Random(1),
    });
    assert.ok(report.hitCount > REQUESTS / 10, 'values were found');
    assert.ok(report.acknowledgedIncrements > REQUESTS / 20, 'counters were changed');
    assert.ok(report.abortCount > REQUESTS / 30, 'callers gave up');
    // The faults of the story did happen.
    assert.equal(counts.splits > 0, (faults.split ?? 0) > 0);
    assert.equal(counts.delays > 0, (faults.delay ?? 0) > 0);
    assert.equal(counts.cuts > 0, (faults.cut ?? 0) > 0);
    assert.equal(counts.reorders > 0, (faults.reorder ?? 0) > 0);
    if ((faults.cut ?? 0) > 0) assert.ok(report.doubtfulIncrements > 0, 'answers were lost');
    else assert.deepEqual(Object.keys(report.errors), ['Aborted']);
  },
}));

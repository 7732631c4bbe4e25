/**
 * A million random requests of the client through faulty networks, each answer checked: see test/support/client-chaos.ts for what is checked and
 * test/support/fault-proxy.ts for what goes wrong. The node runs in a process of its own.
 *
 *   bun bench/client-faults.ts [--requests 1000000] [--seed 1]
 *
 * Exits with 1 at the first promise that is broken. The order in which things happen is the machine's, so a seed repeats the choices and not the run.
 */
import { parseArgs } from 'node:util';
import { ShoalClient } from '../src/client/client.ts';
import { FAULT_STORIES, runFaultStory } from '../test/support/client-fault-stories.ts';
import { ShoalProcess } from '../test/support/shoal-process.ts';
import { Random } from '../test/vectors/random.ts';
import { progress } from './lib/report.ts';

const { values } = parseArgs({
  options: { requests: { type: 'string', default: '1000000' }, seed: { type: 'string', default: '1' } },
});
const requestCount = Math.ceil(Number(values.requests) / FAULT_STORIES.length);
let total = 0;
for (const [name, faults] of FAULT_STORIES) {
  await using shoal = new ShoalProcess(['serve', '--port', '0', '--memory', '256mb']);
  const nodePort = await shoal.ready();
  const { report, counts } = await runFaultStory({
    connect: (options) => ShoalClient.connect(options),
    nodePort,
    faults,
    requestCount,
    random: new Random(Number(values.seed)),
    onProgress: (done) => progress(`${name}: ${done} of ${requestCount}`),
  });
  progress('');
  const { increments, ...figures } = report;
  total += report.requestCount;
  console.log(`${name}: ${JSON.stringify({ ...figures, increments: increments.size, faults: counts })}`);
}
console.log(`${total} requests, every one settled, every answer its caller's, no increment done twice`);

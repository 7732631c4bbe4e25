/** The networks that the client is led through, and one run through each; in the client's contract a short one, by `npm run faults:client` a million requests. */
import type { ShoalClient } from '../../src/client/client.ts';
import type { Random } from '../vectors/random.ts';
import { type ChaosReport, checkIncrements, runChaos } from './client-chaos.ts';
import { type Faults, FaultProxy, NO_FAULTS } from './fault-proxy.ts';

export const FAULT_STORIES: readonly (readonly [name: string, faults: Partial<Faults>])[] = [
  ['nothing', {}],
  ['pieces and delays', { split: 200, delay: 100 }],
  ['replies out of order', { reorder: 900, split: 20 }],
  ['cuts at any byte', { cut: 30, split: 50, reorder: 200 }],
  ['connections that are refused', { cut: 30, refuse: 400 }],
  ['silence', { stall: 4, cut: 4 }],
  ['all of it', { split: 50, delay: 30, cut: 15, stall: 2, reorder: 500, refuse: 200 }],
];

const CALLERS = 50;

export interface FaultStoryOptions {
  /** The client under test. */
  readonly connect: (typeof ShoalClient)['connect'];
  /** The node behind the faulty network. */
  readonly nodePort: number;
  readonly faults: Partial<Faults>;
  readonly requestCount: number;
  readonly random: Random;
  readonly onProgress?: (done: number) => void;
}

/** Rejects where a promise of the client is broken; a promise that never settles keeps it from resolving. */
export async function runFaultStory(
  options: FaultStoryOptions,
): Promise<{ readonly report: ChaosReport; readonly counts: FaultProxy['counts'] }> {
  const { nodePort, random, requestCount, onProgress, connect } = options;
  await using proxy = await FaultProxy.start(nodePort, random, { ...NO_FAULTS, ...options.faults });
  // Where nothing is lost a deadline must not pass, however busy the machine is.
  const losesBytes = proxy.faults.cut + proxy.faults.stall + proxy.faults.refuse > 0;
  await using client = await connect({
    nodes: [`127.0.0.1:${proxy.port}`],
    requestTimeoutMs: losesBytes ? 250 : 5000,
    connectTimeoutMs: losesBytes ? 100 : 2000,
    backoffFirstMs: 1,
    backoffLongestMs: 5,
    breakerFailures: 10,
  });
  const { counts } = proxy;
  const report = await runChaos(client, {
    requestCount,
    callerCount: CALLERS,
    random,
    faultCount: () => counts.cuts + counts.stalls + counts.refusals,
    ...(onProgress === undefined ? {} : { onProgress }),
  });
  await using direct = await connect({ nodes: [`127.0.0.1:${nodePort}`] });
  await checkIncrements(direct, report);
  return { report, counts };
}

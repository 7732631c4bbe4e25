/** One thread that runs the simulator for `SimThreads`. */
import { parentPort } from 'node:worker_threads';
import { runSeed } from '../../sim/run.ts';
import type { SimOutcome, SimTask } from './sim-threads.ts';

parentPort!.on('message', ({ seed, bug }: SimTask) => {
  const { failure, figures, scenario } = runSeed({ seed, bug, keep: null, trace: false });
  const outcome: SimOutcome = {
    seed,
    profile: scenario.profile,
    answeredCount: figures.answeredCount,
    failure: failure === null ? null : { kind: failure.kind, message: failure.message },
  };
  parentPort!.postMessage(outcome);
});

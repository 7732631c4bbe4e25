/** Runs the contracts of what is free of I/O in a process without a test runner; see portable.test.ts. */
import { runCases } from '../support/case-runner.ts';
import { definePlacementContract } from './placement-contract.ts';
import { defineRingContract } from './ring-contract.ts';
import { defineValuesContract } from './values-contract.ts';

await runCases((test) => {
  definePlacementContract(test);
  defineRingContract(test);
  defineValuesContract(test);
});

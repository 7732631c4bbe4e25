/** What clients on different runtimes must agree on, on Bun and on Node: where keys go, where slots go, and what stored bytes mean. */
import { describe, test } from 'bun:test';
import { join } from 'node:path';
import { defineCasesElsewhere } from '../support/node-cases.ts';
import { definePlacementContract } from './placement-contract.ts';
import { defineRingContract } from './ring-contract.ts';
import { defineValuesContract } from './values-contract.ts';

describe('on Bun', () => {
  definePlacementContract(test);
  defineRingContract(test);
  defineValuesContract(test);
});

describe('on Node', () => {
  defineCasesElsewhere({ entry: join(import.meta.dir, 'portable-runner.ts'), program: 'node' }, (define) => {
    definePlacementContract(define);
    defineRingContract(define);
    defineValuesContract(define);
  });
});

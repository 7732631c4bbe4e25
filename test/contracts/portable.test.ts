/** What clients on different runtimes must agree on, on Bun and on Node: where keys go, and what stored bytes mean. */
import { describe, test } from 'bun:test';
import { join } from 'node:path';
import { defineCasesElsewhere } from '../support/node-cases.ts';
import { defineRingContract } from './ring-contract.ts';
import { defineValuesContract } from './values-contract.ts';

describe('on Bun', () => {
  defineRingContract(test);
  defineValuesContract(test);
});

describe('on Node', () => {
  defineCasesElsewhere({ entry: join(import.meta.dir, 'portable-runner.ts'), program: 'node' }, (define) => {
    defineRingContract(define);
    defineValuesContract(define);
  });
});

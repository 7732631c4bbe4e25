/** The contract of the state stores over each place that they keep the state in, on Bun and on Node. */
import { afterAll, beforeAll, describe, test } from 'bun:test';
import { join } from 'node:path';
import { defineCasesElsewhere } from '../support/node-cases.ts';
import { defineStateStoreContract } from './state-store-contract.ts';
import { statePlaces } from './state-store-worlds.ts';

describe.each(statePlaces())('$name', ({ missing, start, contract }) => {
  describe.skipIf(missing !== null)(missing ?? 'on Bun', () => {
    let stop: () => Promise<void>;
    beforeAll(async () => {
      stop = await start();
    });
    afterAll(() => stop());
    defineStateStoreContract(contract, test);
  });
});

describe('on Node', () => {
  defineCasesElsewhere({ entry: join(import.meta.dir, 'state-store-runner.ts'), program: 'node' }, (define) => {
    for (const { name: place, missing, contract } of statePlaces()) {
      if (missing === null) defineStateStoreContract(contract, (name, body) => define(`${place}: ${name}`, body));
    }
  });
});

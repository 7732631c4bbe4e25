/** The contract of the Keyv adapter, Keyv's own suite included, over the sources on Bun and over the build on Node. */
import { describe, test } from 'bun:test';
import { join } from 'node:path';
import { KeyvShoal } from '../../src/adapters/keyv.ts';
import { ShoalClient } from '../../src/client/client.ts';
import { ShoalNode } from '../../src/server/node.ts';
import { buildForNode } from '../support/build.ts';
import { defineCasesElsewhere } from '../support/node-cases.ts';
import { REPOSITORY_ROOT } from '../support/shoal-process.ts';
import { defineKeyvContract, type KeyvWorld } from './keyv-contract.ts';

const sources = (): Promise<KeyvWorld> => Promise.resolve({ KeyvShoal, ShoalClient, ShoalNode });

describe('shoal/keyv on Bun', () => {
  defineKeyvContract(sources, test);
});

describe('shoal/keyv on Node', () => {
  defineCasesElsewhere(
    {
      entry: join(import.meta.dir, 'keyv-runner.ts'),
      program: 'node',
      external: ['shoal/*'],
      packageFolder: async () => {
        await buildForNode();
        return REPOSITORY_ROOT;
      },
    },
    (define) => defineKeyvContract(sources, define),
  );
});

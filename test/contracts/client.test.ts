/** The client contract over the sources on Bun, and over the build on Node. */
import { describe, test } from 'bun:test';
import { join } from 'node:path';
import { ShoalError } from '../../src/base/errors.ts';
import { ShoalClient } from '../../src/client/client.ts';
import { ShoalNode } from '../../src/server/node.ts';
import { buildForNode } from '../support/build.ts';
import { defineCasesElsewhere } from '../support/node-cases.ts';
import { REPOSITORY_ROOT } from '../support/shoal-process.ts';
import { type ClientWorld, defineClientContract } from './client-contract.ts';

const sources = (): Promise<ClientWorld> =>
  Promise.resolve({ ShoalClient, ShoalError, startNode: (settings) => ShoalNode.start(settings) });

describe('the client on Bun', () => {
  defineClientContract(sources, test);
});

describe('the client on Node', () => {
  defineCasesElsewhere(
    {
      entry: join(import.meta.dir, 'client-runner.ts'),
      program: 'node',
      external: ['shoal/*'],
      packageFolder: async () => {
        await buildForNode();
        return REPOSITORY_ROOT;
      },
    },
    (define) => defineClientContract(sources, define),
  );
});

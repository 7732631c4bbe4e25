/** The client contract over the sources on Bun, and over the packed tarball on Node and on Bun. */
import { describe, test } from 'bun:test';
import { join } from 'node:path';
import { ShoalError } from '../../src/base/errors.ts';
import { ShoalClient } from '../../src/client/client.ts';
import { ShoalNode } from '../../src/server/node.ts';
import { defineCasesElsewhere } from '../support/node-cases.ts';
import { packedPackage } from '../support/packed-package.ts';
import { type ClientWorld, defineClientContract } from './client-contract.ts';

const sources = (): Promise<ClientWorld> =>
  Promise.resolve({ ShoalClient, ShoalError, startNode: (settings) => ShoalNode.start(settings) });

describe('the client on Bun', () => {
  defineClientContract(sources, test);
});

const RUNNER = {
  entry: join(import.meta.dir, 'client-runner.ts'),
  external: ['shoal/*'],
  packageFolder: async (): Promise<string> => join((await packedPackage()).application, 'node_modules', 'shoal'),
} as const;

for (const program of ['node', 'bun'] as const) {
  describe(`the client from the packed tarball on ${program}`, () => {
    defineCasesElsewhere({ ...RUNNER, program }, (define) => defineClientContract(sources, define));
  });
}

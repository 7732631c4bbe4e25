/** The contract of the Keyv adapter, Keyv's own suite included, over the sources on Bun and over the packed tarball on both runtimes. */
import { describe, test } from 'bun:test';
import { join } from 'node:path';
import { KeyvShoal } from '../../src/adapters/keyv.ts';
import { ShoalClient } from '../../src/client/client.ts';
import { ShoalNode } from '../../src/server/node.ts';
import { defineCasesElsewhere } from '../support/node-cases.ts';
import { packedPackage } from '../support/packed-package.ts';
import { defineKeyvContract, type KeyvWorld } from './keyv-contract.ts';

const sources = (): Promise<KeyvWorld> => Promise.resolve({ KeyvShoal, ShoalClient, ShoalNode });

describe('shoal/keyv on Bun', () => {
  defineKeyvContract(sources, test);
});

const RUNNER = {
  entry: join(import.meta.dir, 'keyv-runner.ts'),
  external: ['shoal/*'],
  packageFolder: async (): Promise<string> => join((await packedPackage()).application, 'node_modules', 'shoal'),
} as const;

for (const program of ['node', 'bun'] as const) {
  describe(`shoal/keyv from the packed tarball on ${program}`, () => {
    defineCasesElsewhere({ ...RUNNER, program }, (define) => defineKeyvContract(sources, define));
  });
}

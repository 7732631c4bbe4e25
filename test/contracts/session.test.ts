/** The contract of the store for express-session, over the sources on Bun and over the packed tarball on both runtimes. */
import { describe, test } from 'bun:test';
import { join } from 'node:path';
import { ShoalStore } from '../../src/adapters/express-session.ts';
import { ShoalClient } from '../../src/client/client.ts';
import { ShoalNode } from '../../src/server/node.ts';
import { defineCasesElsewhere } from '../support/node-cases.ts';
import { packedPackage } from '../support/packed-package.ts';
import { defineSessionContract, type SessionWorld } from './session-contract.ts';

const sources = (): Promise<SessionWorld> => Promise.resolve({ ShoalStore, ShoalClient, ShoalNode });

describe('shoal/express-session on Bun', () => {
  defineSessionContract(sources, test);
});

const RUNNER = {
  entry: join(import.meta.dir, 'session-runner.ts'),
  external: ['shoal/*'],
  packageFolder: async (): Promise<string> => join((await packedPackage()).application, 'node_modules', 'shoal'),
} as const;

for (const program of ['node', 'bun'] as const) {
  describe(`shoal/express-session from the packed tarball on ${program}`, () => {
    defineCasesElsewhere({ ...RUNNER, program }, (define) => defineSessionContract(sources, define));
  });
}

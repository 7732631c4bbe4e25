/** The contract of the store for express-session, over the sources on Bun and over the build on Node. */
import { describe, test } from 'bun:test';
import { join } from 'node:path';
import { ShoalStore } from '../../src/adapters/express-session.ts';
import { ShoalClient } from '../../src/client/client.ts';
import { ShoalNode } from '../../src/server/node.ts';
import { buildForNode } from '../support/build.ts';
import { defineCasesElsewhere } from '../support/node-cases.ts';
import { REPOSITORY_ROOT } from '../support/shoal-process.ts';
import { defineSessionContract, type SessionWorld } from './session-contract.ts';

const sources = (): Promise<SessionWorld> => Promise.resolve({ ShoalStore, ShoalClient, ShoalNode });

describe('shoal/express-session on Bun', () => {
  defineSessionContract(sources, test);
});

describe('shoal/express-session on Node', () => {
  defineCasesElsewhere(
    {
      entry: join(import.meta.dir, 'session-runner.ts'),
      program: 'node',
      external: ['shoal/*'],
      packageFolder: async () => {
        await buildForNode();
        return REPOSITORY_ROOT;
      },
    },
    (define) => defineSessionContract(sources, define),
  );
});

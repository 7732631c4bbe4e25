/** The contract of the store for express-session, over the sources on Bun and over the packed tarball on both runtimes. */
import { describe, test } from 'bun:test';
import { join } from 'node:path';
import { ShoalStore } from '../../src/adapters/express-session.ts';
import { ShoalClient } from '../../src/client/client.ts';
import { ShoalNode } from '../../src/server/node.ts';
import { defineCasesFromTarball } from '../support/tarball-cases.ts';
import { defineSessionContract, type SessionWorld } from './session-contract.ts';

const sources = (): Promise<SessionWorld> => Promise.resolve({ ShoalStore, ShoalClient, ShoalNode });

describe('shoal/express-session on Bun', () => {
  defineSessionContract(sources, test);
});

defineCasesFromTarball('shoal/express-session', join(import.meta.dir, 'session-runner.ts'), (define) =>
  defineSessionContract(sources, define),
);

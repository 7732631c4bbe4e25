/** The client contract over the sources on Bun, and over the packed tarball on Node and on Bun. */
import { describe, test } from 'bun:test';
import { join } from 'node:path';
import { ShoalError } from '../../src/base/errors.ts';
import { ShoalClient } from '../../src/client/client.ts';
import { ShoalNode } from '../../src/server/node.ts';
import { defineCasesFromTarball } from '../support/tarball-cases.ts';
import { type ClientWorld, defineClientContract } from './client-contract.ts';

const sources = (): Promise<ClientWorld> =>
  Promise.resolve({ ShoalClient, ShoalError, startNode: (settings) => ShoalNode.start(settings) });

describe('the client on Bun', () => {
  defineClientContract(sources, test);
});

defineCasesFromTarball('the client', join(import.meta.dir, 'client-runner.ts'), (define) =>
  defineClientContract(sources, define),
);

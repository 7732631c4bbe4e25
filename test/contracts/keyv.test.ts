/** The contract of the Keyv adapter, Keyv's own suite included, over the sources on Bun and over the packed tarball on both runtimes. */
import { describe, test } from 'bun:test';
import { join } from 'node:path';
import { KeyvShoal } from '../../src/adapters/keyv.ts';
import { ShoalClient } from '../../src/client/client.ts';
import { ShoalNode } from '../../src/server/node.ts';
import { defineCasesFromTarball } from '../support/tarball-cases.ts';
import { defineKeyvContract, type KeyvWorld } from './keyv-contract.ts';

const sources = (): Promise<KeyvWorld> => Promise.resolve({ KeyvShoal, ShoalClient, ShoalNode });

describe('shoal/keyv on Bun', () => {
  defineKeyvContract(sources, test);
});

defineCasesFromTarball('shoal/keyv', join(import.meta.dir, 'keyv-runner.ts'), (define) =>
  defineKeyvContract(sources, define),
);

/**
 * The transport contract over `Bun.listen` and `node:net` on Bun, and over `node:net` on real Node.
 */
import { describe, test } from 'bun:test';
import { join } from 'node:path';
import { BunTransport } from '../../src/io/bun-transport.ts';
import { NodeTransport } from '../../src/io/node-transport.ts';
import { defineCasesElsewhere } from '../support/node-cases.ts';
import { defineTransportContract } from './transport-contract.ts';

/** Far above what a case takes, so that only an event that never comes reaches it. */
const CASE_MS_MAX = 20_000;

describe('Bun.listen on Bun', () => {
  defineTransportContract(
    (options) => new BunTransport(options),
    (name, body) => test(name, body, CASE_MS_MAX),
  );
});

describe('node:net on Bun', () => {
  defineTransportContract(
    (options) => new NodeTransport(options),
    (name, body) => test(name, body, CASE_MS_MAX),
  );
});

describe('node:net on Node', () => {
  defineCasesElsewhere({ entry: join(import.meta.dir, 'transport-node-runner.ts'), program: 'node' }, (define) =>
    defineTransportContract((options) => new NodeTransport(options), define),
  );
});

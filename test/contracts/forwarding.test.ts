/** The forwarding contract over epoll, Bun's sockets and `node:net` on Bun, and over `node:net` on real Node. */
import { afterAll, describe, test } from 'bun:test';
import { join } from 'node:path';
import { BunTransport } from '../../src/io/bun-transport.ts';
import { EpollTransport } from '../../src/io/epoll/epoll-transport.ts';
import { EpollReactor } from '../../src/io/epoll/reactor.ts';
import { NodeTransport } from '../../src/io/node-transport.ts';
import { defineCasesElsewhere } from '../support/node-cases.ts';
import { PumpedReactor } from '../support/pumped-reactor.ts';
import { defineForwardingContract } from './forwarding-contract.ts';

/** Far above what a case takes, so that only an event that never comes reaches it. */
const CASE_MS_MAX = 30_000;

describe.skipIf(!EpollReactor.isAvailable())('epoll', () => {
  let pumped: PumpedReactor | null = null;
  afterAll(() => pumped?.[Symbol.dispose]());
  defineForwardingContract(
    () => {
      pumped ??= new PumpedReactor();
      return new EpollTransport(pumped.reactor);
    },
    (name, body) => test(name, body, CASE_MS_MAX),
  );
});

describe('Bun.listen on Bun', () => {
  defineForwardingContract(
    () => new BunTransport(),
    (name, body) => test(name, body, CASE_MS_MAX),
  );
});

describe('node:net on Bun', () => {
  defineForwardingContract(
    () => new NodeTransport(),
    (name, body) => test(name, body, CASE_MS_MAX),
  );
});

describe('node:net on Node', () => {
  defineCasesElsewhere({ entry: join(import.meta.dir, 'forwarding-node-runner.ts'), program: 'node' }, (define) =>
    defineForwardingContract(() => new NodeTransport(), define),
  );
});

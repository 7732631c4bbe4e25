/**
 * The transport contract over epoll, `Bun.listen` and `node:net` on Bun, and over `node:net` on real Node.
 */
import { afterAll, describe, test } from 'bun:test';
import { join } from 'node:path';
import { BunTransport } from '../../src/io/bun-transport.ts';
import { EpollTransport } from '../../src/io/epoll/epoll-transport.ts';
import { EpollReactor } from '../../src/io/epoll/reactor.ts';
import { SendRing } from '../../src/io/epoll/send-ring.ts';
import { NodeTransport } from '../../src/io/node-transport.ts';
import { defineCasesElsewhere } from '../support/node-cases.ts';
import { PumpedReactor } from '../support/pumped-reactor.ts';
import { defineTransportContract } from './transport-contract.ts';

/** Far above what a case takes, so that only an event that never comes reaches it. */
const CASE_MS_MAX = 20_000;

describe('Bun.listen on Bun', () => {
  defineTransportContract(
    (options) => new BunTransport(options),
    (name, body) => test(name, body, CASE_MS_MAX),
  );
});

describe.skipIf(!EpollReactor.isAvailable())('epoll', () => {
  let pumped: PumpedReactor | null = null;
  afterAll(() => pumped?.[Symbol.dispose]());
  defineTransportContract(
    (options) => {
      pumped ??= new PumpedReactor();
      return new EpollTransport(pumped.reactor, options);
    },
    (name, body) => test(name, body, CASE_MS_MAX),
  );
});

describe.skipIf(!EpollReactor.isAvailable() || !SendRing.isAvailable())('io_uring', () => {
  let pumped: PumpedReactor | null = null;
  let ring: SendRing | null = null;
  afterAll(() => {
    pumped?.[Symbol.dispose]();
    ring?.close();
  });
  defineTransportContract(
    (options) => {
      pumped ??= new PumpedReactor();
      ring ??= new SendRing();
      return new EpollTransport(pumped.reactor, { ...options, ring });
    },
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

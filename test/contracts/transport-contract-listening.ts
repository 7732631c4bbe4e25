/**
 * The transport contract, part three: listening, addresses, and giving the port back.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { ShoalError } from '../../src/base/errors.ts';
import type { ListenOptions } from '../../src/io/transport.ts';
import type { TransportFixture } from '../support/transport-fixture.ts';
import { echoBehaviour } from '../support/transport-handlers.ts';
import { TcpPeer } from '../support/tcp-peer.ts';
import type { ContractCase } from './transport-contract.ts';

const HAS_IPV6_LOOPBACK = Object.values(networkInterfaces())
  .flat()
  .some((address) => address?.address === '::1');

async function listenFailure(
  fixture: TransportFixture,
  host: string,
  port: number,
  sharing: Pick<ListenOptions, 'portShared'> = {},
): Promise<ShoalError> {
  try {
    await fixture.listen({}, { host, port, ...sharing });
  } catch (error) {
    assert.ok(error instanceof ShoalError, String(error));
    return error;
  }
  return assert.fail(`listened on ${host}:${port}`);
}

function addressCase(listenHost: string, connectHost: string, shown: string): ContractCase {
  return {
    name: `names both ends of a connection from ${connectHost} to ${listenHost}`,
    async run(fixture) {
      const { handler, listener } = await fixture.listen({}, { host: listenHost });
      const peer = await fixture.connect(listener, connectHost);
      await handler.untilOpened();
      assert.equal(handler.opened[0]?.remoteAddress, `${shown}:${peer.localPort}`);
      assert.equal(handler.opened[0]?.localAddress, `${shown}:${listener.port}`);
    },
  };
}

const ipv6Cases: readonly ContractCase[] = [
  addressCase('::1', '::1', '[::1]'),
  addressCase('::', '::1', '[::1]'),
  addressCase('::', '127.0.0.1', '127.0.0.1'),
];

/** The lines of Linux's connection table whose own end is `port`, connections only: see proc_pid_net(5). */
function connectionTimers(port: number): string[] {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = readFileSync('/proc/net/tcp', 'latin1').split('\n').slice(1);
  const columns = rows.map((row) => row.trim().split(/\s+/));
  return columns.filter((row) => row[1]?.endsWith(local) && row[3] === '01').map((row) => row[5] ?? '');
}

const linuxCases: readonly ContractCase[] = [
  {
    name: 'has the kernel ask silent peers after five minutes whether they live',
    async run(fixture) {
      const { handler, listener } = await fixture.listen();
      await fixture.connect(listener);
      await handler.untilOpened();
      const [timer = '', ...others] = connectionTimers(listener.port);
      assert.equal(others.length, 0);
      assert.match(timer, /^02:/, 'the keep-alive timer runs');
      const dueMs = Number.parseInt(timer.slice(3), 16) * 10;
      assert.ok(dueMs > 290_000 && dueMs <= 300_000, `due in ${dueMs} ms`);
    },
  },
];

/** So many that each of two listeners gets some, but for one run in 10^18. */
const SPREAD_CONNECTIONS = 60;

const sharingCases: readonly ContractCase[] = [
  {
    name: 'shares a port among its listeners, or says that it cannot',
    async run(fixture) {
      if (fixture.makeTransport().name === 'node') {
        const error = await listenFailure(fixture, '127.0.0.1', 0, { portShared: 'first' });
        assert.equal(error.code, 'ListenFailed');
        assert.match(error.message, /cannot share a port/);
        return;
      }
      const first = await fixture.listen(echoBehaviour(), { portShared: 'first' });
      const { port } = first.listener;
      const second = await fixture.listen(echoBehaviour(), { port, portShared: 'joining' });
      assert.equal(second.listener.port, port);
      for (let count = 0; count < SPREAD_CONNECTIONS; count += 1) {
        await fixture.settle(await fixture.connect(first.listener), 1);
      }
      assert.equal(first.handler.opened.length + second.handler.opened.length, SPREAD_CONNECTIONS);
      assert.ok(first.handler.opened.length > 0 && second.handler.opened.length > 0, 'both serve');
      // One that goes leaves the port to the other.
      await first.listener.close();
      await fixture.settle(await fixture.connect(second.listener), 1);
    },
  },
  {
    name: 'does not share a port that somebody has, not even with one who shares it',
    async run(fixture) {
      if (fixture.makeTransport().name === 'node') return;
      const alone = await fixture.listen(echoBehaviour());
      const sharing = await fixture.listen(echoBehaviour(), { portShared: 'first' });
      for (const { listener } of [alone, sharing]) {
        const error = await listenFailure(fixture, '127.0.0.1', listener.port, { portShared: 'first' });
        assert.equal(error.code, 'ListenFailed');
        assert.match(error.message, /the port is in use/);
        await fixture.settle(await fixture.connect(listener), 1);
      }
    },
  },
];

export const listeningCases: readonly ContractCase[] = [
  {
    name: 'finds a free port for port 0 and says which, and serves several listeners',
    async run(fixture) {
      const first = await fixture.listen(echoBehaviour());
      const second = await fixture.listen(echoBehaviour());
      assert.ok(first.listener.port > 0);
      assert.notEqual(first.listener.port, second.listener.port);
      assert.equal(first.listener.host, '127.0.0.1');
      for (const { handler, listener } of [first, second]) {
        await fixture.settle(await fixture.connect(listener), 1);
        assert.equal(handler.opened.length, 1);
      }
    },
  },
  addressCase('127.0.0.1', '127.0.0.1', '127.0.0.1'),
  addressCase('0.0.0.0', '127.0.0.1', '127.0.0.1'),
  {
    name: 'listens on a name',
    async run(fixture) {
      const { listener } = await fixture.listen(echoBehaviour(), { host: 'localhost' });
      assert.equal(listener.host, 'localhost');
      await fixture.settle(await fixture.connect(listener, 'localhost'), 1);
    },
  },
  ...sharingCases,
  ...(HAS_IPV6_LOOPBACK ? ipv6Cases : []),
  ...(process.platform === 'linux' ? linuxCases : []),
  {
    name: 'stopAccepting refuses new connections and keeps the open ones',
    async run(fixture) {
      const { handler, listener } = await fixture.listen(echoBehaviour());
      const peer = await fixture.connect(listener);
      await fixture.settle(peer, 1);
      listener.stopAccepting();
      listener.stopAccepting();
      await assert.rejects(TcpPeer.connect({ port: listener.port }), { code: 'ECONNREFUSED' });
      await fixture.settle(peer, 3);
      assert.equal(handler.closed.length, 0);
    },
  },
  {
    name: 'close destroys what is open and frees the port at once',
    async run(fixture) {
      const { handler, listener } = await fixture.listen(echoBehaviour());
      const peers = await Promise.all([fixture.connect(listener), fixture.connect(listener)]);
      for (const peer of peers) await fixture.settle(peer, 1);
      const { port } = listener;
      await Promise.all([listener.close(), listener.close()]);
      assert.equal(handler.closed.length, 2);
      for (const peer of peers) await peer.untilEnded();
      const again = await fixture.listen(echoBehaviour(), { port });
      assert.equal(again.listener.port, port);
      await fixture.settle(await fixture.connect(again.listener), 1);
    },
  },
  {
    name: 'close after stopAccepting frees the port with connections still open',
    async run(fixture) {
      const { handler, listener } = await fixture.listen(echoBehaviour());
      await fixture.settle(await fixture.connect(listener), 1);
      listener.stopAccepting();
      await listener.close();
      assert.equal(handler.closed.length, 1);
      await fixture.listen({}, { port: listener.port });
    },
  },
  {
    name: 'rejects with ListenFailed, naming address and reason, where the port is in use',
    async run(fixture) {
      const { listener } = await fixture.listen(echoBehaviour());
      const error = await listenFailure(fixture, '127.0.0.1', listener.port);
      assert.equal(error.code, 'ListenFailed');
      assert.match(error.message, new RegExp(`127\\.0\\.0\\.1:${listener.port}: the port is in use`));
      assert.ok(error.cause instanceof Error);
      await fixture.settle(await fixture.connect(listener), 1);
    },
  },
  {
    name: 'rejects with ListenFailed for an address of another machine and for a port out of range',
    async run(fixture) {
      const elsewhere = await listenFailure(fixture, '192.0.2.1', 0);
      assert.equal(elsewhere.code, 'ListenFailed');
      assert.match(elsewhere.message, /192\.0\.2\.1:0: this machine has no such address/);
      const outOfRange = await listenFailure(fixture, '127.0.0.1', 70_000);
      assert.equal(outOfRange.code, 'ListenFailed');
      assert.match(outOfRange.message, /127\.0\.0\.1:70000: .*70000/);
    },
  },
];

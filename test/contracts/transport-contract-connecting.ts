/**
 * The transport contract, part four: connections that this side opens. An attempt ends once, well or badly and never inside the call that began
 * it; what came about lives as an accepted connection does; nothing leaves a descriptor behind.
 */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import type { ShoalError } from '../../src/base/errors.ts';
import type { Connection } from '../../src/io/transport.ts';
import { checksum, patternedBytes } from '../support/patterned-bytes.ts';
import { SilentPort } from '../support/silent-port.ts';
import type { TransportFixture } from '../support/transport-fixture.ts';
import { type Behaviour, echoBehaviour, Sender } from '../support/transport-handlers.ts';
import type { ContractCase } from './transport-contract.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const MORE_THAN_KERNEL_TAKES = 24 * MIB;
/** Shorter than any waiting that a failure would need, and still an answer from the own machine fits in. */
const SHORT_MS = 30;

/** Sends `payload` in pieces when the connection opens. */
function sendOnOpen(payload: Uint8Array, pieceBytes: number, hold: (sender: Sender) => void = () => {}): Behaviour {
  return {
    onOpen(connection) {
      const sender = new Sender(connection);
      connection.context = sender;
      hold(sender);
      for (let offset = 0; offset < payload.length; offset += pieceBytes) {
        sender.send(payload.slice(offset, offset + pieceBytes));
      }
    },
    onDrain: (connection) => (connection.context as Sender).flush(),
  };
}

/** A port at which nobody listens: one that was just given back. */
async function freePort(fixture: TransportFixture): Promise<number> {
  const { listener } = await fixture.listen();
  await listener.close();
  return listener.port;
}

async function failure(fixture: TransportFixture, port: number, host: string): Promise<ShoalError> {
  const { handler } = fixture.dial(port, {}, { host, timeoutMs: 5 * SHORT_MS });
  await handler.untilFailed();
  assert.equal(handler.opened.length, 0);
  const [error] = handler.failures;
  assert.equal(error?.code, 'ConnectFailed');
  assert.equal(error.retryable, true);
  return error;
}

/** Open descriptors of this process. Linux only. */
function descriptorCount(): number {
  return readdirSync('/proc/self/fd').length;
}

/** Waits until no more descriptors are open than at the start: closing may take turns of the event loop. */
async function untilDescriptorCount(countMax: number): Promise<void> {
  while (descriptorCount() > countMax) await new Promise((resolve) => setImmediate(resolve));
}

const linuxCases: readonly ContractCase[] = [
  {
    name: 'leaves no descriptor of thousands of connections, refusals, timeouts and cancelled attempts',
    async run(fixture) {
      const refusing = await freePort(fixture);
      const { handler: accepting, listener } = await fixture.listen({
        onData: (connection, bytes, start) => (bytes[start] === 0x65 ? connection.end() : connection.destroy()),
      });
      await using silent = await SilentPort.open();
      const before = descriptorCount();
      for (let round = 0; round < 20; round += 1) {
        const opened = Array.from({ length: 100 }, (_, index) =>
          fixture.dial(listener.port, {
            onOpen(connection) {
              if (index % 4 === 0) connection.destroy();
              else if (index % 4 === 1) connection.end();
              else connection.write(Buffer.from(index % 4 === 2 ? 'end' : 'destroy'), 0, 3);
            },
          }),
        );
        const refused = Array.from({ length: 20 }, () => fixture.dial(refusing));
        const timedOut = fixture.dial(silent.port, {}, { timeoutMs: 1 });
        const cancelled = Array.from({ length: 10 }, () => fixture.dial(silent.port));
        const atOnce = fixture.dial(listener.port);
        atOnce.attempt.cancel();
        await Promise.all(opened.map(({ handler }) => handler.untilClosed()));
        await Promise.all([...refused, timedOut].map(({ handler }) => handler.untilFailed()));
        for (const { attempt } of cancelled) attempt.cancel();
        assert.equal(atOnce.handler.opened.length, 0);
      }
      await accepting.untilClosed(accepting.opened.length);
      await untilDescriptorCount(before);
    },
  },
  {
    name: 'gives up on who does not answer in time, and not before',
    async run(fixture) {
      await using silent = await SilentPort.open();
      const startedAtMs = performance.now();
      const { handler } = fixture.dial(silent.port, {}, { timeoutMs: SHORT_MS });
      await handler.untilFailed();
      assert.ok(performance.now() - startedAtMs >= SHORT_MS - 1, 'the time is over');
      assert.equal(handler.failures[0]?.code, 'ConnectFailed');
      assert.equal(handler.failures[0]?.node, `127.0.0.1:${silent.port}`);
      assert.match(handler.failures[0]?.message ?? '', /no answer within 30 ms/);
    },
  },
];

export const connectingCases: readonly ContractCase[] = [
  {
    name: 'opens a connection, and names both ends of it',
    async run(fixture) {
      const { handler: accepting, listener } = await fixture.listen(echoBehaviour());
      const { handler } = fixture.dial(listener.port, sendOnOpen(Buffer.from('hello'), 5));
      await handler.until(() => handler.receivedBytes === 5);
      assert.equal(handler.opened.length, 1);
      assert.equal(handler.opened[0]?.remoteAddress, `127.0.0.1:${listener.port}`);
      assert.equal(handler.opened[0]?.localAddress, accepting.opened[0]?.remoteAddress);
    },
  },
  {
    name: 'carries data both ways at once, every byte in order',
    async run(fixture) {
      const there = patternedBytes(6 * MIB, 5);
      const back = patternedBytes(5 * MIB, 9);
      const arrivedThere: Uint8Array[] = [];
      const arrivedHere: Uint8Array[] = [];
      const keep = (parts: Uint8Array[]): Behaviour => ({
        onData: (_connection, bytes, start, end) => void parts.push(Uint8Array.from(bytes.subarray(start, end))),
      });
      const { handler: accepting, listener } = await fixture.listen({
        ...sendOnOpen(back, 100 * KIB),
        ...keep(arrivedThere),
      });
      const { handler } = fixture.dial(listener.port, { ...sendOnOpen(there, 70 * KIB), ...keep(arrivedHere) });
      await accepting.until(() => accepting.receivedBytes >= there.length);
      await handler.until(() => handler.receivedBytes >= back.length);
      assert.equal(checksum(...arrivedThere), checksum(there));
      assert.equal(checksum(...arrivedHere), checksum(back));
    },
  },
  {
    name: 'takes a write in part where the other side reads late, and goes on at onDrain',
    async run(fixture) {
      const payload = patternedBytes(MORE_THAN_KERNEL_TAKES, 7);
      const parts: Uint8Array[] = [];
      let reader: Connection | null = null;
      const { handler: accepting, listener } = await fixture.listen({
        onOpen(connection) {
          reader = connection;
          connection.pause();
        },
        onData: (_connection, bytes, start, end) => void parts.push(Uint8Array.from(bytes.subarray(start, end))),
      });
      let sender: Sender | null = null;
      const { handler } = fixture.dial(
        listener.port,
        sendOnOpen(payload, MORE_THAN_KERNEL_TAKES, (made) => {
          sender = made;
        }),
      );
      await handler.untilOpened();
      await accepting.untilOpened();
      const stalled: Sender = sender ?? assert.fail('no sender');
      assert.ok(stalled.partialCount + stalled.retainedCount > 0, 'the write does not fit the kernel buffers');
      const slow: Connection = reader ?? assert.fail('nobody accepted');
      slow.resume();
      await accepting.until(() => accepting.receivedBytes >= payload.length);
      assert.equal(checksum(...parts), checksum(payload));
      assert.ok(handler.drainCount > 0, 'onDrain came');
    },
  },
  {
    name: 'says where nobody listens',
    async run(fixture) {
      const port = await freePort(fixture);
      const error = await failure(fixture, port, '127.0.0.1');
      assert.equal(error.message, `cannot connect to 127.0.0.1:${port}: nobody listens there (ECONNREFUSED)`);
      assert.equal(error.node, `127.0.0.1:${port}`);
      assert.ok(error.cause instanceof Error);
    },
  },
  {
    name: 'fails for addresses that lead nowhere, names that do not resolve, and ports that are none',
    async run(fixture) {
      // Of a group: TCP has no connection to it.
      await failure(fixture, 7600, '224.0.0.1');
      assert.match((await failure(fixture, 7600, 'no-such-host.invalid')).message, /no-such-host\.invalid/);
      assert.match((await failure(fixture, 0, '127.0.0.1')).message, /0 is no port/);
      assert.match((await failure(fixture, 70_000, '127.0.0.1')).message, /70000 is no port/);
    },
  },
  {
    name: 'calls nobody after cancel, which is without effect on a connection',
    async run(fixture) {
      const { handler: accepting, listener } = await fixture.listen(echoBehaviour());
      const cancelled = fixture.dial(listener.port);
      cancelled.attempt.cancel();
      cancelled.attempt.cancel();
      const refused = fixture.dial(await freePort(fixture));
      refused.attempt.cancel();
      const { handler, attempt } = fixture.dial(listener.port);
      await handler.untilOpened();
      attempt.cancel();
      handler.opened[0]?.write(Buffer.from('still there'), 0, 11);
      await handler.until(() => handler.receivedBytes === 11);
      await accepting.untilOpened();
      assert.equal(cancelled.handler.opened.length + cancelled.handler.failures.length, 0);
      assert.equal(refused.handler.opened.length + refused.handler.failures.length, 0);
    },
  },
  {
    name: 'ends once where the other side closes while the connection opens',
    async run(fixture) {
      const { listener } = await fixture.listen({ onOpen: (connection) => connection.destroy() });
      const dialled = Array.from({ length: 50 }, () => fixture.dial(listener.port, sendOnOpen(Buffer.from('x'), 1)));
      await Promise.all(
        dialled.map(({ handler }) => handler.until(() => handler.closed.length + handler.failures.length > 0)),
      );
      for (const { handler } of dialled) assert.equal(handler.closed.length, handler.opened.length);
    },
  },
  {
    name: 'closes in order after end, from either side',
    async run(fixture) {
      const { handler: accepting, listener } = await fixture.listen({
        onData(connection, bytes, start) {
          if (bytes[start] === 0x65) connection.end();
        },
      });
      const ending = fixture.dial(listener.port, {
        onOpen(connection) {
          connection.write(Buffer.from('last words'), 0, 10);
          connection.end();
        },
      });
      await ending.handler.untilClosed();
      await accepting.until(() => accepting.receivedBytes === 10);
      const ended = fixture.dial(listener.port, sendOnOpen(Buffer.from('e'), 1));
      await ended.handler.untilClosed();
      await accepting.untilClosed(2);
      for (const { error } of [...ending.handler.closed, ...ended.handler.closed]) assert.equal(error, null);
    },
  },
  {
    name: 'closes a connection whose handler throws when it opens, with that error',
    async run(fixture) {
      const { handler: accepting, listener } = await fixture.listen();
      const boom = new Error('boom');
      const { handler } = fixture.dial(listener.port, {
        onOpen() {
          throw boom;
        },
      });
      await handler.untilClosed();
      assert.equal(handler.closed[0]?.error, boom);
      await accepting.untilClosed();
    },
  },
  ...(process.platform === 'linux' ? linuxCases : []),
];

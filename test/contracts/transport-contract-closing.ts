/**
 * The transport contract, part two: however a connection ends, what must be delivered is, `onClose` comes once, and
 * nobody else notices.
 */
import assert from 'node:assert/strict';
import { type Connection, WRITE_CLOSED } from '../../src/io/transport.ts';
import { checksum, patternedBytes } from '../support/patterned-bytes.ts';
import type { TransportFixture } from '../support/transport-fixture.ts';
import { type Behaviour, echoBehaviour, Sender } from '../support/transport-handlers.ts';
import type { ContractCase } from './transport-contract.ts';

const MIB = 1024 * 1024;
const MORE_THAN_KERNEL_TAKES = 24 * MIB;
/** Longer than a case may take: what ends such a connection is not the linger time. */
const LONG_LINGER_MS = 60_000;
const HELLO = Buffer.from('hello');

const PIECE_BYTES = MIB;

/** Sends `payload` in pieces on the first byte that arrives; `then` runs once all is taken. */
function sendOnData(payload: Uint8Array, then: (connection: Connection) => void = () => {}): Behaviour {
  const flush = (connection: Connection): void => {
    const sender = connection.context as Sender;
    sender.flush();
    if (sender.pendingBytes === 0) then(connection);
  };
  return {
    onData(connection) {
      if (connection.context !== undefined) return;
      const sender = new Sender(connection);
      connection.context = sender;
      for (let offset = 0; offset < payload.length; offset += PIECE_BYTES) {
        sender.send(payload.slice(offset, offset + PIECE_BYTES));
      }
      if (sender.pendingBytes === 0) then(connection);
    },
    onDrain: flush,
  };
}

/** A handler that throws in one callback closes that connection with the error; others and the next one are served. */
function throwingCase(callback: 'onOpen' | 'onData' | 'onDrain'): ContractCase {
  return {
    name: `closes only its connection when ${callback} throws, and reports the error`,
    async run(fixture) {
      const boom = new Error('boom');
      const throwing: Behaviour =
        callback === 'onDrain' ? sendOnData(patternedBytes(MORE_THAN_KERNEL_TAKES, 1)) : echoBehaviour();
      let armed = false;
      const { handler, listener } = await fixture.listen({
        ...echoBehaviour(),
        onData(connection, bytes, start, end) {
          const behaviour = armed ? throwing : echoBehaviour();
          if (armed && callback === 'onDrain') connection.context = undefined;
          if (armed && callback === 'onData') throw boom;
          behaviour.onData?.(connection, bytes, start, end);
        },
        onOpen(connection) {
          if (armed && callback === 'onOpen') throw boom;
          echoBehaviour().onOpen?.(connection);
        },
        onDrain(connection) {
          if (armed && callback === 'onDrain') throw boom;
          echoBehaviour().onDrain?.(connection);
        },
      });
      const before = await fixture.connect(listener);
      await fixture.settle(before, 1);
      armed = true;
      const victim = await fixture.connect(listener);
      victim.send('x');
      await handler.untilClosed();
      armed = false;
      assert.equal(handler.closed[0]?.error, boom);
      assert.equal(handler.closed[0]?.connection, handler.opened[1]);
      await victim.untilEnded();
      await fixture.settle(before, 1);
      const next = await fixture.connect(listener);
      await fixture.settle(next, 1);
      assert.equal(handler.closed.length, 1);
    },
  };
}

async function lateReader(fixture: TransportFixture, behaviour: Behaviour, act: 'finish' | 'read'): Promise<void> {
  const { handler, listener } = await fixture.listen(behaviour);
  const peer = await fixture.connect(listener);
  peer.stopReading();
  peer.send('x');
  if (act === 'finish') peer.finish();
  await handler.until(() => handler.receivedBytes > 0);
  peer.startReading();
  await peer.untilEnded();
  assert.equal(peer.receivedBytes, MORE_THAN_KERNEL_TAKES);
  assert.equal(peer.checksum(), checksum(patternedBytes(MORE_THAN_KERNEL_TAKES, 1)));
  peer.finish();
  await handler.untilClosed();
  assert.equal(handler.closed[0]?.error, null);
}

export const closingCases: readonly ContractCase[] = [
  {
    name: 'answers a peer that half-closes after its request, then closes',
    async run(fixture) {
      const { handler, listener } = await fixture.listen(echoBehaviour());
      const peer = await fixture.connect(listener);
      peer.send('last words');
      peer.finish();
      await peer.untilEnded();
      assert.equal(peer.text, 'last words');
      await handler.untilClosed();
      assert.equal(handler.closed[0]?.error, null);
    },
  },
  {
    name: 'delivers all pending output to a peer that half-closed, then closes',
    run: (fixture) => lateReader(fixture, sendOnData(patternedBytes(MORE_THAN_KERNEL_TAKES, 1)), 'finish'),
  },
  {
    name: 'end sends what was taken before it closes',
    run: (fixture) =>
      lateReader(
        fixture,
        sendOnData(patternedBytes(MORE_THAN_KERNEL_TAKES, 1), (connection) => connection.end()),
        'read',
      ),
  },
  {
    name: 'does not act on a half-close while the handler is paused',
    async run(fixture) {
      const { handler, listener } = await fixture.listen({ onData: (connection) => connection.pause() });
      const echo = await fixture.listen(echoBehaviour());
      const echoing = await fixture.connect(echo.listener);
      const peer = await fixture.connect(listener);
      peer.send('x');
      peer.finish();
      await handler.until(() => handler.receivedBytes > 0);
      await fixture.settle(echoing);
      assert.equal(handler.closed.length, 0);
      const connection = handler.opened[0] ?? assert.fail('not opened');
      assert.equal(connection.write(HELLO, 0, HELLO.length), HELLO.length);
      connection.resume();
      await handler.untilClosed();
      await peer.untilEnded();
      assert.equal(peer.text, 'hello');
    },
  },
  {
    name: 'closes once when the peer resets',
    async run(fixture) {
      const { handler, listener } = await fixture.listen();
      const peer = await fixture.connect(listener);
      peer.send('x');
      await handler.until(() => handler.receivedBytes > 0);
      peer.reset();
      await handler.untilClosed();
    },
  },
  {
    name: 'closes once when the peer resets with output pending',
    async run(fixture) {
      const { handler, listener } = await fixture.listen(sendOnData(patternedBytes(MORE_THAN_KERNEL_TAKES, 1)));
      const peer = await fixture.connect(listener);
      peer.stopReading();
      peer.send('x');
      await handler.until(() => handler.receivedBytes > 0);
      peer.reset();
      await handler.untilClosed();
    },
  },
  {
    name: 'closes once when the peer resets while the handler is paused, at the latest when it resumes',
    async run(fixture) {
      const { handler, listener } = await fixture.listen({ onData: (connection) => connection.pause() });
      const echo = await fixture.listen(echoBehaviour());
      const echoing = await fixture.connect(echo.listener);
      const peer = await fixture.connect(listener);
      peer.send('x');
      await handler.until(() => handler.receivedBytes > 0);
      peer.reset();
      await fixture.settle(echoing);
      handler.opened[0]?.resume();
      await handler.untilClosed();
      assert.equal(handler.receivedBytes, 1);
    },
  },
  {
    name: 'destroy inside onData closes at once and takes no more',
    async run(fixture) {
      const answers: number[] = [];
      const { handler, listener } = await fixture.listen({
        onData(connection) {
          connection.destroy();
          answers.push(connection.write(HELLO, 0, HELLO.length));
          connection.destroy();
        },
      });
      const peer = await fixture.connect(listener);
      peer.send(patternedBytes(MIB, 1));
      await handler.untilClosed();
      await peer.untilEnded();
      assert.equal(peer.receivedBytes, 0);
      assert.deepEqual(answers, [WRITE_CLOSED]);
      assert.equal(handler.closed[0]?.error, null);
    },
  },
  {
    name: 'destroy with output pending closes at once',
    async run(fixture) {
      const { handler, listener } = await fixture.listen(sendOnData(patternedBytes(MORE_THAN_KERNEL_TAKES, 1)));
      const peer = await fixture.connect(listener);
      peer.stopReading();
      peer.send('x');
      await handler.until(() => handler.receivedBytes > 0);
      handler.opened[0]?.destroy();
      await handler.untilClosed();
      peer.startReading();
      await peer.untilEnded();
      assert.ok(peer.receivedBytes < MORE_THAN_KERNEL_TAKES);
    },
  },
  {
    name: 'ends and destroys connections from onOpen, after what was written',
    async run(fixture) {
      let destroys = false;
      const { handler, listener } = await fixture.listen({
        onOpen(connection) {
          connection.write(HELLO, 0, HELLO.length);
          if (destroys) connection.destroy();
          else connection.end();
        },
      });
      for (destroys of [false, true]) {
        const peer = await fixture.connect(listener);
        await peer.untilEnded();
        assert.equal(peer.text, 'hello');
        peer.finish();
      }
      await handler.untilClosed(2);
    },
  },
  {
    name: 'an ended connection takes and delivers nothing more, even if it was paused',
    async run(fixture) {
      let taken = 0;
      const behaviour: Behaviour = {
        onData(connection) {
          connection.write(HELLO, 0, HELLO.length);
          connection.pause();
          connection.end();
          taken = connection.write(HELLO, 0, HELLO.length);
        },
      };
      const { handler, listener } = await fixture.listen(behaviour, { lingerMsMax: LONG_LINGER_MS });
      const peer = await fixture.connect(listener);
      peer.send('x');
      await peer.untilEnded();
      peer.send('too late');
      peer.finish();
      await handler.untilClosed();
      assert.equal(taken, WRITE_CLOSED);
      assert.equal(peer.text, 'hello');
      assert.equal(handler.receivedBytes, 1);
    },
  },
  {
    name: 'end delivers the last reply to a peer that is still sending',
    async run(fixture) {
      const { handler, listener } = await fixture.listen({
        onData(connection) {
          connection.write(HELLO, 0, HELLO.length);
          connection.end();
        },
      });
      const peer = await fixture.connect(listener);
      peer.send(patternedBytes(8 * MIB, 1));
      peer.finish();
      await peer.untilClosed();
      assert.equal(peer.text, 'hello');
      assert.equal(peer.error, null);
      await handler.untilClosed();
    },
  },
  {
    name: 'end does not call onClose from inside, even where the peer has ended already',
    async run(fixture) {
      let insideEnd = false;
      let closedInside = false;
      const { handler, listener } = await fixture.listen({
        ...sendOnData(patternedBytes(MORE_THAN_KERNEL_TAKES, 1)),
        onClose() {
          closedInside = insideEnd;
        },
      });
      const echo = await fixture.listen(echoBehaviour());
      const echoing = await fixture.connect(echo.listener);
      const peer = await fixture.connect(listener);
      peer.stopReading();
      peer.send('x');
      peer.finish();
      await handler.until(() => handler.receivedBytes > 0);
      await fixture.settle(echoing);
      insideEnd = true;
      handler.opened[0]?.end();
      insideEnd = false;
      peer.startReading();
      await handler.untilClosed();
      assert.equal(closedInside, false);
    },
  },
  {
    name: 'end closes without a peer that never does',
    async run(fixture) {
      const { handler, listener } = await fixture.listen(
        { onOpen: (connection) => connection.end() },
        { lingerMsMax: 5 },
      );
      await fixture.connect(listener);
      await handler.untilClosed();
      assert.equal(handler.closed[0]?.error, null);
    },
  },
  {
    name: 'every call after onClose is without effect',
    async run(fixture) {
      const { handler, listener } = await fixture.listen();
      const peer = await fixture.connect(listener);
      peer.finish();
      await handler.untilClosed();
      const connection = handler.opened[0] ?? assert.fail('not opened');
      assert.equal(connection.write(HELLO, 0, HELLO.length), WRITE_CLOSED);
      connection.pause();
      connection.resume();
      connection.end();
      connection.destroy();
      assert.match(connection.remoteAddress, /^127\.0\.0\.1:\d+$/);
    },
  },
  throwingCase('onOpen'),
  throwingCase('onData'),
  throwingCase('onDrain'),
  {
    name: 'opens and closes 1,000 connections, closed by either side',
    async run(fixture) {
      const { handler, listener } = await fixture.listen({
        onData(connection, bytes, start) {
          if (bytes[start] === 0x65) connection.end();
          else connection.destroy();
        },
      });
      for (let batch = 0; batch < 10; batch += 1) {
        const peers = await Promise.all(Array.from({ length: 100 }, () => fixture.connect(listener)));
        for (const [index, peer] of peers.entries()) {
          if (index % 4 === 0) peer.finish();
          else if (index % 4 === 1) peer.reset();
          else peer.send(index % 4 === 2 ? 'end' : 'destroy');
        }
        await Promise.all(peers.filter((_, index) => index % 4 !== 1).map((peer) => peer.untilEnded()));
        for (const peer of peers) peer.destroy();
      }
      await handler.untilClosed(1000);
      assert.equal(handler.opened.length, 1000);
    },
  },
];

/**
 * The transport contract, part one: every byte arrives once, in order, however the peer reads and the handler pauses.
 */
import assert from 'node:assert/strict';
import { type Connection, WRITE_RETAINED } from '../../src/io/transport.ts';
import { checksum, patternedBytes } from '../support/patterned-bytes.ts';
import { echoBehaviour, Sender } from '../support/transport-handlers.ts';
import type { ContractCase } from './transport-contract.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
/** More than the kernel buffers of both ends of a loopback connection together. */
const MORE_THAN_KERNEL_TAKES = 24 * MIB;
/** What may still arrive after `pause`: the largest chunk that a runtime reads at once. */
const CHUNK_BYTES_MAX = MIB;

/** A connection that gets `payload` in pieces, sent on the first byte that arrives, while the peer does not read. */
function slowReaderCase(name: string, pieceBytes: number): ContractCase {
  return {
    name,
    async run(fixture) {
      const payload = patternedBytes(MORE_THAN_KERNEL_TAKES, 7);
      const expected = checksum(payload);
      let sender: Sender | null = null;
      const { handler, listener } = await fixture.listen({
        onData(connection) {
          sender = new Sender(connection);
          for (let offset = 0; offset < payload.length; offset += pieceBytes) {
            sender.send(payload.slice(offset, offset + pieceBytes));
          }
        },
        onDrain: () => sender?.flush(),
      });
      const peer = await fixture.connect(listener);
      peer.stopReading();
      peer.send('go');
      await handler.until(() => sender !== null);
      const stalled: Sender = sender ?? assert.fail('no sender');
      assert.ok(stalled.partialCount + stalled.retainedCount > 0, 'the write does not fit the kernel buffers');
      peer.startReading();
      await peer.received(payload.length);
      assert.equal(peer.receivedBytes, payload.length);
      assert.equal(peer.checksum(), expected);
      assert.ok(handler.drainCount > 0, 'onDrain came');
      assert.equal(stalled.pendingBytes, 0);
    },
  };
}

function echoCase(length: number, text: string): ContractCase {
  return {
    name: `echoes ${text}`,
    async run(fixture) {
      const { listener } = await fixture.listen(echoBehaviour());
      const peer = await fixture.connect(listener);
      const payload = patternedBytes(length, length);
      peer.send(payload);
      await peer.received(length);
      assert.equal(peer.receivedBytes, length);
      assert.equal(peer.checksum(), checksum(payload));
    },
  };
}

export const byteCases: readonly ContractCase[] = [
  echoCase(1, '1 byte'),
  echoCase(64 * KIB, '64 KiB'),
  echoCase(8 * MIB, '8 MiB'),
  {
    name: 'echoes 10,000 small messages in order',
    async run(fixture) {
      const { listener } = await fixture.listen(echoBehaviour());
      const peer = await fixture.connect(listener);
      let all = '';
      for (let index = 0; index < 10_000; index += 1) {
        const message = `message ${index}\n`;
        all += message;
        peer.send(message);
      }
      await peer.received(all.length);
      assert.equal(peer.checksum(), checksum(Buffer.from(all)));
    },
  },
  {
    name: 'sends only the range it is given, and takes an empty one without effect',
    async run(fixture) {
      let emptyTaken = -1;
      const { listener } = await fixture.listen({
        onOpen(connection) {
          emptyTaken = connection.write(Buffer.from('abc'), 2, 2);
          connection.write(Buffer.from('..hello..').subarray(1), 1, 6);
        },
      });
      const peer = await fixture.connect(listener);
      await peer.received(5);
      assert.equal(peer.text, 'hello');
      assert.equal(emptyTaken, 0);
    },
  },
  {
    name: 'sends what is written outside a callback',
    async run(fixture) {
      const { handler, listener } = await fixture.listen();
      const peer = await fixture.connect(listener);
      await handler.untilOpened();
      handler.opened[0]?.write(Buffer.from('later'), 0, 5);
      await peer.received(5);
      assert.equal(peer.text, 'later');
    },
  },
  {
    name: 'frees a buffer that is not retained as soon as write returns',
    async run(fixture) {
      const parts: Uint8Array[] = [];
      for (let index = 0; index < 500; index += 1) parts.push(patternedBytes(1 + ((index * 37) % 9000), index));
      const expected = checksum(...parts);
      const total = parts.reduce((sum, part) => sum + part.length, 0);
      const { listener } = await fixture.listen({
        onOpen(connection) {
          const sender = new Sender(connection);
          connection.context = sender;
          for (const part of parts) sender.send(part);
        },
        onDrain: (connection) => (connection.context as Sender).flush(),
      });
      const peer = await fixture.connect(listener);
      await peer.received(total);
      assert.equal(peer.checksum(), expected);
    },
  },
  slowReaderCase('delivers one huge write to a peer that reads late', MORE_THAN_KERNEL_TAKES),
  slowReaderCase('delivers many writes to a peer that reads late', 300 * KIB),
  {
    name: 'takes no more than one write beyond what the kernel takes',
    async run(fixture) {
      let acceptedBytes = 0;
      let retainedCount = 0;
      const { handler, listener } = await fixture.listen({
        onData(connection) {
          for (let count = 0; count < 64; count += 1) {
            const taken = connection.write(new Uint8Array(MIB), 0, MIB);
            if (taken === WRITE_RETAINED) retainedCount += 1;
            acceptedBytes += taken === WRITE_RETAINED ? MIB : taken;
          }
        },
      });
      const peer = await fixture.connect(listener);
      peer.stopReading();
      peer.send('go');
      await handler.until(() => handler.receivedBytes > 0);
      assert.ok(retainedCount <= 1, `${retainedCount} writes retained`);
      assert.ok(acceptedBytes < MORE_THAN_KERNEL_TAKES, `${acceptedBytes} bytes taken`);
    },
  },
  {
    name: 'stops data at pause and goes on at resume, losing nothing',
    async run(fixture) {
      let paused: Connection | null = null;
      const parts: Uint8Array[] = [];
      const { handler, listener } = await fixture.listen({
        onData(connection, bytes, start, end) {
          parts.push(Uint8Array.from(bytes.subarray(start, end)));
          if (paused !== null) return;
          paused = connection;
          connection.pause();
        },
      });
      const echo = await fixture.listen(echoBehaviour());
      const echoing = await fixture.connect(echo.listener);
      const peer = await fixture.connect(listener);
      const payload = patternedBytes(8 * MIB, 3);
      peer.send(payload);
      await handler.until(() => paused !== null);
      await fixture.settle(echoing);
      assert.ok(handler.receivedBytes <= CHUNK_BYTES_MAX, `${handler.receivedBytes} bytes came to a paused handler`);
      handler.opened[0]?.resume();
      await handler.until(() => handler.receivedBytes >= payload.length);
      assert.equal(checksum(...parts), checksum(payload));
    },
  },
  {
    name: 'delivers nothing to a connection paused in onOpen until it resumes',
    async run(fixture) {
      const { handler, listener } = await fixture.listen({ onOpen: (connection) => connection.pause() });
      const echo = await fixture.listen(echoBehaviour());
      const echoing = await fixture.connect(echo.listener);
      const peer = await fixture.connect(listener);
      peer.send('hello');
      await handler.untilOpened();
      await fixture.settle(echoing);
      assert.equal(handler.receivedBytes, 0);
      handler.opened[0]?.resume();
      await handler.until(() => handler.receivedBytes === 5);
    },
  },
  {
    name: 'loses nothing when paused at every chunk',
    async run(fixture) {
      const parts: Uint8Array[] = [];
      const { handler, listener } = await fixture.listen({
        onData(connection, bytes, start, end) {
          parts.push(Uint8Array.from(bytes.subarray(start, end)));
          connection.pause();
          setImmediate(() => connection.resume());
        },
      });
      const peer = await fixture.connect(listener);
      const payload = patternedBytes(4 * MIB, 11);
      peer.send(payload);
      await handler.until(() => handler.receivedBytes >= payload.length);
      assert.equal(checksum(...parts), checksum(payload));
    },
  },
];

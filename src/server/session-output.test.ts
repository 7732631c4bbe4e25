import { expect, test } from 'bun:test';
import { type FakeConnection, FakeTransport, FakeWriteBatch } from '../../test/support/fake-transport.ts';
import { ManualEnvironment } from '../../test/support/manual-environment.ts';
import { defaultOptions } from '../config/options.ts';
import { RespDecoder } from '../protocol/resp/decoder.ts';
import { RespWriter } from '../protocol/resp/writer.ts';
import type { Codec } from './codec.ts';
import { Executed } from './executed.ts';
import { Session } from './session.ts';
import { SessionOutput } from './session-output.ts';
import { Traffic } from './traffic.ts';

const ignore = (): void => undefined;

/** The way out to one connection, with a writer of its own. */
async function openOutput(outputBufferBytesMax: number, batch: FakeWriteBatch | null = null) {
  const transport = new FakeTransport();
  const handler = { onOpen: ignore, onData: ignore, onDrain: ignore, onClose: ignore };
  await transport.listen({ host: '127.0.0.1', port: 0 }, handler);
  const connection = transport.open();
  const limits = { ...defaultOptions().limits, outputBufferBytesMax };
  const { clock, log } = new ManualEnvironment();
  const writer = new RespWriter(outputBufferBytesMax);
  const codec: Codec = {
    writer,
    begin: ignore,
    decode: () => 0,
    lookAhead: ignore,
    endGroup: ignore,
    execute: () => Executed.done,
    answerBlocked: ignore,
    refuseProtocol: ignore,
    forward: ignore,
    words: null,
    ackWaitMs: 0,
    refuseConnection: ignore,
  };
  const output = new SessionOutput(writer, limits, new Traffic(), clock, log, batch);
  const open = (id: number, from: FakeConnection): Session => new Session(id, from, codec, new RespDecoder(limits), 0);
  return { connection, writer, output, session: open(1, connection), another: () => open(2, transport.open()) };
}

test('what a full socket leaves of a large reply is kept in the buffer that it was written to', async () => {
  const { connection, writer, output, session } = await openOutput(10_000_000);
  const value = Buffer.alloc(3_000_000, 'v');
  writer.bulk(value, 0, value.length);
  const { bytes } = writer;
  const wanted = bytes.toString('latin1', 0, writer.length);
  connection.room = 1000;
  output.flushReplies(session);
  expect(session.output.bytes).toBe(bytes);
  expect(writer.bytes).not.toBe(bytes);
  // What follows stands behind it, and changes nothing of it.
  writer.bulk(value, 0, 5);
  output.flushReplies(session);
  connection.room = Number.POSITIVE_INFINITY;
  output.drained(session);
  expect(connection.take()).toBe(`${wanted}$5\r\nvvvvv\r\n`);
  expect(session.output.capacity).toBe(0);
});

test('messages to the session whose command runs are kept up to the output limit, and no further', async () => {
  const { connection, output, session } = await openOutput(100_000);
  output.current = session;
  const message = Buffer.alloc(30_000);
  for (let count = 0; count < 3; count += 1) output.deliver(session, message, 0, message.length);
  expect(session.overflowed).toBe(false);
  output.deliver(session, message, 0, message.length);
  expect(session.overflowed).toBe(true);
  output.flushDeferred(session);
  output.flushScheduled();
  expect([connection.state, connection.take()]).toEqual(['destroyed', '']);
});

test('replies that were gathered by a right that has ended do not leave, and their connections are closed', async () => {
  const { connection, writer, output, session, another } = await openOutput(100_000, new FakeWriteBatch());
  const right = { hasServed: true, lasts: true, mayServe: () => right.lasts };
  output.serve(null, right);
  const other = another();
  output.gather();
  writer.simple('OK');
  output.flushReplies(session);
  right.hasServed = false;
  writer.simple('PONG');
  output.flushReplies(other);
  right.lasts = false;
  // In the middle of somebody's command nothing is closed.
  output.sendGathered();
  output.deliver(session, Buffer.from('news'), 0, 4);
  writer.simple('MORE');
  output.flushReplies(session);
  expect(connection.state).toBe('open');
  output.endGathering();
  expect([connection.take(), connection.state]).toEqual(['', 'destroyed']);
  expect((other.connection as FakeConnection).take()).toBe('+PONG\r\n');
});

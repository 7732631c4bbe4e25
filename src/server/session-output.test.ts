import { expect, test } from 'bun:test';
import { FakeTransport } from '../../test/support/fake-transport.ts';
import { ManualEnvironment } from '../../test/support/manual-environment.ts';
import { defaultOptions } from '../config/options.ts';
import { RespDecoder } from '../protocol/resp/decoder.ts';
import { RespWriter } from '../protocol/resp/writer.ts';
import type { Codec } from './codec.ts';
import { Executed } from './dispatch.ts';
import { Session } from './session.ts';
import { SessionOutput } from './session-output.ts';
import { Traffic } from './traffic.ts';

test('messages to the session whose command runs are kept up to the output limit, and no further', async () => {
  const transport = new FakeTransport();
  const ignore = (): void => undefined;
  const handler = { onOpen: ignore, onData: ignore, onDrain: ignore, onClose: ignore };
  await transport.listen({ host: '127.0.0.1', port: 0 }, handler);
  const connection = transport.open();
  const limits = { ...defaultOptions().limits, outputBufferBytesMax: 100_000 };
  const { clock, log } = new ManualEnvironment();
  const writer = new RespWriter(100_000);
  const codec: Codec = {
    writer,
    begin: ignore,
    decode: () => 0,
    execute: () => Executed.done,
    refuseProtocol: ignore,
    refuseConnection: ignore,
  };
  const output = new SessionOutput(writer, limits, new Traffic(), clock, log);
  const session = new Session(1, connection, codec, new RespDecoder(limits), 0);
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

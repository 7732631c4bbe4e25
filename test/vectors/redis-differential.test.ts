/**
 * The codec beside a real redis-server: the same bytes must get the same answer. What is compared: every malformed
 * request of the vectors (the error text, and that the connection closes), what PING and ECHO vectors give, and
 * INCRBYFLOAT's arithmetic on seeded pairs.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { connect } from 'node:net';
import { Command } from '../../src/protocol/command.ts';
import { addFloats, FloatFault } from '../../src/protocol/long-double.ts';
import { NEED_MORE, PROTOCOL_ERROR, RespDecoder } from '../../src/protocol/resp/decoder.ts';
import { RespWriter } from '../../src/protocol/resp/writer.ts';
import { REDIS_INSTALL_HINT, redisServerPath, startRedisServer, type RedisServer } from '../support/redis-server.ts';
import { FLOAT_TEXTS, floatPairs } from './floats.ts';
import { REQUEST_VECTORS, VECTOR_LIMITS, type RequestVector } from './resp.ts';
import { encodeRequest } from './resp-feed.ts';

const installed = redisServerPath() !== null;
const title = installed ? 'beside redis-server' : `beside redis-server (skipped: ${REDIS_INSTALL_HINT})`;

const PAIR_COUNT = 2000;

describe.skipIf(!installed)(title, () => {
  let open: RedisServer;
  let guarded: RedisServer;

  beforeAll(async () => {
    [open, guarded] = await Promise.all([startRedisServer(), startRedisServer(['--requirepass', 'secret'])]);
  });
  afterAll(async () => {
    await Promise.all([open?.stop(), guarded?.stop()]);
  });

  test('malformed requests get the same error and the connection closes', async () => {
    const vectors = REQUEST_VECTORS.filter((vector) => typeof vector.then === 'object');
    expect(vectors.length).toBeGreaterThan(40);
    await compare(vectors, (vector) => Buffer.from(vector.input, 'latin1'));
  });

  test('requests that Redis echoes hold the same arguments', async () => {
    const vectors = REQUEST_VECTORS.filter((vector) => vector.then === 'end' && vector.frames.every(isEchoed));
    expect(vectors.length).toBeGreaterThan(15);
    await compare(vectors, (vector) => Buffer.concat([Buffer.from(vector.input, 'latin1'), encodeRequest(['QUIT'])]));
  });

  test('INCRBYFLOAT gives the same sums', async () => {
    const pairs = [
      ...FLOAT_TEXTS.flatMap((left) => FLOAT_TEXTS.map((right) => [left, right] as const)),
      ...floatPairs(PAIR_COUNT, 1),
    ];
    const requests = pairs.flatMap(([left, right]) => [
      encodeRequest(['SET', 'f', left]),
      encodeRequest(['INCRBYFLOAT', 'f', right]),
    ]);
    const theirs = await exchange(open.port, Buffer.concat([...requests, encodeRequest(['QUIT'])]));
    const writer = new RespWriter(2 ** 30);
    for (const [left, right] of pairs) {
      writer.ok();
      writeSum(writer, left, right);
    }
    writer.ok();
    const ours = writer.bytes.toString('latin1', 0, writer.length);
    expect(ours.split('\r\n')).toEqual(theirs.toString('latin1').split('\r\n'));
  });

  async function compare(vectors: readonly RequestVector[], inputOf: (vector: RequestVector) => Buffer): Promise<void> {
    const rows = vectors.map(async (vector) => {
      const server = vector.unauthenticated === true ? guarded : open;
      const theirs = await exchange(server.port, inputOf(vector));
      return {
        name: vector.name,
        ours: answer(inputOf(vector), vector.unauthenticated !== true),
        theirs: theirs.toString('latin1'),
      };
    });
    for (const { name, ours, theirs } of await Promise.all(rows)) {
      expect(`${name}: ${ours}`).toBe(`${name}: ${theirs}`);
    }
  }
});

function isEchoed(frame: readonly string[]): boolean {
  return (
    frame.length === 0 || (frame[0] === 'PING' && frame.length === 1) || (frame[0] === 'ECHO' && frame.length === 2)
  );
}

/** What a node that knows PING, ECHO and QUIT answers. */
function answer(input: Uint8Array, authenticated: boolean): string {
  const decoder = new RespDecoder(VECTOR_LIMITS);
  decoder.authenticated = authenticated;
  const command = new Command();
  const writer = new RespWriter(2 ** 30);
  for (let start = 0; start < input.length; ) {
    const taken = decoder.decode(input, start, input.length, command);
    if (taken === NEED_MORE) break;
    if (taken === PROTOCOL_ERROR) {
      writer.error(decoder.error);
      break;
    }
    start += taken;
    if (command.count === 0) continue;
    if (command.is(0, 'PING')) writer.simple('PONG');
    else if (command.is(0, 'ECHO')) writer.bulk(command.bytes, command.start(1), command.length(1));
    else writer.ok();
  }
  return writer.bytes.toString('latin1', 0, writer.length);
}

function writeSum(writer: RespWriter, left: string, right: string): void {
  const leftBytes = Buffer.from(left, 'latin1');
  const rightBytes = Buffer.from(right, 'latin1');
  const sum = addFloats(leftBytes, 0, leftBytes.length, rightBytes, 0, rightBytes.length);
  if (sum === FloatFault.notFloat) writer.error('ERR value is not a valid float');
  else if (sum === FloatFault.notFinite) writer.error('ERR increment would produce NaN or Infinity');
  else writer.bulkText(sum);
}

/** Sends `input` over a fresh connection and gives what came back until the server closed it. */
function exchange(port: number, input: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    const socket = connect({ host: '127.0.0.1', port });
    socket.on('data', (part) => parts.push(Buffer.from(part)));
    // A server that closes with input unread resets the connection: what it had answered is here by then.
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') reject(error);
    });
    socket.on('close', () => resolve(Buffer.concat(parts)));
    socket.write(input);
  });
}

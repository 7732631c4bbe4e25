/**
 * A node under malformed input, in short; bench/fuzz.ts is the long form. And valid requests cut at every byte,
 * over real connections: nothing of a cut request is done.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { connect } from 'node:net';
import { ShoalProcess } from '../support/shoal-process.ts';
import { callWords, decodeReplies, encodeFrame, encodeHello, int64 } from '../support/shoal-frames.ts';
import { fuzzNode } from '../vectors/fuzz-node.ts';
import { FuzzResp } from '../vectors/fuzz-resp.ts';
import { FuzzShoal } from '../vectors/fuzz-shoal.ts';
import { defaultLimits } from '../../src/config/options.ts';
import { encodeRequest } from '../vectors/resp-feed.ts';

const INPUT_COUNT = 20_000;
const MEMORY_BYTES = 16 * 2 ** 20;
/** Beyond the data: what the runtime's heap and the connections of the run may add. */
const GROWTH_BYTES_MAX = MEMORY_BYTES + 128 * 2 ** 20;
const { argumentCountMax, bulkBytesMax, inlineBytesMax, inputBufferBytesMax } = defaultLimits();
const LIMITS = { argumentCountMax, bulkBytesMax, inlineBytesMax, inputBufferBytesMax };

const CUT_COMMANDS = [
  encodeRequest(['SET', 'cut', 'value']),
  encodeRequest(['APPEND', 'cut', 'x'.repeat(30)]),
  encodeRequest(['MSET', 'cut', '1', 'cut2', '2']),
  encodeRequest(['INCR', 'cut']),
  Buffer.from('SET cut "quoted value"\r\n'),
];

const HELLO = encodeHello({}, 1);

const CUT_OPERATIONS = [
  encodeFrame({ opcode: 'set', key: 'cut', value: 'value', ttlMs: 60_000 }),
  encodeFrame({ opcode: 'increment', key: 'cut', value: int64(1) }),
  encodeFrame({ opcode: 'call', value: callWords(['MSET', 'cut', '1', 'cut2', '2']) }),
];

const PROTOCOLS = [new FuzzResp(LIMITS, 'sent'), new FuzzShoal(LIMITS)];

describe('a node under malformed input', () => {
  let node: ShoalProcess;
  let port: number;

  beforeAll(async () => {
    node = new ShoalProcess(['serve', '--port', '0', '--memory', String(MEMORY_BYTES)]);
    port = await node.ready();
  }, 30_000);

  afterAll(async () => {
    await node?.[Symbol.asyncDispose]();
  });

  test.each(PROTOCOLS)(
    'of $name: answers each error, serves the next connection, and keeps its memory',
    async (protocol) => {
      const report = await fuzzNode({
        host: '127.0.0.1',
        port,
        inputCount: INPUT_COUNT,
        seed: 1,
        laneCount: 16,
        protocol,
      });
      expect(report.inputCount).toBe(INPUT_COUNT);
      expect(report.errorCount).toBeGreaterThan(INPUT_COUNT / 20);
      expect(report.finishedCount).toBeGreaterThan(INPUT_COUNT / 40);
      expect(report.errorLostCount).toBeLessThan(report.errorCount / 10);
      expect(report.probeCount).toBeGreaterThan(2);
      expect(report.rssStartBytes).toBeGreaterThan(0);
      expect(report.rssMaxBytes - report.rssStartBytes).toBeLessThan(GROWTH_BYTES_MAX);
    },
    60_000,
  );

  test('does nothing of a command that is cut at any byte', async () => {
    expect(await replies(port, encodeRequest(['DEL', 'cut', 'cut2']))).toMatch(/^:\d\r\n$/);
    for (const command of CUT_COMMANDS) {
      const cuts = Array.from({ length: command.length - 1 }, (_, index) => command.subarray(0, index + 1));
      const answers = await Promise.all(cuts.map((cut) => replies(port, cut)));
      expect(answers).toEqual(cuts.map(() => ''));
    }
    expect(await replies(port, encodeRequest(['EXISTS', 'cut', 'cut2']))).toBe(':0\r\n');
  }, 60_000);

  test('does nothing of an operation that is cut at any byte', async () => {
    expect(await replies(port, encodeRequest(['DEL', 'cut', 'cut2']))).toMatch(/^:\d\r\n$/);
    for (const operation of CUT_OPERATIONS) {
      const cuts = Array.from({ length: operation.length - 1 }, (_, index) => operation.subarray(0, index + 1));
      const answers = await Promise.all(cuts.map((cut) => replies(port, Buffer.concat([HELLO, cut]))));
      const decoded = answers.map((answer) => decodeReplies(Buffer.from(answer, 'latin1')));
      expect(decoded.map((frames) => frames.map(({ status, requestId }) => [status, requestId]))).toEqual(
        cuts.map(() => [['ok', 1]]),
      );
    }
    expect(await replies(port, encodeRequest(['EXISTS', 'cut', 'cut2']))).toBe(':0\r\n');
  }, 60_000);
});

/** Sends `bytes` and FIN on a fresh connection; what came until the node closed. */
function replies(port: number, bytes: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect({ host: '127.0.0.1', port }, () => socket.end(bytes));
    socket.on('data', (part) => {
      text += part.toString('latin1');
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(text));
  });
}

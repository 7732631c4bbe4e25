/** The vectors against the decoder, in every way that a network can cut them, against a node, and against the page that shows them. */
import { describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { AT_FLAGS, AT_OPCODE, AT_VALUE_LENGTH, HEADER_BYTES, Opcode } from '../../src/protocol/shoal/frame.ts';
import { startFakeNode } from '../support/fake-node.ts';
import { decodeReplies, encodeFrame } from '../support/shoal-frames.ts';
import { everyByte } from './decoder-feed.ts';
import { feedShoal } from './shoal-feed.ts';
import { CLIENT_OPCODES, SHOAL_CONVERSATIONS, SHOAL_STEPS, type VectorStep } from './shoal-vectors.ts';

const LIMITS = { bulkBytesMax: 64 * 2 ** 20 };

describe('the vectors', () => {
  test('have names of their own, and a request for every opcode', () => {
    expect(new Set(SHOAL_STEPS.map(({ name }) => name)).size).toBe(SHOAL_STEPS.length);
    const opcodes = new Set(SHOAL_STEPS.map(({ request }) => Number.parseInt(request.slice(4, 6), 16)));
    for (const name of CLIENT_OPCODES) expect([name, opcodes.has(Opcode[name])]).toEqual([name, true]);
  });

  test('say the same in bytes and in parts', () => {
    for (const { request, requestParts, reply, replyParts } of SHOAL_STEPS) {
      if (requestParts !== undefined) {
        const { ttlMs, version, key, value, ...rest } = requestParts;
        const built = encodeFrame({
          ...rest,
          ...(ttlMs === undefined ? {} : { ttlMs: BigInt(ttlMs) }),
          ...(version === undefined ? {} : { version: BigInt(version) }),
          key: Buffer.from(key, 'hex'),
          value: Buffer.from(value, 'hex'),
        });
        // The version of the header is no part: a few requests have another on purpose.
        expect(built.toString('hex').slice(4)).toBe(request.slice(4));
      }
      expect(partsOf(Buffer.from(reply, 'hex'))).toEqual({ ...replyParts });
    }
  });
});

describe('the decoder', () => {
  for (const { name, steps } of SHOAL_CONVERSATIONS) {
    test(`reads "${name}" alike in one piece, byte by byte and cut anywhere`, () => {
      for (const step of steps) {
        const input = Buffer.from(step.request, 'hex');
        const greeted = !step.name.includes('before hello');
        const whole = feedShoal(input, [], LIMITS, greeted);
        expect([step.name, typeof whole.then === 'object']).toEqual([step.name, step.closes === true]);
        if (step.closes !== true) {
          expect(whole.frames.length).toBe(1);
          const shown = whole.frames[0]!.split(' ');
          expect(Number(shown[1])).toBe(input[AT_OPCODE]!);
          expect(Number(shown[2])).toBe(input[AT_FLAGS]!);
          if (step.requestParts !== undefined) {
            expect(shown.slice(-2)).toEqual([step.requestParts.key, step.requestParts.value]);
          }
        }
        const cuts = everyByte(input.length);
        for (const pieces of [cuts, ...cuts.map((cut) => [cut])]) {
          const cut = feedShoal(input, pieces, LIMITS, greeted);
          expect([cut.frames, cut.then]).toEqual([whole.frames, whole.then]);
        }
      }
      const whole = steps.filter(({ closes }) => closes !== true);
      const pipeline = Buffer.concat(whole.map(({ request }) => Buffer.from(request, 'hex')));
      expect(feedShoal(pipeline, [], LIMITS).frames.length).toBe(whole.length);
    });
  }
});

describe('a node', () => {
  for (const { name, password, steps } of SHOAL_CONVERSATIONS.filter(({ cluster }) => cluster !== true)) {
    test(`answers "${name}"`, async () => {
      await using node = await startFakeNode(password === undefined ? {} : { password });
      const connection = node.open();
      for (const step of steps) {
        if (step.afterMs !== undefined) node.environment.advance(step.afterMs);
        const answer = Buffer.from(connection.exchange(latin1(step.request)), 'latin1');
        expect([step.name, comparable(answer, step)]).toEqual([
          step.name,
          comparable(Buffer.from(step.reply, 'hex'), step),
        ]);
        if (step.isText === true) expect(partsOf(answer).value).not.toBe('');
        expect([step.name, connection.state]).toEqual([step.name, step.closes === true ? 'ended' : 'open']);
      }
    });

    test(`answers "${name}" byte by byte and in one piece`, async () => {
      const timeless = steps.filter(({ varies, afterMs }) => varies !== 'version' && afterMs === undefined);
      const answers: string[][] = [];
      for (const pieces of ['bytes', 'whole'] as const) {
        await using node = await startFakeNode(password === undefined ? {} : { password });
        const connection = node.open();
        const input = timeless.map(({ request }) => latin1(request)).join('');
        if (pieces === 'whole') connection.receive(input);
        else for (const byte of input) connection.receive(byte);
        const replies = decodeReplies(Buffer.from(connection.take(), 'latin1'));
        expect(replies.length).toBe(timeless.length);
        // The value of a greeting is another one for each node.
        answers.push(
          replies.map(({ status, requestId, ttlMs, value }, index) =>
            [status, requestId, ttlMs, timeless[index]!.varies === 'value' ? '' : value.toString('hex')].join(' '),
          ),
        );
      }
      expect(answers[0]).toEqual(answers[1]);
    });
  }
});

describe('docs/PROTOCOL.md', () => {
  const page = readFileSync(new URL('../../docs/PROTOCOL.md', import.meta.url), 'utf8');
  const examples = [...page.matchAll(/^```hex (.+)\n([\s\S]*?)^```$/gm)];

  test('shows an example of every opcode and of a closing error', () => {
    const opcodes = new Set(examples.map(([, name]) => vectorNamed(name!).request.slice(4, 6)));
    expect(opcodes.size).toBeGreaterThanOrEqual(CLIENT_OPCODES.length);
    expect(examples.some(([, name]) => vectorNamed(name!).closes === true)).toBe(true);
  });

  test.each(examples.map(([, name, body]) => ({ name: name!, body: body! })))(
    'shows "$name" as it is',
    ({ name, body }) => {
      const vector = vectorNamed(name);
      expect(hexOf(body, '>')).toBe(vector.request);
      expect(hexOf(body, '<')).toBe(vector.reply);
    },
  );
});

function vectorNamed(name: string): VectorStep {
  const step = SHOAL_STEPS.find((candidate) => candidate.name === name);
  if (step === undefined) throw new Error(`no vector is named "${name}"`);
  return step;
}

/** The hex digits of the lines that begin with `mark`, or follow such a line; what is behind a `#` is a comment. */
function hexOf(body: string, mark: string): string {
  let current = '';
  let hex = '';
  for (const line of body.split('\n')) {
    if (line.startsWith('>') || line.startsWith('<')) current = line[0]!;
    if (current === mark) hex += line.replace(/^[<>]/, '').replace(/#.*$/, '').replace(/\s/g, '');
  }
  return hex;
}

/** The reply's bytes, without those that the vector says are only an example. */
function comparable(bytes: Buffer, step: VectorStep): string {
  const copy = Buffer.from(bytes);
  const fieldsBytes = copy.length < HEADER_BYTES ? 0 : copy.readUInt16LE(14);
  const valueAt = HEADER_BYTES + fieldsBytes;
  if (step.varies === 'version') copy.fill(0, valueAt - 8, valueAt);
  if (step.varies === 'value' || step.isText === true) {
    copy.fill(0, AT_VALUE_LENGTH, AT_VALUE_LENGTH + 4);
    return copy.toString('hex', 0, valueAt);
  }
  return copy.toString('hex');
}

function partsOf(reply: Buffer): Record<string, unknown> {
  const replies = decodeReplies(reply);
  expect(replies.length).toBe(1);
  const { status, requestId, epoch, ttlMs, version, replicas: replicaCount, value } = replies[0]!;
  return {
    status,
    requestId,
    epoch,
    ...(ttlMs === null ? {} : { ttlMs: String(ttlMs) }),
    ...(version === null ? {} : { version: version.toString() }),
    ...(replicaCount === null ? {} : { replicas: replicaCount }),
    value: value.toString('hex'),
  };
}

function latin1(hex: string): string {
  return Buffer.from(hex, 'hex').toString('latin1');
}

/** The bytes that a load sends, made once and patched: compared with requests that are written out. */
import { describe, expect, test } from 'bun:test';
import { seededRandom } from '../../src/base/random.ts';
import { areGoodReplies, KeySequence, makeLayouts, writeKey, type Layout } from './request-layouts.ts';
import { patchRequest, requestTemplate, WIRE_PROTOCOLS } from './wire.ts';

const SHAPE = { keyBytes: 16, valueBytes: 40 };

function layoutsOf(changes: Partial<Parameters<typeof makeLayouts>[0]> = {}): readonly Layout[] {
  const options = { protocol: 'resp' as const, shape: SHAPE, readShare: 0.7, pipeline: 3, allowMisses: false };
  return makeLayouts({ ...options, ...changes }, seededRandom(1));
}

describe.each(WIRE_PROTOCOLS)('over %s', (protocol) => {
  const keys = Int32Array.of(7, 12_345_678, 90_001);

  test('a batch is its requests, one after the other, each with its key', () => {
    for (const layout of layoutsOf({ protocol })) {
      keys.forEach((key, i) => writeKey(layout, i, key));
      const expected = layout.requests.map((template, i) => {
        const request = Buffer.from(template.bytes);
        patchRequest(request, template, 0, keys[i]!);
        return request;
      });
      expect(Buffer.from(layout.bytes)).toEqual(Buffer.concat(expected));
    }
  });

  test('replies are good for their own keys only', () => {
    const [layout] = layoutsOf({ protocol, readShare: 1 }) as [Layout];
    const template = requestTemplate(protocol, 'get', SHAPE);
    // A reply is patched as a request is: the value's tag, and the key where it stands in the reply.
    const replies = Buffer.concat(
      [...keys].map((key) => {
        const reply = Buffer.from(template.reply);
        const tag = String(key).padStart(12, '0');
        reply.write(tag, template.replyValueOffset, 'latin1');
        if (template.replyKeyOffset >= 0) reply.write(String(key).padStart(16, '0'), template.replyKeyOffset, 'latin1');
        return reply;
      }),
    );
    expect(layout.replyBytes).toBe(replies.length);
    expect(replies[layout.checkOffset]).toBe(layout.replyByte);
    expect(areGoodReplies(layout, replies, keys, 0)).toBeTrue();
    expect(areGoodReplies(layout, replies, Int32Array.of(0, 7, 12_345_678, 90_001), 1)).toBeTrue();
    expect(areGoodReplies(layout, replies, Int32Array.of(7, 12_345_678, 90_002), 0)).toBeFalse();
    replies[replies.length - 10] = 0;
    expect(areGoodReplies(layout, replies, keys, 0)).toBeFalse();
  });

  test('a miss can be told from a hit by the checked byte, and by its bytes', () => {
    const [layout] = layoutsOf({ protocol, readShare: 1, pipeline: 1, allowMisses: true }) as [Layout];
    expect(layout.missReply.length).toBeGreaterThan(layout.checkOffset);
    expect(layout.missReply[layout.checkOffset]).not.toBe(layout.replyByte);
    expect(layoutsOf({ protocol, readShare: 1, pipeline: 1 })[0]?.missReply.length).toBe(0);
  });
});

test('a mix has its share of reads over all layouts', () => {
  const requests = layoutsOf({ pipeline: 1 }).flatMap((layout) => layout.requests);
  const reads = requests.filter((template) => template.valueOffset < 0).length;
  expect(reads / requests.length).toBeCloseTo(0.7, 2);
  expect(layoutsOf({ readShare: 1 })).toHaveLength(1);
});

test('misses cannot be told within a pipeline', () => {
  expect(() => layoutsOf({ allowMisses: true })).toThrow('without pipelining only');
});

describe('keys', () => {
  test('come from the whole range, by their law, again and again', () => {
    const uniform = new KeySequence({ zipfExponent: null, keyCount: 10 }, seededRandom(2));
    const zipf = new KeySequence({ zipfExponent: 0.99, keyCount: 10 }, seededRandom(2));
    const counts = (keys: KeySequence): number[] => {
      const result = Array.from({ length: 10 }, () => 0);
      for (let i = 0; i < 600_000; i += 1) result[keys.next()]! += 1;
      return result;
    };
    for (const count of counts(uniform)) expect(count / 60_000).toBeCloseTo(1, 1);
    const popular = counts(zipf);
    expect(popular[0]! / popular[1]!).toBeCloseTo(2 ** 0.99, 1);
  });

  test('that are all alike come in no cycle, however many were asked for', () => {
    const sequence = new KeySequence({ zipfExponent: null, keyCount: 1_000_000 }, seededRandom(4));
    const keys = Int32Array.from({ length: 2 ** 21 }, () => sequence.next());
    // Each key comes about twice here, but not in the same company.
    const again = keys.findIndex((_, i) => i > 0 && [0, 1, 2].every((next) => keys[i + next] === keys[next]));
    expect(again).toBe(-1);
    expect(keys.subarray(1)).toContain(keys[0]!);
  });

  test('have eight digits at most', () => {
    for (const keyCount of [0, 100_000_001]) {
      expect(() => new KeySequence({ zipfExponent: null, keyCount }, Math.random)).toThrow('keys: from 1');
    }
  });
});

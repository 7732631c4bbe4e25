import { expect, test } from 'bun:test';
import { Random } from '../../test/vectors/random.ts';
import { OutputBuffer } from './output-buffer.ts';

const MIB = 1024 * 1024;

test('gives back what was appended, in order, whatever the sizes', () => {
  const random = new Random(1);
  const buffer = new OutputBuffer();
  const source = Buffer.from(Array.from({ length: 700_000 }, (_, index) => (index * 31) & 0xff));
  let appended = 0;
  let taken = 0;
  for (let step = 0; step < 2000; step += 1) {
    if (random.below(2) === 0) {
      const count = 1 + random.below(random.below(20) === 0 ? 600_000 : 2000);
      const start = appended % 256;
      buffer.append(source, start, start + count);
      appended += count;
    } else {
      const count = Math.min(buffer.end - buffer.start, random.below(300_000));
      for (let offset = 0; offset < count; offset += 997) {
        if (buffer.bytes[buffer.start + offset] !== (((taken + offset) % 256) * 31) % 256) expect.unreachable();
      }
      buffer.consume(count);
      taken += count;
    }
    expect(buffer.length).toBe(appended - taken);
  }
  expect(taken).toBeGreaterThan(5 * MIB);
});

test('a long queue takes its bytes and at most one chunk more', () => {
  const buffer = new OutputBuffer();
  const message = Buffer.alloc(10_000);
  while (buffer.length < 32 * MIB) buffer.append(message, 0, message.length);
  expect(buffer.capacity).toBeLessThanOrEqual(buffer.length + MIB);
});

test('once empty, nothing large is kept', () => {
  const buffer = new OutputBuffer();
  buffer.append(Buffer.alloc(2 * MIB), 0, 2 * MIB);
  while (buffer.length > 0) buffer.consume(buffer.end - buffer.start);
  expect(buffer.capacity).toBe(0);
  buffer.append(Buffer.alloc(100), 0, 100);
  buffer.consume(100);
  expect(buffer.capacity).toBeLessThanOrEqual(4096);
});

test('released, the oldest chunk is not written to again', () => {
  const buffer = new OutputBuffer();
  buffer.append(Buffer.from('abc'), 0, 3);
  const { bytes } = buffer;
  buffer.releaseOldest();
  expect(buffer.length).toBe(0);
  buffer.append(Buffer.from('def'), 0, 3);
  expect(bytes[0]).toBe('a'.charCodeAt(0));
  expect(buffer.bytes[buffer.start]).toBe('d'.charCodeAt(0));
});

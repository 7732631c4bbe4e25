import { expect, test } from 'bun:test';
import { InputBuffer } from './input-buffer.ts';

const KIB = 1024;

test('the rest of a large command is received behind what came of it, without a copy', () => {
  const input = new InputBuffer();
  expect(input.roomForMore()).toBeNull();
  input.append(Buffer.alloc(1000, 'a'), 0, 1000);
  expect(input.roomForMore()).toBeNull();
  input.append(Buffer.alloc(40 * KIB, 'b'), 0, 40 * KIB);
  let room = input.roomForMore()!;
  expect(room.length).toBeGreaterThanOrEqual(64 * KIB);
  const { bytes } = input;
  room.fill('c'.charCodeAt(0), 0, 5000);
  input.append(room, 0, 5000);
  expect(input.bytes).toBe(bytes);
  expect(input.length).toBe(1000 + 40 * KIB + 5000);
  expect(Buffer.from(input.bytes).toString('latin1', input.end - 5002, input.end)).toBe(`bb${'c'.repeat(5000)}`);
  // Bytes that went elsewhere are copied as ever.
  input.append(Buffer.from('dd'), 0, 2);
  room = input.roomForMore()!;
  room[0] = 'e'.charCodeAt(0);
  input.append(room, 0, 1);
  expect(Buffer.from(input.bytes).toString('latin1', input.end - 4, input.end)).toBe('cdde');
  input.consume(input.length);
  expect(input.roomForMore()).toBeNull();
});

test('room grows with what came', () => {
  const input = new InputBuffer();
  input.append(Buffer.alloc(33 * KIB), 0, 33 * KIB);
  let sum = 33 * KIB;
  while (sum < 8 * KIB * KIB) {
    const room = input.roomForMore()!;
    input.append(room, 0, room.length);
    sum += room.length;
    expect(input.length).toBe(sum);
    expect(input.bytes.length).toBeLessThanOrEqual(2 * sum + 128 * KIB);
  }
});

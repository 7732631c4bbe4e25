import { describe, expect, test } from 'bun:test';
import { encodeFrame, encodeHello } from '../../../test/support/shoal-frames.ts';
import { NEED_MORE, PROTOCOL_ERROR, ShoalDecoder, UNGREETED_VALUE_BYTES_MAX } from './decoder.ts';
import { AT_VALUE_LENGTH, HEADER_BYTES, Opcode, Status } from './frame.ts';
import { KEY_ARGUMENT, Operation, VALUE_ARGUMENT } from './operation.ts';

const LIMITS = { bulkBytesMax: 1_000_000 };

function headerOf(valueLength: number): Buffer {
  const header = encodeFrame({ opcode: 'set', requestId: 77 }).subarray(0, HEADER_BYTES);
  header.writeUInt32LE(valueLength, AT_VALUE_LENGTH);
  return header;
}

describe('a whole frame', () => {
  test('is read in place: arguments are views of the receive buffer', () => {
    const frame = encodeFrame({ opcode: 'set', key: 'key', value: 'value', ttlMs: 5, version: 2n ** 63n + 1n });
    const bytes = Buffer.concat([Buffer.from('xx'), frame, Buffer.from('\xa5more', 'latin1')]);
    const operation = new Operation();
    expect(new ShoalDecoder(LIMITS).decode(bytes, 2, bytes.length, operation)).toBe(frame.length);
    expect(operation.bytes).toBe(bytes);
    expect(operation.text(KEY_ARGUMENT)).toBe('key');
    expect(operation.text(VALUE_ARGUMENT)).toBe('value');
    expect(operation.length(0)).toBe(0);
    expect([operation.ttlMs, operation.versionLow, operation.versionHigh]).toEqual([5, 1, -(2 ** 31)]);
  });

  test('leaves nothing of the one before', () => {
    const decoder = new ShoalDecoder(LIMITS);
    const operation = new Operation();
    const first = encodeFrame({ opcode: 'set', key: 'k', value: 'v', ttlMs: 5, epoch: 3 });
    const second = encodeFrame({ opcode: 'touch', key: 'k' });
    decoder.decode(first, 0, first.length, operation);
    decoder.decode(second, 0, second.length, operation);
    expect(operation).toMatchObject({ opcode: Opcode.touch, ttlMs: 0, epoch: 0, fieldsBytes: 0, flags: 0, count: 3 });
  });
});

describe('a frame in pieces', () => {
  test('says how many bytes are missing, first of the header, then of the rest', () => {
    const decoder = new ShoalDecoder(LIMITS);
    const operation = new Operation();
    const frame = encodeFrame({ opcode: 'set', key: 'key', value: 'v'.repeat(100) });
    for (let length = 0; length < frame.length; length += 1) {
      expect(decoder.decode(frame, 0, length, operation)).toBe(NEED_MORE);
      expect(decoder.bytesWanted).toBe(length < HEADER_BYTES ? HEADER_BYTES - length : frame.length - length);
    }
  });
});

describe('a protocol error', () => {
  test('is a first byte that begins no request, as soon as it is there', () => {
    const decoder = new ShoalDecoder(LIMITS);
    for (const byte of [0x00, 0x2a, 0xa4, 0xa6, 0xff]) {
      expect(decoder.decode(Buffer.of(byte), 0, 1, new Operation())).toBe(PROTOCOL_ERROR);
      expect([decoder.status, decoder.requestId]).toEqual([Status.badRequest, 0]);
      expect(decoder.error).toContain(`not 0x${byte.toString(16).padStart(2, '0')}`);
    }
  });

  test('is a value over the limit, as soon as the header is there; not one as long as that', () => {
    const decoder = new ShoalDecoder(LIMITS);
    const operation = new Operation();
    expect(decoder.decode(headerOf(1_000_000), 0, HEADER_BYTES, operation)).toBe(NEED_MORE);
    for (const length of [1_000_001, 2 ** 31, 2 ** 32 - 1]) {
      expect(decoder.decode(headerOf(length), 0, HEADER_BYTES, operation)).toBe(PROTOCOL_ERROR);
      expect([decoder.status, decoder.requestId]).toEqual([Status.valueTooLong, 77]);
    }
  });

  test('comes sooner from a stranger', () => {
    const decoder = new ShoalDecoder(LIMITS);
    decoder.greeted = false;
    expect(decoder.decode(headerOf(UNGREETED_VALUE_BYTES_MAX), 0, HEADER_BYTES, new Operation())).toBe(NEED_MORE);
    expect(decoder.decode(headerOf(UNGREETED_VALUE_BYTES_MAX + 1), 0, HEADER_BYTES, new Operation())).toBe(
      PROTOCOL_ERROR,
    );
    expect(decoder.error).toContain('before hello');
    const small = new ShoalDecoder({ bulkBytesMax: 100 });
    small.greeted = false;
    expect(small.decode(headerOf(101), 0, HEADER_BYTES, new Operation())).toBe(PROTOCOL_ERROR);
  });

  test('leaves the decoder fit for another connection', () => {
    const decoder = new ShoalDecoder(LIMITS);
    decoder.decode(Buffer.from('GET'), 0, 3, new Operation());
    const hello = encodeHello();
    expect(decoder.decode(hello, 0, hello.length, new Operation())).toBe(hello.length);
  });
});

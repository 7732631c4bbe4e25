import { describe, expect, test } from 'bun:test';
import { Command } from '../command.ts';
import { NEED_MORE, PROTOCOL_ERROR, RespDecoder } from './decoder.ts';

const LIMITS = { argumentCountMax: 1024, bulkBytesMax: 1_000_000, inlineBytesMax: 64 };

function decoderOf(limits = LIMITS): { decoder: RespDecoder; command: Command } {
  return { decoder: new RespDecoder(limits), command: new Command() };
}

function words(command: Command): string[] {
  return Array.from({ length: command.count }, (_, index) => command.text(index));
}

describe('a whole frame', () => {
  test('is read in place: arguments are views of the receive buffer', () => {
    const { decoder, command } = decoderOf();
    const bytes = Buffer.from('..*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n..');
    expect(decoder.decode(bytes, 2, bytes.length, command)).toBe(22);
    expect(command.bytes).toBe(bytes);
    expect(words(command)).toEqual(['GET', 'key']);
    expect(command.start(1)).toBe(19);
  });

  test('leaves the next one alone', () => {
    const { decoder, command } = decoderOf();
    const bytes = Buffer.from('*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nQUIT\r\n');
    expect(decoder.decode(bytes, 0, bytes.length, command)).toBe(14);
    expect(words(command)).toEqual(['PING']);
    expect(decoder.decode(bytes, 14, bytes.length, command)).toBe(14);
    expect(words(command)).toEqual(['QUIT']);
    expect(decoder.decode(bytes, 28, bytes.length, command)).toBe(NEED_MORE);
  });

  test('without arguments takes its bytes and gives none', () => {
    const { decoder, command } = decoderOf();
    for (const text of ['*0\r\n', '*-1\r\n', '\r\n', '\n', '  \r\n']) {
      const bytes = Buffer.from(text);
      expect(decoder.decode(bytes, 0, bytes.length, command)).toBe(bytes.length);
      expect(command.count).toBe(0);
    }
  });
});

describe('a frame in pieces', () => {
  test('may move to another buffer and offset between calls', () => {
    const { decoder, command } = decoderOf();
    const first = Buffer.from('.....*2\r\n$3\r\nGET\r\n$5\r\nhe');
    expect(decoder.decode(first, 5, first.length, command)).toBe(NEED_MORE);
    const whole = Buffer.from('*2\r\n$3\r\nGET\r\n$5\r\nhello\r\n');
    expect(decoder.decode(whole, 0, whole.length, command)).toBe(whole.length);
    expect(words(command)).toEqual(['GET', 'hello']);
    expect(command.bytes).toBe(whole);
  });

  test('says how many bytes its current argument lacks', () => {
    const { decoder, command } = decoderOf();
    const bytes = Buffer.from(`*2\r\n$3\r\nGET\r\n$100000\r\n${'x'.repeat(100_000)}\r\n`);
    const header = bytes.length - 100_002;
    expect(decoder.decode(bytes, 0, header - 1, command)).toBe(NEED_MORE);
    expect(decoder.bytesWanted).toBe(1);
    expect(decoder.decode(bytes, 0, header, command)).toBe(NEED_MORE);
    expect(decoder.bytesWanted).toBe(100_002);
    expect(decoder.decode(bytes, 0, header + 40_000, command)).toBe(NEED_MORE);
    expect(decoder.bytesWanted).toBe(60_002);
    expect(decoder.decode(bytes, 0, bytes.length, command)).toBe(bytes.length);
    expect(command.length(1)).toBe(100_000);
  });

  test('is not read again from its start for each piece', () => {
    const { decoder, command } = decoderOf({ ...LIMITS, argumentCountMax: 100_000 });
    const frame = Buffer.from(`*50000\r\n${'$1\r\na\r\n'.repeat(50_000)}`);
    const counting = countReads(frame);
    for (let end = 1000; end < frame.length; end += 1000) {
      expect(decoder.decode(counting.bytes, 0, end, command)).toBe(NEED_MORE);
    }
    expect(decoder.decode(counting.bytes, 0, frame.length, command)).toBe(frame.length);
    expect(command.count).toBe(50_000);
    expect(counting.reads()).toBeLessThan(frame.length * 6);
  });

  test('searches a long line once, however it is cut', () => {
    const { decoder, command } = decoderOf({ ...LIMITS, inlineBytesMax: 10_000 });
    const line = Buffer.from(`${'a'.repeat(9000)}\n`);
    const counting = countReads(line);
    for (let end = 1; end < line.length; end += 1) {
      expect(decoder.decode(counting.bytes, 0, end, command)).toBe(NEED_MORE);
    }
    expect(counting.reads()).toBeLessThan(line.length * 3);
    expect(decoder.decode(counting.bytes, 0, line.length, command)).toBe(line.length);
    expect(command.length(0)).toBe(9000);
  });
});

describe('limits', () => {
  const cases: readonly (readonly [name: string, input: string, error: string])[] = [
    ['arguments', '*1025\r\n', 'invalid multibulk length'],
    ['bytes of an argument', '*1\r\n$1000001\r\n', 'invalid bulk length'],
    ['bytes of a count line', `*${'0'.repeat(64)}`, 'too big mbulk count string'],
    ['bytes of a length line', `*1\r\n$${'0'.repeat(64)}`, 'too big bulk count string'],
    ['bytes of an inline line', 'a'.repeat(65), 'too big inline request'],
    ['bytes of an inline line that is whole', `${'a'.repeat(65)}\n`, 'too big inline request'],
  ];
  for (const [name, input, error] of cases) {
    test(`of the ${name}`, () => {
      const { decoder, command } = decoderOf();
      const bytes = Buffer.from(input);
      expect(decoder.decode(bytes, 0, bytes.length, command)).toBe(PROTOCOL_ERROR);
      expect(decoder.error).toBe(`ERR Protocol error: ${error}`);
    });
  }

  test('are taken to the last byte', () => {
    for (const text of ['*1024\r\n', '*1\r\n$1000000\r\n', 'a'.repeat(64)]) {
      const { decoder, command } = decoderOf();
      expect(decoder.decode(Buffer.from(text), 0, text.length, command)).toBe(NEED_MORE);
    }
    const { decoder, command } = decoderOf();
    expect(decoder.decode(Buffer.from(`${'a'.repeat(63)}\r\n`), 0, 65, command)).toBe(65);
    expect(command.length(0)).toBe(63);
  });

  test('are tighter before the password, and for the rest of a frame no more once it is given', () => {
    const { decoder, command } = decoderOf();
    const bytes = Buffer.from(`*1\r\n$20000\r\n${'x'.repeat(20_000)}\r\n`);
    decoder.authenticated = false;
    expect(decoder.decode(bytes, 0, 6, command)).toBe(NEED_MORE);
    decoder.authenticated = true;
    expect(decoder.decode(bytes, 0, bytes.length, command)).toBe(bytes.length);

    decoder.authenticated = false;
    expect(decoder.decode(bytes, 0, bytes.length, command)).toBe(PROTOCOL_ERROR);
    expect(decoder.error).toBe('ERR Protocol error: unauthenticated bulk length');
  });

  test('a stated count or length reserves nothing', () => {
    const { decoder, command } = decoderOf({
      argumentCountMax: 2 ** 31 - 1,
      bulkBytesMax: 2 ** 29,
      inlineBytesMax: 64,
    });
    const room = command.starts.length;
    const count = Buffer.from('*1000000000\r\n$536870912\r\nabc');
    expect(decoder.decode(count, 0, count.length, command)).toBe(NEED_MORE);
    expect(command.starts.length).toBe(room);
    expect(ownedBytes(decoder)).toBe(0);
  });
});

test('after an error nothing more is read', () => {
  const { decoder, command } = decoderOf();
  expect(decoder.decode(Buffer.from('*x\r\n'), 0, 4, command)).toBe(PROTOCOL_ERROR);
  expect(decoder.decode(Buffer.from('*1\r\n$4\r\nPING\r\n'), 0, 14, command)).toBe(PROTOCOL_ERROR);
  expect(decoder.error).toBe('ERR Protocol error: invalid multibulk length');
});

/** Bytes of buffers that the decoder itself holds. */
function ownedBytes(decoder: RespDecoder): number {
  return Object.values(decoder).reduce<number>(
    (sum, field) => sum + (ArrayBuffer.isView(field) ? field.byteLength : 0),
    0,
  );
}

/** The same bytes behind a proxy that counts how often one is looked at. */
function countReads(source: Buffer): { bytes: Uint8Array; reads: () => number } {
  let reads = 0;
  const bytes = new Proxy(source, {
    get(target, property) {
      if (typeof property === 'string' && /^\d+$/.test(property)) reads += 1;
      return Reflect.get(target, property) as unknown;
    },
  });
  return { bytes, reads: () => reads };
}

import { describe, expect, test } from 'bun:test';
import { ShoalError } from '../../base/errors.ts';
import { NO_ROOM } from '../../base/value-sink.ts';
import { INITIAL_BYTES, RETAINED_BYTES_MAX } from '../output-bytes.ts';
import { RespWriter } from './writer.ts';

const BYTES = Buffer.from('..hello..');
const LONG = 'é'.repeat(100);

interface ReplyVector {
  readonly name: string;
  readonly write: (writer: RespWriter) => void;
  readonly resp2: string;
  readonly resp3: string;
}

function same(name: string, write: (writer: RespWriter) => void, reply: string): ReplyVector {
  return { name, write, resp2: reply, resp3: reply };
}

/** Replies as UTF-8. */
const REPLIES: readonly ReplyVector[] = [
  same('ok', (w) => w.ok(), '+OK\r\n'),
  same('simple', (w) => w.simple('PONG'), '+PONG\r\n'),
  same('error', (w) => w.error('ERR syntax error'), '-ERR syntax error\r\n'),
  same('error with line ends', (w) => w.error('ERR a\r\nb'), '-ERR a  b\r\n'),
  same(
    'error in UTF-8',
    (w) => w.error(`ERR unknown 'é${'x'.repeat(80)}😀'`),
    `-ERR unknown 'é${'x'.repeat(80)}😀'\r\n`,
  ),
  same('integer', (w) => w.integer(-42), ':-42\r\n'),
  same('zero', (w) => w.integer(0), ':0\r\n'),
  same('the largest safe integer', (w) => w.integer(Number.MAX_SAFE_INTEGER), ':9007199254740991\r\n'),
  same('the least 64-bit integer', (w) => w.bigInteger(-(2n ** 63n)), ':-9223372036854775808\r\n'),
  same('bulk', (w) => w.bulk(BYTES, 2, 5), '$5\r\nhello\r\n'),
  same('empty bulk', (w) => w.bulk(BYTES, 2, 0), '$0\r\n\r\n'),
  same('bulk of 33 bytes', (w) => w.bulk(Buffer.from('a'.repeat(33)), 0, 33), `$33\r\n${'a'.repeat(33)}\r\n`),
  same(
    'bulk from bytes that are no Buffer',
    (w) => w.bulk(new Uint8Array(50).fill(65), 1, 48),
    `$48\r\n${'A'.repeat(48)}\r\n`,
  ),
  same('bulk text', (w) => w.bulkText('text'), '$4\r\ntext\r\n'),
  same('long bulk text', (w) => w.bulkText('t'.repeat(100)), `$100\r\n${'t'.repeat(100)}\r\n`),
  same('bulk text in UTF-8', (w) => w.bulkText('é'), '$2\r\né\r\n'),
  same('long bulk text in UTF-8', (w) => w.bulkText(LONG), `$200\r\n${LONG}\r\n`),
  same('array', (w) => w.array(2), '*2\r\n'),
  same('empty array', (w) => w.array(0), '*0\r\n'),
  same('raw', (w) => w.raw(Buffer.from('.+OK\r\n.'), 1, 5), '+OK\r\n'),
  {
    name: 'big number',
    write: (w) => w.bigNumber(-(10n ** 30n)),
    resp2: `$32\r\n-1${'0'.repeat(30)}\r\n`,
    resp3: `(-1${'0'.repeat(30)}\r\n`,
  },
  {
    name: 'attributes',
    write: (w) => {
      if (w.attributes(1)) {
        w.bulkText('ttl');
        w.integer(90);
      }
      w.ok();
    },
    resp2: '+OK\r\n',
    resp3: '|1\r\n$3\r\nttl\r\n:90\r\n+OK\r\n',
  },
  { name: 'verbatim', write: (w) => w.verbatim('é'), resp2: '$2\r\né\r\n', resp3: '=6\r\ntxt:é\r\n' },
  { name: 'nil', write: (w) => w.nil(), resp2: '$-1\r\n', resp3: '_\r\n' },
  { name: 'nil array', write: (w) => w.nilArray(), resp2: '*-1\r\n', resp3: '_\r\n' },
  { name: 'double', write: (w) => w.double(3.14), resp2: '$4\r\n3.14\r\n', resp3: ',3.14\r\n' },
  { name: 'infinity', write: (w) => w.double(-Infinity), resp2: '$4\r\n-inf\r\n', resp3: ',-inf\r\n' },
  { name: 'nan', write: (w) => w.double(Number.NaN), resp2: '$3\r\nnan\r\n', resp3: ',nan\r\n' },
  { name: 'true', write: (w) => w.boolean(true), resp2: ':1\r\n', resp3: '#t\r\n' },
  { name: 'false', write: (w) => w.boolean(false), resp2: ':0\r\n', resp3: '#f\r\n' },
  { name: 'map', write: (w) => w.map(3), resp2: '*6\r\n', resp3: '%3\r\n' },
  { name: 'set', write: (w) => w.set(3), resp2: '*3\r\n', resp3: '~3\r\n' },
  { name: 'push', write: (w) => w.push(3), resp2: '*3\r\n', resp3: '>3\r\n' },
];

describe('replies', () => {
  for (const { name, write, resp2, resp3 } of REPLIES) {
    test(name, () => {
      const writer = new RespWriter(2 ** 30);
      write(writer);
      writer.protocol = 3;
      write(writer);
      expect(text(writer)).toBe(resp2 + resp3);
    });

    test(`${name}, with too little room at first`, () => {
      for (let free = 0; free < 40; free += 1) {
        const writer = new RespWriter(2 ** 30);
        const filler = Buffer.alloc(INITIAL_BYTES - free, 'f');
        writer.raw(filler, 0, filler.length);
        write(writer);
        expect(writer.bytes.toString('utf8', filler.length, writer.length)).toBe(resp2);
      }
    });
  }

  test('an error quotes bytes that are no text', () => {
    const writer = new RespWriter(2 ** 30);
    writer.error("ERR got '\udcfe\udc80'");
    expect(writer.bytes.toString('latin1', 0, writer.length)).toBe("-ERR got '\xfe\x80'\r\n");
  });
});

describe('as a value sink', () => {
  test('a value goes between the frame that begin wrote', () => {
    const writer = new RespWriter(2 ** 30);
    writer.ok();
    const at = writer.begin(5);
    writer.bytes.write('hello', at);
    expect(text(writer)).toBe('+OK\r\n$5\r\nhello\r\n');
  });

  test('begin allocates nothing and writes nothing where room is lacking; makeRoom makes it', () => {
    const writer = new RespWriter(2 ** 30);
    writer.ok();
    const before = writer.bytes;
    expect(writer.begin(INITIAL_BYTES)).toBe(NO_ROOM);
    expect(writer.bytes).toBe(before);
    expect(text(writer)).toBe('+OK\r\n');
    writer.makeRoom(INITIAL_BYTES);
    expect(writer.begin(INITIAL_BYTES)).toBeGreaterThan(0);
    expect(text(writer).startsWith(`+OK\r\n$${INITIAL_BYTES}\r\n`)).toBe(true);
    expect(writer.bytes.toString('latin1', writer.length - 2, writer.length)).toBe('\r\n');
  });

  test('a value over the limit has no room and cannot be made room for', () => {
    const writer = new RespWriter(1000);
    expect(writer.begin(1000)).toBe(NO_ROOM);
    expect(() => writer.makeRoom(1000)).toThrow(ShoalError);
    expect(() => writer.bulk(Buffer.alloc(1000), 0, 1000)).toThrow(ShoalError);
    expect(writer.length).toBe(0);
    expect(writer.begin(900)).toBeGreaterThan(0);
  });
});

describe('the buffer', () => {
  test('mark and rewind drop a reply', () => {
    const writer = new RespWriter(2 ** 30);
    writer.ok();
    const mark = writer.mark();
    writer.array(3);
    writer.integer(1);
    writer.rewind(mark);
    writer.error('ERR no');
    expect(text(writer)).toBe('+OK\r\n-ERR no\r\n');
  });

  test('is kept between batches, unless one made it large', () => {
    const writer = new RespWriter(2 ** 30);
    const first = writer.bytes;
    writer.ok();
    writer.reset();
    expect(writer.bytes).toBe(first);
    expect(writer.length).toBe(0);
    writer.makeRoom(RETAINED_BYTES_MAX + 1);
    expect(writer.bytes.length).toBeGreaterThan(RETAINED_BYTES_MAX);
    writer.reset();
    expect(writer.bytes.length).toBe(INITIAL_BYTES);
  });

  test('is another one after it was left to a transport', () => {
    const writer = new RespWriter(2 ** 30);
    writer.simple('first');
    const retained = writer.bytes;
    writer.replaceBuffer();
    writer.simple('other');
    expect(retained.toString('latin1', 0, 8)).toBe('+first\r\n');
    expect(text(writer)).toBe('+other\r\n');
  });
});

function text(writer: RespWriter): string {
  return writer.bytes.toString('utf8', 0, writer.length);
}

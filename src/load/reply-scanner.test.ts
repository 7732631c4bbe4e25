/** Every scanner, over a table of replies: whole, byte by byte, and at every split. */
import { describe, expect, test } from 'bun:test';
import { HEADER_BYTES, REPLY_MAGIC, Status } from '../protocol/shoal/frame.ts';
import { MemcachedScanner } from './memcached-scanner.ts';
import { ReplyKind, type ReplyScanner, type ReplySink } from './reply-scanner.ts';
import { RespScanner } from './resp-scanner.ts';
import { ShoalScanner } from './shoal-scanner.ts';

/** Writes down what it is told, one string a reply. */
class Recorder implements ReplySink {
  readonly replies: string[] = [];
  scanner: ReplyScanner | null = null;
  private id = 0;
  private value = '';

  onReplyStart(requestId: number): void {
    this.id = requestId;
    this.value = '';
  }

  onValueBytes(bytes: Buffer, start: number, end: number, offset: number): void {
    expect(offset).toBe(this.value.length);
    this.value += bytes.toString('latin1', start, end);
  }

  onReply(kind: ReplyKind, valueBytes: number): void {
    expect(this.value.length).toBe(kind === ReplyKind.value ? valueBytes : 0);
    const names = ['done', 'value', 'miss', 'error', 'other'];
    const text = kind === ReplyKind.error ? ` ${this.scanner!.errorKind()}: ${this.scanner!.text()}` : '';
    const other = kind === ReplyKind.other ? ` ${this.scanner!.text()}` : '';
    const id = this.id === -1 ? '' : `#${this.id} `;
    this.replies.push(`${id}${names[kind]}${kind === ReplyKind.value ? ` ${this.value}` : ''}${text}${other}`);
  }
}

type MakeScanner = (sink: ReplySink) => ReplyScanner;

/** What a scanner makes of `parts`; null where it refuses them. */
function scanned(make: MakeScanner, parts: readonly Buffer[]): readonly string[] | null {
  const recorder = new Recorder();
  const scanner = make(recorder);
  recorder.scanner = scanner;
  return parts.every((part) => scanner.scan(part, part.length)) ? recorder.replies : null;
}

function splits(bytes: Buffer): Buffer[][] {
  const ways = [[bytes], Array.from(bytes, (byte) => Buffer.of(byte))];
  for (let at = 1; at < bytes.length; at += 1) ways.push([bytes.subarray(0, at), bytes.subarray(at)]);
  return ways;
}

function frame(status: number, id: number, value: string, fields = 0): string {
  const header = Buffer.alloc(HEADER_BYTES);
  header[0] = REPLY_MAGIC;
  header[1] = 1;
  header[2] = status;
  header.writeUInt32LE(id, 4);
  header.writeUInt16LE(fields, 14);
  header.writeUInt32LE(value.length, 16);
  return header.toString('latin1') + 'f'.repeat(fields) + value;
}

const resp: MakeScanner = (sink) => new RespScanner(sink);
const shoal: MakeScanner = (sink) => new ShoalScanner(sink);
const memcached: MakeScanner = (sink) => new MemcachedScanner(sink);

const GOOD: readonly [string, MakeScanner, string, readonly string[]][] = [
  ['RESP', resp, '+OK\r\n', ['done']],
  ['RESP', resp, '+PONG\r\n', ['other PONG']],
  ['RESP', resp, '+OKAY\r\n', ['other OKAY']],
  ['RESP', resp, ':-12\r\n', ['other -12']],
  ['RESP', resp, '$5\r\nhe\r\nl\r\n', ['value he\r\nl']],
  ['RESP', resp, '$0\r\n\r\n', ['value ']],
  ['RESP', resp, '$-1\r\n', ['miss']],
  ['RESP', resp, '_\r\n', ['miss']],
  ['RESP', resp, '-OOM command not allowed\r\n', ['error OOM: OOM command not allowed']],
  ['RESP', resp, '-bad thing\r\n', ['error ERR: bad thing']],
  ['RESP', resp, '-\r\n', ['error ERR: ']],
  [
    'RESP',
    resp,
    '$3\r\nabc\r\n+OK\r\n$-1\r\n-ERR x\r\n$12\r\nabcdefghijkl\r\n',
    ['value abc', 'done', 'miss', 'error ERR: ERR x', 'value abcdefghijkl'],
  ],
  ['Shoal', shoal, frame(Status.ok, 7, ''), ['#7 done']],
  ['Shoal', shoal, frame(Status.ok, 0xffff_fffe, 'hello'), ['#4294967294 value hello']],
  ['Shoal', shoal, frame(Status.ok, 1, 'hello', 16), ['#1 value hello']],
  ['Shoal', shoal, frame(Status.ok, 1, '', 8), ['#1 done']],
  ['Shoal', shoal, frame(Status.miss, 2, ''), ['#2 miss']],
  ['Shoal', shoal, frame(Status.notStored, 2, ''), ['#2 other ']],
  ['Shoal', shoal, frame(Status.outOfMemory, 3, 'full'), ['#3 error outOfMemory: full']],
  ['Shoal', shoal, frame(0xf0, 3, ''), ['#3 error status240: ']],
  [
    'Shoal',
    shoal,
    frame(Status.ok, 1, 'ab') + frame(Status.miss, 2, '') + frame(Status.ok, 3, 'cd', 8),
    ['#1 value ab', '#2 miss', '#3 value cd'],
  ],
  ['memcached', memcached, 'STORED\r\n', ['done']],
  ['memcached', memcached, 'END\r\n', ['miss']],
  ['memcached', memcached, 'VALUE key 0 5\r\nhe\r\nl\r\nEND\r\n', ['value he\r\nl']],
  ['memcached', memcached, 'VALUE key 0 0\r\n\r\nEND\r\n', ['value ']],
  ['memcached', memcached, 'NOT_STORED\r\n', ['other NOT_STORED']],
  ['memcached', memcached, 'VERSION 1.6.18\r\n', ['other VERSION 1.6.18']],
  ['memcached', memcached, 'SERVER_ERROR out of memory\r\n', ['error SERVER_ERROR: SERVER_ERROR out of memory']],
  [
    'memcached',
    memcached,
    'VALUE k 0 3\r\nEND\r\nEND\r\nSTORED\r\nEND\r\nERROR\r\n',
    ['value END', 'done', 'miss', 'error ERROR: ERROR'],
  ],
];

describe('replies', () => {
  test.each(GOOD)('%s: %p', (_name, make, _bytes, expected) => {
    for (const parts of splits(Buffer.from(_bytes, 'latin1'))) expect(scanned(make, parts)).toEqual(expected);
  });
});

const BAD: readonly [string, MakeScanner, string][] = [
  ['RESP', resp, 'HTTP/1.1 400 Bad Request\r\n'],
  ['RESP', resp, '*1\r\n$1\r\na\r\n'],
  ['RESP', resp, '$x\r\n'],
  ['RESP', resp, '$\r\n'],
  ['RESP', resp, '$-2\r\n'],
  ['RESP', resp, '$--1\r\n'],
  ['RESP', resp, '$1\r\nab\r\n'],
  ['RESP', resp, '$1\r\na\rb'],
  ['RESP', resp, '$1\rx'],
  ['RESP', resp, '+OK\rx'],
  ['RESP', resp, '_x\r\n'],
  ['RESP', resp, '$99999999999\r\n'],
  ['RESP', resp, `+${'x'.repeat(70_000)}`],
  ['Shoal', shoal, '+OK\r\n'],
  ['Shoal', shoal, `${frame(Status.ok, 1, 'a')}b`],
  ['memcached', memcached, 'VALUE key 0 5\r\nhello!\r\nEND\r\n'],
  ['memcached', memcached, 'VALUE key 0 5\r\nhello\r\nSTORED\r\n'],
  ['memcached', memcached, 'VALUE key x 5\r\n'],
  ['memcached', memcached, "-ERR unknown command 'version'\r\n"],
  ['memcached', memcached, 'x'.repeat(70_000)],
];

test.each(BAD)('%s refuses %p', (_name, make, bytes) => {
  const whole = Buffer.from(bytes, 'latin1');
  expect(scanned(make, [whole])).toBeNull();
  expect(
    scanned(
      make,
      Array.from(whole, (byte) => Buffer.of(byte)),
    ),
  ).toBeNull();
});

test('a reply that is not whole is none yet', () => {
  for (const [, make, bytes, expected] of GOOD) {
    const whole = Buffer.from(bytes, 'latin1');
    for (let end = 0; end < whole.length; end += 1) {
      const found = scanned(make, [whole.subarray(0, end)]);
      expect(found).toEqual(expected.slice(0, found!.length));
      expect(found!.length).toBeLessThan(expected.length);
    }
  }
});

import { describe, expect, test } from 'bun:test';
import { type ReplyNode, ReplyReader, textOf } from './reply.ts';

const bulk = (text: string): ReplyNode => ({ kind: 'bulk', bytes: new Uint8Array(Buffer.from(text)) });
const integer = (text: string): ReplyNode => ({ kind: 'integer', text });

const CASES: readonly (readonly [string, readonly ReplyNode[]])[] = [
  ['+OK\r\n', [{ kind: 'status', text: 'OK' }]],
  ['-ERR no\r\n', [{ kind: 'error', text: 'ERR no' }]],
  ['!6\r\nERR no\r\n', [{ kind: 'error', text: 'ERR no' }]],
  [':-5\r\n', [integer('-5')]],
  [',3.5\r\n', [{ kind: 'double', text: '3.5' }]],
  ['(123456789012345678901\r\n', [{ kind: 'big', text: '123456789012345678901' }]],
  [
    '#t\r\n#f\r\n',
    [
      { kind: 'boolean', value: true },
      { kind: 'boolean', value: false },
    ],
  ],
  ['_\r\n$-1\r\n*-1\r\n', [{ kind: 'nil' }, { kind: 'nil' }, { kind: 'nil' }]],
  ['$0\r\n\r\n$4\r\na\r\nb\r\n', [bulk(''), bulk('a\r\nb')]],
  ['=7\r\ntxt:abc\r\n', [{ kind: 'verbatim', bytes: new Uint8Array(Buffer.from('abc')) }]],
  ['*0\r\n', [{ kind: 'list', elements: [] }]],
  [
    '*2\r\n*1\r\n:1\r\n$1\r\nx\r\n',
    [{ kind: 'list', elements: [{ kind: 'list', elements: [integer('1')] }, bulk('x')] }],
  ],
  [
    '%1\r\n+a\r\n~1\r\n:1\r\n',
    [
      {
        kind: 'map',
        elements: [
          { kind: 'status', text: 'a' },
          { kind: 'set', elements: [integer('1')] },
        ],
      },
    ],
  ],
  [
    '>2\r\n+m\r\n_\r\n+OK\r\n',
    [
      { kind: 'push', elements: [{ kind: 'status', text: 'm' }, { kind: 'nil' }] },
      { kind: 'status', text: 'OK' },
    ],
  ],
];

function readAll(pieces: readonly Buffer[]): ReplyNode[] {
  const reader = new ReplyReader();
  const replies: ReplyNode[] = [];
  for (const piece of pieces) {
    reader.push(piece);
    for (let reply = reader.next(); reply !== null; reply = reader.next()) replies.push(reply);
  }
  return replies;
}

describe.each(CASES)('%p', (text, replies) => {
  const bytes = Buffer.from(text);

  test('whole, and twice in one piece', () => {
    expect(readAll([bytes])).toEqual([...replies]);
    expect(readAll([Buffer.concat([bytes, bytes])])).toEqual([...replies, ...replies]);
  });

  test('byte by byte', () => {
    expect(readAll([...bytes].map((byte) => Buffer.from([byte])))).toEqual([...replies]);
  });

  test('at every split', () => {
    for (let at = 0; at <= bytes.length; at += 1) {
      expect(readAll([bytes.subarray(0, at), bytes.subarray(at)])).toEqual([...replies]);
    }
  });
});

describe('what is no reply', () => {
  test.each([
    ['HTTP/1.1 400 Bad Request\r\n', 'the type 0x48'],
    ['$x\r\n', 'a length that cannot be'],
    ['*-2\r\n', 'a length that cannot be'],
    ['$9999999999\r\n', 'a length that cannot be'],
    [`${'*1\r\n'.repeat(200)}:1\r\n`, 'nested too deeply'],
    [`+${'x'.repeat(70_000)}`, 'a line without an end'],
  ])('%p', (text, problem) => {
    expect(() => readAll([Buffer.from(text)])).toThrow(problem);
  });

  test('a stated count allocates nothing', () => {
    expect(readAll([Buffer.from('*1000000000\r\n$1000000000\r\nabc')])).toEqual([]);
  });
});

test('a large reply in many pieces takes time in proportion to its length', () => {
  const text = `*20000\r\n${'$5\r\nhello\r\n'.repeat(20_000)}`;
  const bytes = Buffer.from(text);
  const pieces = Array.from({ length: Math.ceil(bytes.length / 100) }, (_, index) =>
    bytes.subarray(index * 100, index * 100 + 100),
  );
  const [reply] = readAll(pieces);
  expect(reply?.kind).toBe('list');
  expect(reply !== undefined && 'elements' in reply && reply.elements.every((node) => textOf(node) === 'hello')).toBe(
    true,
  );
});

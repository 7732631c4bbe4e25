import { describe, expect, test } from 'bun:test';
import { quoteBytes, rawReply, renderReply, safeText } from './render.ts';
import { ReplyReader, type ReplyNode } from './reply.ts';
import { splitLine } from './words.ts';

function reply(text: string): ReplyNode {
  const reader = new ReplyReader();
  reader.push(Buffer.from(text, 'latin1'));
  const node = reader.next();
  if (node === null) throw new Error(`not a whole reply: ${text}`);
  return node;
}

describe('for people', () => {
  test.each([
    ['+OK\r\n', 'OK\n'],
    ['-ERR no\r\n', '(error) ERR no\n'],
    [':5\r\n', '(integer) 5\n'],
    [',1.5\r\n', '(double) 1.5\n'],
    ['#t\r\n', '(true)\n'],
    ['_\r\n', '(nil)\n'],
    ['$3\r\na"b\r\n', '"a\\"b"\n'],
    ['$0\r\n\r\n', '""\n'],
    ['=8\r\ntxt:a\r\nb\r\n', 'a\nb\n'],
    ['*0\r\n', '(empty array)\n'],
    ['~0\r\n', '(empty set)\n'],
    ['%0\r\n', '(empty hash)\n'],
    ['*2\r\n$1\r\na\r\n:1\r\n', '1) "a"\n2) (integer) 1\n'],
    ['*2\r\n*2\r\n+a\r\n+b\r\n*1\r\n+c\r\n', '1) 1) a\n   2) b\n2) 1) c\n'],
    [
      '%2\r\n+a\r\n:1\r\n+b\r\n*2\r\n:1\r\n:2\r\n',
      '1# a => (integer) 1\n2# b => \n   1) (integer) 1\n   2) (integer) 2\n',
    ],
    ['~1\r\n+a\r\n', '1~ a\n'],
    [
      `*10\r\n${'+x\r\n'.repeat(10)}`,
      `${Array.from({ length: 9 }, (_, index) => ` ${index + 1}) x\n`).join('')}10) x\n`,
    ],
  ])('%p', (text, rendered) => {
    expect(renderReply(reply(text))).toBe(rendered);
  });
});

describe('for programs', () => {
  test.each([
    ['+OK\r\n', 'OK\n'],
    ['$4\r\n\xff"\x00a\r\n', '\xff"\x00a\n'],
    ['_\r\n', '\n'],
    [':5\r\n', '5\n'],
    ['*2\r\n+a\r\n*2\r\n:1\r\n_\r\n', 'a\n1\n\n'],
    ['*0\r\n', '\n'],
    ['%2\r\n+a\r\n:1\r\n+b\r\n*2\r\n:2\r\n:3\r\n', 'a 1\nb 2\n3\n'],
  ])('%p', (text, raw) => {
    expect(Buffer.from(rawReply(reply(text))).toString('latin1')).toBe(raw);
  });
});

describe('what a terminal must not get', () => {
  test.each([
    ['\x1b[2J', '"\\x1b[2J"'],
    ['é漢🙂', '"é漢🙂"'],
    ['a\u202eb', '"a\\xe2\\x80\\xaeb"'],
    ['a\u00a0b', '"a\\xc2\\xa0b"'],
    ['\n\r\t\b\x07\\"', '"\\n\\r\\t\\b\\a\\\\\\""'],
  ])('%p in a value', (text, quoted) => {
    expect(quoteBytes(Buffer.from(text))).toBe(quoted);
  });

  test('in a status or an error', () => {
    expect(safeText('a\x1b[31mb\r\nc\td\u202e')).toBe('a\\x1b[31mb\nc\td\\xe2\\x80\\xae');
  });
});

test('quoted bytes are read back as the same bytes', () => {
  let seed = 3;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return (seed >>> 8) % below;
  };
  for (let round = 0; round < 2000; round += 1) {
    const bytes = Buffer.from(
      Array.from({ length: random(20) }, () => (random(2) === 0 ? random(256) : 0xc0 + random(0x40))),
    );
    const { words } = splitLine(Buffer.from(quoteBytes(bytes)));
    expect(words).toHaveLength(1);
    expect(Buffer.from(words?.[0] ?? []).equals(bytes)).toBe(true);
  }
});

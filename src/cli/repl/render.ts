/**
 * Replies as people read them: numbered and typed, as redis-cli prints them, but with letters of all scripts shown as they are. And as
 * scripts want them: the bare texts, a line each.
 *
 * What comes from a server may hold anything; control characters are never sent to a terminal as they are.
 */
import { unreachable } from '../../base/assert.ts';
import type { ReplyNode } from './reply.ts';
import { NAMED_ESCAPES } from './words.ts';

const EMPTY = { list: '(empty array)', set: '(empty set)', map: '(empty hash)', push: '(empty push)' } as const;
const MARKS = { list: ')', set: '~', map: '#', push: ')' } as const;

/** For a terminal; ends with a newline. */
export function renderReply(reply: ReplyNode, indent = ''): string {
  switch (reply.kind) {
    case 'status':
      return `${safeText(reply.text)}\n`;
    case 'error':
      return `(error) ${safeText(reply.text)}\n`;
    case 'integer':
      return `(integer) ${safeText(reply.text)}\n`;
    case 'double':
      return `(double) ${safeText(reply.text)}\n`;
    case 'big':
      return `(big number) ${safeText(reply.text)}\n`;
    case 'boolean':
      return reply.value ? '(true)\n' : '(false)\n';
    case 'nil':
      return '(nil)\n';
    case 'bulk':
      return `${quoteBytes(reply.bytes)}\n`;
    case 'verbatim':
      return `${safeText(Buffer.from(reply.bytes).toString()).replace(/\n$/, '')}\n`;
    case 'list':
    case 'set':
    case 'map':
    case 'push':
      return renderElements(reply, indent);
    default:
      return unreachable(reply);
  }
}

function renderElements(
  { kind, elements }: { readonly kind: keyof typeof EMPTY; readonly elements: readonly ReplyNode[] },
  indent: string,
): string {
  if (elements.length === 0) return `${EMPTY[kind]}\n`;
  const step = kind === 'map' ? 2 : 1;
  const numberWidth = String(elements.length / step).length;
  const inner = indent + ' '.repeat(numberWidth + 2);
  const lines: string[] = [];
  for (let index = 0; index < elements.length; index += step) {
    const number = String(index / step + 1).padStart(numberWidth);
    const head = `${index === 0 ? '' : indent}${number}${MARKS[kind]} `;
    const first = renderReply(elements[index] ?? NIL, inner);
    if (kind === 'map') lines.push(`${head}${first.slice(0, -1)} => ${valueText(elements[index + 1] ?? NIL, inner)}`);
    else lines.push(head + first);
  }
  return lines.join('');
}

/** The value of a map's entry; one of several lines begins below its key. */
function valueText(value: ReplyNode, indent: string): string {
  const text = renderReply(value, indent);
  return text.indexOf('\n') === text.length - 1 ? text : `\n${indent}${text}`;
}

/** For programs: texts as they are, elements a line each, a map's keys and values side by side, nil as nothing; ends with a newline. */
export function rawReply(reply: ReplyNode): Uint8Array {
  const parts: Uint8Array[] = [];
  appendRaw(reply, parts);
  parts.push(NEWLINE);
  return Buffer.concat(parts);
}

function appendRaw(reply: ReplyNode, parts: Uint8Array[]): void {
  if ('elements' in reply) {
    reply.elements.forEach((element, index) => {
      if (index > 0) parts.push(reply.kind === 'map' && index % 2 === 1 ? BLANK : NEWLINE);
      appendRaw(element, parts);
    });
  } else if ('bytes' in reply) parts.push(reply.bytes);
  else if ('text' in reply) parts.push(Buffer.from(reply.text));
  else if (reply.kind === 'boolean') parts.push(Buffer.from(reply.value ? '(true)' : '(false)'));
}

/** Bytes in double quotes, so that the line editor reads them back as the same bytes. */
export function quoteBytes(bytes: Uint8Array): string {
  let text = '"';
  const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at < source.length; ) {
    const length = sequenceLength(source, at);
    const character = length === 0 ? '' : source.toString('utf8', at, at + length);
    if (length === 0 || HIDDEN.test(character) || character === '"' || character === '\\') {
      const end = at + Math.max(1, length);
      text += NAMED_ESCAPES[character] ?? hexEscapes(source, at, end);
      at = end;
    } else {
      text += character;
      at += length;
    }
  }
  return `${text}"`;
}

/** Text for a terminal: what is not printable is escaped, newlines and tabs are kept. */
export function safeText(text: string): string {
  return text.replace(/\r\n/g, '\n').replace(CONTROL, (character) => hexEscapes(Buffer.from(character), 0));
}

function hexEscapes(bytes: Uint8Array, start: number, end: number = bytes.length): string {
  let text = '';
  for (let at = start; at < end; at += 1) text += `\\x${(bytes[at] ?? 0).toString(16).padStart(2, '0')}`;
  return text;
}

/** The bytes of the UTF-8 character at `at`; 0 where there is no whole and valid one. */
function sequenceLength(bytes: Buffer, at: number): number {
  const first = bytes[at] ?? 0;
  if (first < 0x80) return 1;
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;
  if (length === 0 || at + length > bytes.length) return 0;
  const character = bytes.toString('utf8', at, at + length);
  return character.includes('\ufffd') && !bytes.subarray(at, at + length).equals(REPLACEMENT) ? 0 : length;
}

const NIL: ReplyNode = { kind: 'nil' };
const NEWLINE = Buffer.from('\n');
const BLANK = Buffer.from(' ');
const REPLACEMENT = Buffer.from('\ufffd');
/** Characters that are not seen, or that change how others are seen. */
const HIDDEN = /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u;
const CONTROL = /(?![\n\t])[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/gu;

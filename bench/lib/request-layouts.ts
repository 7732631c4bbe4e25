/**
 * The requests of a load as bytes that are made once: a layout is one batch of GETs and SETs in some order, in which only the
 * keys' digits are written anew before it is sent. So a batch costs the generator a few bytes a request, and still asks for any key.
 *
 *     layout   │ request │ request │ … │       keyOffsets[i]: the last DIGITS digits of the key of request i
 *                   ▲ key      ▲ key           tagOffsets[i]: the same of the value's tag; -1 for a GET
 *
 * A mix is a handful of layouts, chosen at random; their requests together have the wanted share of reads.
 */
import { type Random01, zipfKeys } from '../../src/load/key-choice.ts';
import { VALUE_TAG_BYTES } from '../../src/load/item-pattern.ts';
import { AT_STATUS } from '../../src/protocol/shoal/frame.ts';
import { byteBuffer } from '../../src/io/epoll/libc.ts';
import { isGoodReply, requestTemplate, type ItemShape, type RequestTemplate, type WireProtocol } from './wire.ts';

/** Where the first reply of a batch tells whether it is good: `$1…` from `$-1`, `STORED` from `SERVER_ERROR`, and the status of a frame. */
const CHECK_OFFSETS: Readonly<Record<WireProtocol, number>> = { resp: 1, memcached: 1, shoal: AT_STATUS };

/** Digits that are written for each request: keys are numbered below 10^8. */
const DIGITS = 8;
export const KEY_COUNT_MAX = 10 ** DIGITS;
/** Requests in all layouts of a mix together, about: enough that the order is no pattern, little enough for a core's cache. */
const MIX_REQUESTS = 400;
const MIX_LAYOUTS_MIN = 8;
/**
 * Keys by Zipf's law are drawn ahead, since drawing them costs as much as sending, and come again in the same order after so many: nearly
 * all are among the first few. Keys that are all alike are not: a cache that evicts would see a cycle. A power of two.
 */
const KEYS_DRAWN = 2 ** 19;

export interface Layout {
  readonly bytes: Uint8Array;
  readonly requests: readonly RequestTemplate[];
  readonly keyOffsets: Int32Array;
  readonly tagOffsets: Int32Array;
  readonly replyBytes: number;
  /** The byte at `checkOffset` of all good replies: it is another one in errors and misses. */
  readonly replyByte: number;
  readonly checkOffset: number;
  /** What comes in place of the reply where the one key is not there; empty where that cannot be told by its length alone, or a miss is an error. */
  readonly missReply: Buffer;
}

export interface LayoutOptions {
  readonly protocol: WireProtocol;
  readonly shape: ItemShape;
  readonly readShare: number;
  readonly pipeline: number;
  /** Misses may come; then `pipeline` must be 1. */
  readonly allowMisses: boolean;
}

export function makeLayouts(options: LayoutOptions, random: Random01): readonly Layout[] {
  const { protocol, shape, readShare, pipeline, allowMisses } = options;
  if (allowMisses && pipeline > 1) throw new RangeError(`misses can be told from hits without pipelining only`);
  const get = requestTemplate(protocol, 'get', shape);
  const set = requestTemplate(protocol, 'set', shape);
  const isMixed = readShare > 0 && readShare < 1;
  const count = isMixed ? Math.max(MIX_LAYOUTS_MIN, Math.ceil(MIX_REQUESTS / pipeline)) : 1;
  const reads = Math.round(count * pipeline * readShare);
  const order = shuffled(
    Array.from({ length: count * pipeline }, (_, i) => (i < reads ? get : set)),
    random,
  );
  return Array.from({ length: count }, (_, i) => layout(order.slice(i * pipeline, (i + 1) * pipeline), options));
}

/** Endless keys of one distribution. */
export class KeySequence {
  private readonly keyCount: number;
  private readonly random: Random01;
  /** Null: each key is drawn when it is asked for. */
  private readonly drawn: Int32Array | null;
  private position = 0;

  constructor(distribution: { readonly zipfExponent: number | null; readonly keyCount: number }, random: Random01) {
    const { keyCount, zipfExponent } = distribution;
    if (keyCount < 1 || keyCount > KEY_COUNT_MAX)
      throw new RangeError(`keys: from 1 to ${KEY_COUNT_MAX}, not ${keyCount}`);
    this.keyCount = keyCount;
    this.random = random;
    this.drawn =
      zipfExponent === null ? null : Int32Array.from({ length: KEYS_DRAWN }, zipfKeys(keyCount, zipfExponent, random));
  }

  next(): number {
    const { drawn } = this;
    if (drawn === null) return (this.random() * this.keyCount) | 0;
    const key = drawn[this.position]!;
    this.position = (this.position + 1) & (KEYS_DRAWN - 1);
    return key;
  }
}

/** Makes request `index` of the layout one for `key`. */
export function writeKey(target: Layout, index: number, key: number): void {
  const { bytes } = target;
  writeDigits(bytes, target.keyOffsets[index]!, key);
  const tagOffset = target.tagOffsets[index]!;
  if (tagOffset >= 0) writeDigits(bytes, tagOffset, key);
}

/** Whether `replies` answer the layout when its requests are for `keys[from..]`, byte for byte. */
export function areGoodReplies(sent: Layout, replies: Buffer, keys: Int32Array, from: number): boolean {
  let at = 0;
  return sent.requests.every((template, i) => {
    const good = isGoodReply(replies, at, template, keys[from + i]!);
    at += template.reply.length;
    return good;
  });
}

function layout(requests: readonly RequestTemplate[], { allowMisses, protocol }: LayoutOptions): Layout {
  const bytes = byteBuffer(requests.reduce((sum, one) => sum + one.bytes.length, 0));
  const keyOffsets = new Int32Array(requests.length);
  const tagOffsets = new Int32Array(requests.length);
  let at = 0;
  requests.forEach((template, i) => {
    bytes.set(template.bytes, at);
    keyOffsets[i] = at + template.keyOffset + template.keyLength - DIGITS;
    tagOffsets[i] = template.valueOffset < 0 ? -1 : at + template.valueOffset + VALUE_TAG_BYTES - DIGITS;
    at += template.bytes.length;
  });
  const first = requests[0] as RequestTemplate;
  return {
    bytes,
    requests,
    keyOffsets,
    tagOffsets,
    replyBytes: requests.reduce((sum, one) => sum + one.reply.length, 0),
    replyByte: first.reply[CHECK_OFFSETS[protocol]]!,
    checkOffset: CHECK_OFFSETS[protocol],
    missReply: allowMisses ? first.missReply : Buffer.alloc(0),
  };
}

/** The digits of all numbers of four, one after the other. */
const FOUR_DIGITS = Uint8Array.from(
  { length: 40_000 },
  (_, i) => 48 + (Math.floor((i >>> 2) / 10 ** (3 - (i & 3))) % 10),
);

function writeDigits(target: Uint8Array, offset: number, number: number): void {
  const upper = (number / 10_000) | 0;
  let from = upper << 2;
  for (let i = 0; i < 4; i += 1) target[offset + i] = FOUR_DIGITS[from + i]!;
  from = (number - upper * 10_000) << 2;
  for (let i = 0; i < 4; i += 1) target[offset + 4 + i] = FOUR_DIGITS[from + i]!;
}

function shuffled<T>(values: readonly T[], random: Random01): T[] {
  const result = [...values];
  for (let i = result.length - 1; i > 0; i -= 1) {
    const other = Math.floor(random() * (i + 1));
    [result[i], result[other]] = [result[other]!, result[i]!];
  }
  return result;
}

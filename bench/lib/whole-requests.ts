/** Requests of both protocols for bench/hot-paths.ts: batches of one kind on keys chosen at random, made before anything is measured. */
import { Buffer } from 'node:buffer';
import { encodeFrame } from '../../test/support/shoal-frames.ts';

/** What a batch is made of. */
export interface RequestKind {
  readonly name: string;
  /** The request on item `number` of `itemCount`. */
  readonly make: (number: number, itemCount: number) => Buffer;
}

const KEY_BYTES = 32;
const MGET_KEYS = 10;
/** Apart, so that the keys of one MGET are not neighbours. */
const MGET_STRIDE = 7919;
const COUNTERS = 1000;

export function keyText(number: number): string {
  return String(number).padStart(KEY_BYTES, '0');
}

/** One command as RESP bytes. */
export function respRequest(...words: readonly string[]): Buffer {
  return Buffer.from(`*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`, 'latin1');
}

/** What is measured over RESP, on values of `valueBytes`. */
export function respKinds(valueBytes: number): readonly RequestKind[] {
  const value = 'v'.repeat(valueBytes);
  return [
    { name: 'PING', make: () => respRequest('PING') },
    { name: 'GET', make: (number) => respRequest('GET', keyText(number)) },
    { name: 'GET, missing', make: (number) => respRequest('GET', `none${keyText(number)}`) },
    { name: 'SET', make: (number) => respRequest('SET', keyText(number), value) },
    { name: 'EXISTS', make: (number) => respRequest('EXISTS', keyText(number)) },
    { name: 'INCR', make: (number) => respRequest('INCR', `counter${number % COUNTERS}`) },
    {
      name: 'MGET of 10',
      make: (number, itemCount) =>
        respRequest(
          'MGET',
          ...Array.from({ length: MGET_KEYS }, (_, index) => keyText((number + index * MGET_STRIDE) % itemCount)),
        ),
    },
  ];
}

/** What is measured over the Shoal protocol. */
export function shoalKinds(valueBytes: number): readonly RequestKind[] {
  const value = 'v'.repeat(valueBytes);
  return [
    { name: 'Shoal get', make: (number) => encodeFrame({ opcode: 'get', requestId: 1, key: keyText(number) }) },
    { name: 'Shoal set', make: (number) => encodeFrame({ opcode: 'set', requestId: 1, key: keyText(number), value }) },
  ];
}

/** About `requestCount` requests of one kind, `depth` to a batch. */
export function makeBatches(
  kind: RequestKind,
  depth: number,
  requestCount: number,
  itemCount: number,
  random01: () => number,
): readonly Buffer[] {
  const request = (): Buffer => kind.make(Math.floor(random01() * itemCount), itemCount);
  return Array.from({ length: Math.ceil(requestCount / depth) }, () =>
    Buffer.concat(Array.from({ length: depth }, request)),
  );
}

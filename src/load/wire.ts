/** The protocols that a load can speak: what each needs is its row here. */
import type { Greeting, LoadCredentials } from './greeting.ts';
import { MemcachedEncoder, memcachedGreeting } from './memcached-requests.ts';
import { MemcachedScanner } from './memcached-scanner.ts';
import type { ReplyScanner, ReplySink } from './reply-scanner.ts';
import type { ItemShape, RequestEncoder } from './request-encoder.ts';
import { RespEncoder, respGreeting } from './resp-requests.ts';
import { RespScanner } from './resp-scanner.ts';
import { ShoalEncoder, shoalGreeting } from './shoal-requests.ts';
import { ShoalScanner } from './shoal-scanner.ts';

export const PROTOCOL_NAMES = ['resp', 'shoal', 'memcached'] as const;
export type ProtocolName = (typeof PROTOCOL_NAMES)[number];

export interface LoadProtocol {
  readonly name: ProtocolName;
  /** Whether replies come in the order of the requests and carry no id. */
  readonly ordered: boolean;
  greeting(credentials: LoadCredentials): Greeting;
  createScanner(sink: ReplySink): ReplyScanner;
  /** `timeOfDayMs`: now, for times to live that a protocol only knows as points in time. */
  createEncoder(shape: ItemShape, timeOfDayMs: number): RequestEncoder;
}

export const PROTOCOLS: Readonly<Record<ProtocolName, LoadProtocol>> = {
  resp: {
    name: 'resp',
    ordered: true,
    greeting: respGreeting,
    createScanner: (sink) => new RespScanner(sink),
    createEncoder: (shape) => new RespEncoder(shape),
  },
  shoal: {
    name: 'shoal',
    ordered: false,
    greeting: shoalGreeting,
    createScanner: (sink) => new ShoalScanner(sink),
    createEncoder: (shape) => new ShoalEncoder(shape),
  },
  memcached: {
    name: 'memcached',
    ordered: true,
    greeting: memcachedGreeting,
    createScanner: (sink) => new MemcachedScanner(sink),
    createEncoder: (shape, timeOfDayMs) => new MemcachedEncoder(shape, timeOfDayMs),
  },
};

/** The kernel's `struct sockaddr` for IPv4 and IPv6, in one buffer that calls write to and read from. */
import { isIP, isIPv4 } from 'node:net';
import { addressText } from '../address.ts';
import { addressOf, AF_INET, AF_INET6, byteBuffer, int32Buffer } from './libc.ts';

const IPV4_BYTES = 16;
const IPV6_BYTES = 28;

export class SocketAddress {
  private readonly bytes = byteBuffer(IPV6_BYTES);
  private readonly size = int32Buffer(1);

  /** For calls that read it: where it is, and how long. */
  get address(): number {
    return addressOf(this.bytes);
  }

  get length(): number {
    return this.size[0]!;
  }

  /** For calls that write it: where its length is to be put. */
  get lengthAddress(): number {
    return addressOf(this.size);
  }

  get family(): number {
    return this.bytes[0]!;
  }

  get port(): number {
    return this.bytes[2]! * 256 + this.bytes[3]!;
  }

  /** Makes room for an address of any kind that a call will write. */
  clear(): this {
    this.bytes.fill(0);
    this.size[0] = IPV6_BYTES;
    return this;
  }

  /** `host`: a numeric address, IPv6 without a zone. */
  set(host: string, port: number): this {
    this.clear();
    const { bytes } = this;
    const four = isIPv4(host);
    bytes[0] = four ? AF_INET : AF_INET6;
    bytes[2] = port >> 8;
    bytes[3] = port & 0xff;
    if (four) bytes.set(host.split('.').map(Number), 4);
    else for (const [at, group] of groupsOf(host).entries()) bytes.set([group >> 8, group & 0xff], 8 + at * 2);
    this.size[0] = four ? IPV4_BYTES : IPV6_BYTES;
    return this;
  }

  /** `host:port`; what no call has filled is `?:0`. */
  get text(): string {
    const { bytes } = this;
    if (this.family === AF_INET) return `${bytes.slice(4, 8).join('.')}:${this.port}`;
    if (this.family !== AF_INET6) return addressText(undefined, undefined);
    const isMapped = bytes.slice(8, 18).every((byte) => byte === 0) && bytes[18] === 0xff && bytes[19] === 0xff;
    if (isMapped) return `${bytes.slice(20, 24).join('.')}:${this.port}`;
    const groups = Array.from({ length: 8 }, (_, at) => bytes[8 + at * 2]! * 256 + bytes[9 + at * 2]!);
    return addressText(shortened(groups), this.port);
  }
}

/** Whether `host` is numeric, and not a name to be looked up. */
export function isNumericHost(host: string): boolean {
  return isIP(host) !== 0;
}

/** The eight numbers of an IPv6 address. */
function groupsOf(host: string): number[] {
  const lastColon = host.lastIndexOf(':');
  const tail = host.slice(lastColon + 1);
  let text = host;
  if (isIPv4(tail)) {
    const [a = 0, b = 0, c = 0, d = 0] = tail.split('.').map(Number);
    text = `${host.slice(0, lastColon + 1)}${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  }
  const [head = '', rest] = text.split('::');
  const parse = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16));
  const before = parse(head);
  const after = rest === undefined ? [] : parse(rest);
  return [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after];
}

/** An IPv6 address as people write it: the longest run of zeros as `::`. */
function shortened(groups: readonly number[]): string {
  let best = { at: -1, length: 1 };
  for (let at = 0; at < groups.length; at += 1) {
    let length = 0;
    while (groups[at + length] === 0) length += 1;
    if (length > best.length) best = { at, length };
  }
  const text = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(':');
  if (best.at < 0) return text(groups);
  return `${text(groups.slice(0, best.at))}::${text(groups.slice(best.at + best.length))}`;
}

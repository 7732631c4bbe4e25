import { describe, expect, test } from 'bun:test';
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { patternedBytes } from '../../../test/support/patterned-bytes.ts';
import {
  addressOf,
  AF_INET,
  byteBuffer,
  EAGAIN,
  int32Buffer,
  loadLibc,
  MSG_DONTWAIT,
  SOCK_CLOEXEC,
  SOCK_STREAM,
  SOL_SOCKET,
} from './libc.ts';
import { RING_SENDS_MAX, SendRing } from './send-ring.ts';
import { SocketAddress } from './socket-address.ts';

const EBADF = 9;
const EPIPE = 32;
const ECONNRESET = 104;
const ENOTSOCK = 88;
const SO_LINGER = 13;
const SO_RCVTIMEO = 20;
/** Far above what anything here takes: what never comes ends a wait by then. */
const WAIT_SECONDS_MAX = 10;
const MIB = 1024 * 1024;

/** Two ends of a TCP connection over loopback. What one has sent, the other can receive at once or a moment later. */
class SocketPair implements Disposable {
  private readonly near: number;
  private readonly far: number;
  private readonly open = new Set<number>();
  private readonly incoming = byteBuffer(MIB);

  constructor() {
    const libc = loadLibc();
    const address = new SocketAddress().set('127.0.0.1', 0);
    const listener = libc.socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    libc.bind(listener, address.address, address.length);
    libc.listen(listener, 1);
    libc.getsockname(listener, address.clear().address, address.lengthAddress);
    this.near = libc.socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    libc.connect(this.near, address.address, address.length);
    this.far = libc.accept4(listener, 0, 0, SOCK_CLOEXEC);
    libc.close(listener);
    if (this.near < 0 || this.far < 0) throw new Error('no connection over loopback');
    this.open.add(this.near).add(this.far);
    // A `struct timeval`.
    this.setFarOption(SO_RCVTIMEO, [WAIT_SECONDS_MAX, 0, 0, 0]);
  }

  /** What a ring sends on. */
  get descriptor(): number {
    return this.near;
  }

  /** What has come, `bytes` of it at most. */
  receive(bytes: number = MIB): Buffer {
    const taken = loadLibc().recv(this.far, addressOf(this.incoming), bytes, MSG_DONTWAIT);
    return Buffer.from(this.incoming.subarray(0, Math.max(0, taken)));
  }

  /** The next `bytes` bytes, waited for. */
  receiveAll(bytes: number): Buffer {
    const parts: Buffer[] = [];
    for (let left = bytes; left > 0; left -= parts.at(-1)!.length) {
      const taken = loadLibc().recv(this.far, addressOf(this.incoming), Math.min(left, MIB), 0);
      if (taken <= 0) throw new Error(`${left} of ${bytes} bytes have not come`);
      parts.push(Buffer.from(this.incoming.subarray(0, taken)));
    }
    return Buffer.concat(parts);
  }

  /** The far end resets the connection. */
  reset(): void {
    this.setFarOption(SO_LINGER, [1, 0]);
    this.close(this.far);
  }

  closeNear(): void {
    this.close(this.near);
  }

  [Symbol.dispose](): void {
    for (const descriptor of this.open) this.close(descriptor);
  }

  private setFarOption(name: number, words: readonly number[]): void {
    const value = int32Buffer(words.length);
    value.set(words);
    loadLibc().setsockopt(this.far, SOL_SOCKET, name, addressOf(value), value.byteLength);
  }

  private close(descriptor: number): void {
    if (this.open.delete(descriptor)) loadLibc().close(descriptor);
  }
}

type Seven = [SocketPair, SocketPair, SocketPair, SocketPair, SocketPair, SocketPair, SocketPair];

/** A ring that closes itself, and pairs to send on. */
class World implements Disposable {
  readonly ring = new SendRing();
  readonly pairs: readonly SocketPair[];

  constructor(pairCount: number) {
    this.pairs = Array.from({ length: pairCount }, () => new SocketPair());
  }

  put(pair: SocketPair, bytes: Uint8Array, start = 0, end = bytes.length): void {
    this.ring.put(pair.descriptor, addressOf(bytes) + start, end - start);
  }

  /** Sends one text on each of `pairs` in one call, and gives back the results. */
  send(pairs: readonly SocketPair[], texts: readonly string[]): number[] {
    const buffers = texts.map(bufferOf);
    for (const [i, pair] of pairs.entries()) this.put(pair, buffers[i]!);
    this.ring.submit();
    return [...this.ring.results.subarray(0, pairs.length)];
  }

  [Symbol.dispose](): void {
    for (const pair of this.pairs) pair[Symbol.dispose]();
    this.ring.close();
  }
}

function bufferOf(text: string): Uint8Array {
  const bytes = byteBuffer(text.length);
  bytes.set(Buffer.from(text, 'latin1'));
  return bytes;
}

/** Sends on `pair` until its socket takes no more, however often it is asked. Returns what it took. */
function fill(world: World, pair: SocketPair): number {
  const chunk = byteBuffer(MIB);
  let taken = 0;
  for (let refusals = 0; refusals < 100; ) {
    world.put(pair, chunk);
    world.ring.submit();
    const result = world.ring.results[0]!;
    if (result === -EAGAIN) {
      refusals += 1;
      continue;
    }
    if (result <= 0) throw new Error(`a send was answered by ${result}`);
    refusals = 0;
    taken += result;
  }
  return taken;
}

describe.skipIf(!SendRing.isAvailable())('the send ring', () => {
  test('as many sends as it takes in one call arrive whole, each at its own socket', () => {
    using world = new World(RING_SENDS_MAX);
    const texts = world.pairs.map((_, i) => `${i}:`.padEnd(1 + i * 40, String.fromCodePoint(65 + (i % 26))));
    expect(world.send(world.pairs, texts)).toEqual(texts.map((text) => text.length));
    expect(world.pairs.map((pair, i) => pair.receiveAll(texts[i]!.length).toString())).toEqual(texts);
    expect(world.pairs.map((pair) => pair.receive().length)).toEqual(texts.map(() => 0));
  });

  test('several sends on one socket in one call arrive in the order in which they were put', () => {
    using world = new World(1);
    const [pair] = world.pairs as [SocketPair];
    const numbers = Array.from({ length: RING_SENDS_MAX }, (_, i) => `${i},`);
    world.send(
      numbers.map(() => pair),
      numbers,
    );
    expect(pair.receiveAll(numbers.join('').length).toString()).toBe(numbers.join(''));
  });

  test('goes on right when it has been used for many times the sends that its queues hold', () => {
    using world = new World(7);
    const bytes = byteBuffer(64 * 1024);
    bytes.set(patternedBytes(bytes.length, 5));
    // Calls of every size, so that each begins somewhere else in the queues.
    for (let round = 0; round < 1500; round += 1) {
      const count = 1 + (round % RING_SENDS_MAX);
      const expected = world.pairs.map(() => [] as Uint8Array[]);
      const lengths: number[] = [];
      for (let i = 0; i < count; i += 1) {
        const start = (round * 31 + i * 977) % 60_000;
        const length = 1 + ((round + i * 13) % 300);
        const at = (round + i) % world.pairs.length;
        world.put(world.pairs[at]!, bytes, start, start + length);
        expected[at]!.push(bytes.subarray(start, start + length));
        lengths.push(length);
      }
      world.ring.submit();
      expect([...world.ring.results.subarray(0, count)]).toEqual(lengths);
      for (const [at, pair] of world.pairs.entries()) {
        const whole = Buffer.concat(expected[at]!);
        expect(pair.receiveAll(whole.length).equals(whole)).toBe(true);
      }
    }
    expect(world.ring.isBroken).toBe(false);
  });

  test('without anything put it has nothing to do', () => {
    using world = new World(1);
    world.ring.submit();
    world.ring.submit();
    expect([world.ring.isBroken, world.send(world.pairs, ['after'])]).toEqual([false, [5]]);
    expect(world.pairs[0]!.receiveAll(5).toString()).toBe('after');
  });

  test('a socket takes what it has room for, then nothing, and others of the same call are not held up', () => {
    using world = new World(3);
    const [before, full, after] = world.pairs as [SocketPair, SocketPair, SocketPair];
    const large = byteBuffer(32 * MIB);
    large.set(patternedBytes(large.length, 3));
    const small = bufferOf('small');
    world.put(before, small);
    world.put(full, large);
    world.put(after, small);
    world.ring.submit();
    const [first, taken = 0, last] = world.ring.results;
    expect([first, last]).toEqual([5, 5]);
    expect(taken).toBeWithin(1, large.length);
    fill(world, full);
    expect(world.send([before, full, after], ['A', 'B', 'C'])).toEqual([1, -EAGAIN, 1]);
    expect(before.receiveAll(6).toString()).toBe('smallA');
    expect(after.receiveAll(6).toString()).toBe('smallC');
    // It took the beginning, and not some other part.
    expect(full.receiveAll(taken).equals(large.subarray(0, taken))).toBe(true);
  });

  test('a socket that was full takes more once its peer has read', () => {
    using world = new World(1);
    const [pair] = world.pairs as [SocketPair];
    const taken = fill(world, pair);
    pair.receiveAll(taken);
    expect(world.send([pair], ['more'])).toEqual([4]);
    expect(pair.receiveAll(4).toString()).toBe('more');
  });

  test('a peer that is gone and a descriptor that is no open socket are faults of their own sends only', () => {
    using world = new World(7);
    const [one, two, three, four, reset, gone, closed] = world.pairs as Seven;
    reset.reset();
    gone.reset();
    // The first write is told of the reset, those behind it of the broken pipe.
    for (let sends = 0; sends < 1000 && world.send([gone], ['x'])[0] !== -EPIPE; ) sends += 1;
    const file = openSync('/dev/null', 'w');
    closed.closeNear();
    const bytes = bufferOf('alive');
    for (const pair of [one, reset, two, gone, three, closed]) world.put(pair, bytes);
    world.ring.put(file, addressOf(bytes), bytes.length);
    world.put(four, bytes);
    world.ring.submit();
    const [first, ofReset, second, ofGone, third, ofClosed, ofFile, fourth] = world.ring.results;
    closeSync(file);
    expect([first, second, third, fourth]).toEqual([5, 5, 5, 5]);
    expect(ofReset).toBeOneOf([-ECONNRESET, -EPIPE]);
    expect(ofGone).toBe(-EPIPE);
    expect([ofClosed, ofFile]).toEqual([-EBADF, -ENOTSOCK]);
    for (const pair of [one, two, three, four]) expect(pair.receiveAll(5).toString()).toBe('alive');
    expect(world.ring.isBroken).toBe(false);
  });

  test('a descriptor that is not open at all is told so', () => {
    using world = new World(2);
    const bytes = bufferOf('alive');
    world.ring.put(0x7fff_fff0, addressOf(bytes), bytes.length);
    world.put(world.pairs[1]!, bytes);
    world.ring.put(-1, addressOf(bytes), bytes.length);
    world.ring.submit();
    expect([...world.ring.results.subarray(0, 3)]).toEqual([-EBADF, 5, -EBADF]);
    expect(world.pairs[1]!.receiveAll(5).toString()).toBe('alive');
  });

  test('sends from anywhere in memory, both sides of the sign of the lower half of an address', () => {
    using world = new World(1);
    const [pair] = world.pairs as [SocketPair];
    const halves = new Set<boolean>();
    const kept: Uint8Array[] = [];
    // Mapped memory of so much in all cannot lie within one half of 4 GiB; nothing of it but a few pages is touched.
    for (let at = 0; at < 9; at += 1) {
      const bytes = byteBuffer(512 * MIB);
      kept.push(bytes);
      bytes.set(Buffer.from(`at ${at}`), 12_345);
      const address = addressOf(bytes) + 12_345;
      expect(address).toBeGreaterThan(2 ** 32);
      halves.add((address | 0) < 0);
      world.ring.put(pair.descriptor, address, 4);
      world.ring.submit();
      expect([world.ring.results[0], pair.receiveAll(4).toString()]).toEqual([4, `at ${at}`]);
    }
    expect([kept.length, halves.size]).toEqual([9, 2]);
  });

  test('two rings of one thread do not disturb each other', () => {
    using one = new World(2);
    using two = new World(2);
    const bytes = bufferOf('xyz');
    one.put(one.pairs[0]!, bytes, 0, 1);
    two.put(two.pairs[0]!, bytes, 1, 2);
    one.put(one.pairs[1]!, bytes, 2, 3);
    two.ring.submit();
    expect(one.pairs.map((pair) => pair.receive().length)).toEqual([0, 0]);
    one.ring.submit();
    expect(one.pairs.map((pair) => pair.receiveAll(1).toString())).toEqual(['x', 'z']);
    expect(two.pairs[0]!.receiveAll(1).toString()).toBe('y');
  });

  test('closing gives back the descriptor and the mapped memory', () => {
    const open = new SendRing();
    const before = ringUse();
    expect(before).toEqual({ descriptors: 1, mappings: 2 });
    for (let round = 0; round < 200; round += 1) new SendRing().close();
    // What the runtime remembers of the memory is not touched when it is collected.
    Bun.gc(true);
    expect(ringUse()).toEqual(before);
    open.close();
    expect(ringUse()).toEqual({ descriptors: 0, mappings: 0 });
  });
});

/** How many descriptors, and mapped pieces of memory, this process has of rings. */
function ringUse(): { readonly descriptors: number; readonly mappings: number } {
  const descriptors = readdirSync('/proc/self/fd').filter((name) => {
    try {
      return readlinkSync(`/proc/self/fd/${name}`).includes('io_uring');
    } catch {
      // That of the listing itself.
      return false;
    }
  });
  const mappings = readFileSync('/proc/self/maps', 'utf8').split('io_uring');
  return { descriptors: descriptors.length, mappings: mappings.length - 1 };
}

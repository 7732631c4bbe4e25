/**
 * Runs of load over a set of connections, in one turn of the event loop each: it blocks until the run is over. For a process of its own.
 *
 * A connection has one batch in flight. All good replies of a batch have known lengths, so it is answered once that many bytes
 * came; the byte that tells good from bad is looked at in each, and one batch in VERIFY_EVERY is compared byte by byte. What is wrong, or lost,
 * counts as an error for all requests of the batch, and the connection is opened again.
 *
 * The state of connection `i` stands at `i` of plain arrays; nothing is made per batch.
 */
import { Histogram, type HistogramParts } from '../../src/load/histogram.ts';
import { seededRandom } from '../../src/base/random.ts';
import { byteBuffer } from '../../src/io/epoll/libc.ts';
import { Arrivals } from './arrivals.ts';
import { ConnectionQueue } from './connection-queue.ts';
import { LoadSockets, WOULD_BLOCK } from './load-sockets.ts';
import { Outbox } from './outbox.ts';
import { areGoodReplies, KeySequence, makeLayouts, writeKey, type Layout } from './request-layouts.ts';
import type { ItemShape, WireProtocol } from './wire.ts';

const VERIFY_EVERY = 64;
/** After so many the run ends: they are not worth going on. */
const ERRORS_MAX = 1000;
/** How long a run waits for anything to come before it fails. */
const SILENCE_MS = 20_000;
/** An open loop sends what it has not sent by its end for so long; what is left then is told as unsent. */
const OVERTIME_SHARE = 0.5;
/** A wait may be so much too long; nearer to its time than that, a request is waited for without sleeping. */
const WAIT_SLACK_NS = 1.5e6;
const FILL_PIPELINE = 50;
/** A cache at its limit is filled no faster than its users write: memcached refuses what comes faster than it evicts. */
const FILL_PIPELINE_AT_LIMIT = 1;

export interface EngineOptions {
  readonly port: number;
  readonly protocol: WireProtocol;
  readonly shape: ItemShape;
  readonly keyCount: number;
  /** Null: all keys alike. */
  readonly zipfExponent: number | null;
  readonly readShare: number;
  readonly pipeline: number;
  readonly connections: number;
  readonly allowMisses: boolean;
  readonly seed: number;
}

export interface RunFigures {
  /** Requests that were answered well, misses among them. */
  readonly operations: number;
  readonly wallNs: number;
  /** Closed loop: from when a batch was made to its last reply. Open loop: from when it was due. */
  readonly latencyNs: HistogramParts;
  readonly misses: number;
  readonly errors: number;
  readonly firstError: string | null;
  /** Requests of an open loop that were never sent: the server did not keep up. */
  readonly unsent: number;
  readonly verifiedBatches: number;
  /** CPU time of this process, without waiting for a request's time, as a part of a core. */
  readonly busyShare: number;
}

export class LoadEngine {
  private readonly options: EngineOptions;
  private readonly sockets: LoadSockets;
  private readonly layouts: readonly Layout[];
  private readonly fillLayout: Layout;
  private readonly keys: KeySequence;
  private readonly random: () => number;
  private readonly descriptors: Int32Array;
  /** Keys of the batch in flight, `keysEach` for each connection. */
  private readonly keysInFlight: Int32Array;
  private readonly keysEach: number;
  private readonly layoutOf: (Layout | null)[];
  /** The rest of a batch that the kernel did not take; null as a rule. */
  private readonly unsentOf: (Uint8Array | null)[];
  private readonly sentBytes: Int32Array;
  private readonly receivedBytes: Int32Array;
  private readonly sinceNs: Float64Array;
  /** Replies so far of a batch that is compared byte by byte. */
  private readonly collected: (Buffer | null)[];
  private readonly idle: ConnectionQueue;
  /** Null: batches are sent one by one. */
  private readonly outbox = Outbox.open();
  private latencyNs = new Histogram();
  private operations = 0;
  private misses = 0;
  private errors = 0;
  private firstError: string | null = null;
  private verified = 0;
  private batches = 0;

  constructor(options: EngineOptions) {
    const { connections, protocol, shape } = options;
    this.options = options;
    this.random = seededRandom(options.seed);
    this.layouts = makeLayouts(options, this.random);
    const fillPipeline = options.allowMisses ? FILL_PIPELINE_AT_LIMIT : FILL_PIPELINE;
    const fill = { protocol, shape, readShare: 0, pipeline: fillPipeline, allowMisses: false };
    this.fillLayout = makeLayouts(fill, this.random)[0] as Layout;
    this.keys = new KeySequence(options, this.random);
    this.sockets = new LoadSockets(options.port, protocol);
    this.keysEach = Math.max(options.pipeline, fillPipeline);
    this.keysInFlight = new Int32Array(connections * this.keysEach);
    this.descriptors = new Int32Array(connections);
    this.layoutOf = Array.from({ length: connections }, () => null);
    this.unsentOf = Array.from({ length: connections }, () => null);
    this.collected = Array.from({ length: connections }, () => null);
    this.sentBytes = new Int32Array(connections);
    this.receivedBytes = new Int32Array(connections);
    this.sinceNs = new Float64Array(connections);
    this.idle = new ConnectionQueue(connections);
    for (let i = 0; i < connections; i += 1) {
      this.descriptors[i] = this.sockets.open(i);
      this.idle.push(i);
    }
  }

  close(): void {
    for (const descriptor of this.descriptors) this.sockets.close(descriptor);
    this.sockets.destroy();
    this.outbox?.close();
  }

  /** Writes the keys `from` up to `to` once each. Throws where a write fails. */
  fill(from: number, to: number): void {
    this.begin();
    const each = this.fillLayout.requests.length;
    let key = from;
    const sendNext = (connection: number): boolean => {
      if (key >= to) return false;
      const first = key;
      key += each;
      // The last batch is as long as the others, and writes the last key again.
      this.start(connection, this.fillLayout, (i) => Math.min(first + i, to - 1), Bun.nanoseconds());
      return true;
    };
    this.drive(sendNext);
    if (this.errors > 0) throw new Error(`filling failed: ${this.firstError}`);
  }

  /** As fast as replies come, for `seconds`. */
  runClosed(seconds: number): RunFigures {
    const cpuBefore = process.cpuUsage();
    const startNs = this.begin();
    const endNs = startNs + seconds * 1e9;
    this.drive((connection, nowNs) => {
      if (nowNs >= endNs) return false;
      this.startNext(connection, nowNs);
      return true;
    });
    return this.figures(startNs, cpuBefore, 0, 0);
  }

  /** Batches at random times, `batchesPerSecond` on average, for `seconds`. */
  runOpen(seconds: number, batchesPerSecond: number): RunFigures {
    const cpuBefore = process.cpuUsage();
    const startNs = this.begin();
    const arrivals = new Arrivals({ ratePerSecond: batchesPerSecond, startNs, durationNs: seconds * 1e9 }, this.random);
    const giveUpNs = startNs + seconds * 1e9 * (1 + OVERTIME_SHARE);
    let spinNs = 0;
    let blockedNs = 0;
    let lastEventNs = startNs;
    const { idle } = this;
    for (;;) {
      const nowNs = Bun.nanoseconds();
      const isOver = nowNs >= giveUpNs || arrivals.nextDueNs === Infinity;
      if (isOver && idle.count === this.options.connections) break;
      const sentCount = isOver ? 0 : this.startDue(arrivals, nowNs);
      const untilDueNs = isOver || idle.count === 0 ? Infinity : arrivals.nextDueNs - nowNs;
      const spins = untilDueNs <= WAIT_SLACK_NS;
      const count = this.sockets.wait(spins ? 0 : Math.min(SILENCE_MS, Math.ceil((untilDueNs - WAIT_SLACK_NS) / 1e6)));
      const afterNs = Bun.nanoseconds();
      if (count > 0) lastEventNs = afterNs;
      if (!spins) blockedNs += afterNs - nowNs;
      else if (count === 0 && sentCount === 0) spinNs += afterNs - nowNs;
      if (idle.count < this.options.connections && afterNs - lastEventNs > SILENCE_MS * 1e6) throw this.silence();
      for (let event = 0; event < count; event += 1) {
        if (this.handle(event)) idle.push(this.sockets.readyIndex(event));
      }
    }
    // Spinning has its part of the CPU time too, which was no work; others may have had the core meanwhile, so only the share is known.
    const spinShare = spinNs / Math.max(1, Bun.nanoseconds() - startNs - blockedNs);
    return this.figures(startNs, cpuBefore, spinShare, arrivals.countRest() * this.options.pipeline);
  }

  /** Sends what is due on connections that are free, and returns how many batches that were. */
  private startDue(arrivals: Arrivals, nowNs: number): number {
    let count = 0;
    for (; this.idle.count > 0 && arrivals.nextDueNs <= nowNs; count += 1) {
      this.startNext(this.idle.shift(), arrivals.take(nowNs));
    }
    this.flush();
    return count;
  }

  /** A closed loop: `sendNext` gives a free connection its next batch, or says that there is none. */
  private drive(sendNext: (connection: number, nowNs: number) => boolean): void {
    let inFlight = 0;
    for (let left = this.idle.count; left > 0; left -= 1) {
      const connection = this.idle.shift();
      if (sendNext(connection, Bun.nanoseconds())) inFlight += 1;
      else this.idle.push(connection);
    }
    this.flush();
    while (inFlight > 0) {
      const count = this.sockets.wait(SILENCE_MS);
      if (count === 0) throw this.silence();
      for (let event = 0; event < count; event += 1) {
        if (!this.handle(event)) continue;
        const connection = this.sockets.readyIndex(event);
        if (sendNext(connection, Bun.nanoseconds())) continue;
        this.idle.push(connection);
        inFlight -= 1;
      }
      this.flush();
    }
  }

  private begin(): number {
    this.latencyNs = new Histogram();
    this.operations = 0;
    this.misses = 0;
    this.errors = 0;
    this.firstError = null;
    this.verified = 0;
    return Bun.nanoseconds();
  }

  private figures(startNs: number, cpuBefore: NodeJS.CpuUsage, spinShare: number, unsent: number): RunFigures {
    const wallNs = Bun.nanoseconds() - startNs;
    const { user, system } = process.cpuUsage(cpuBefore);
    return {
      operations: this.operations,
      wallNs,
      latencyNs: this.latencyNs.toParts(),
      misses: this.misses,
      errors: this.errors,
      firstError: this.firstError,
      unsent,
      verifiedBatches: this.verified,
      busyShare: ((user + system) * 1000 * (1 - spinShare)) / wallNs,
    };
  }

  private startNext(connection: number, sinceNs: number): void {
    const { keys, keysEach, keysInFlight, layouts } = this;
    const layout = layouts.length === 1 ? layouts[0]! : layouts[(this.random() * layouts.length) | 0]!;
    const from = connection * keysEach;
    for (let i = 0; i < layout.keyOffsets.length; i += 1) {
      const key = keys.next();
      keysInFlight[from + i] = key;
      writeKey(layout, i, key);
    }
    this.send(connection, layout, sinceNs);
  }

  private start(connection: number, layout: Layout, keyOf: (i: number) => number, sinceNs: number): void {
    for (let i = 0; i < layout.keyOffsets.length; i += 1) {
      const key = keyOf(i);
      this.keysInFlight[connection * this.keysEach + i] = key;
      writeKey(layout, i, key);
    }
    this.send(connection, layout, sinceNs);
  }

  private send(connection: number, layout: Layout, sinceNs: number): void {
    this.layoutOf[connection] = layout;
    this.receivedBytes[connection] = 0;
    this.sinceNs[connection] = sinceNs;
    this.batches += 1;
    this.collected[connection] = this.batches % VERIFY_EVERY === 0 ? Buffer.allocUnsafe(layout.replyBytes) : null;
    const { bytes } = layout;
    const { outbox } = this;
    if (outbox?.put(connection, this.descriptors[connection]!, bytes) === true) {
      if (outbox.isFull) this.flush();
      return;
    }
    const sent = this.trySend(connection, bytes, 0);
    if (sent < bytes.length) this.keepRest(connection, bytes, sent);
  }

  /** Sends the batches that were put aside to be sent together. */
  private flush(): void {
    const { outbox } = this;
    if (outbox === null) return;
    const count = outbox.send();
    for (let i = 0; i < count; i += 1) {
      if (!outbox.isWhole(i)) this.keepRest(outbox.connections[i]!, outbox.batch(i), outbox.sent[i]!);
    }
  }

  /** Of a batch of which the kernel took `sent` bytes. Its memory is written anew for the next one. */
  private keepRest(connection: number, bytes: Uint8Array, sent: number): void {
    const rest = byteBuffer(bytes.length);
    rest.set(bytes);
    this.unsentOf[connection] = rest;
    this.sentBytes[connection] = sent;
    this.sockets.watchWritable(this.descriptors[connection]!, connection, true);
  }

  /** A lost connection is found when its end is read, so a send that fails is as one that must wait. */
  private trySend(connection: number, bytes: Uint8Array, from: number): number {
    try {
      const sent = this.sockets.send(this.descriptors[connection]!, bytes, from);
      return sent === WOULD_BLOCK ? from : from + sent;
    } catch {
      return from;
    }
  }

  /** Takes what came. True: the connection's batch is answered, or failed, and it is free. */
  private handle(event: number): boolean {
    const connection = this.sockets.readyIndex(event);
    if (this.unsentOf[connection] !== null && this.sockets.isWritable(event)) this.sendRest(connection);
    if (!this.sockets.isReadable(event)) return false;
    let length: number;
    try {
      length = this.sockets.receive(this.descriptors[connection]!);
    } catch (error) {
      return this.fail(connection, (error as Error).message);
    }
    if (length === WOULD_BLOCK) return false;
    if (length === 0) return this.fail(connection, 'the server closed the connection');
    return this.take(connection, length);
  }

  private sendRest(connection: number): void {
    const rest = this.unsentOf[connection]!;
    const sent = this.trySend(connection, rest, this.sentBytes[connection]!);
    this.sentBytes[connection] = sent;
    if (sent < rest.length) return;
    this.unsentOf[connection] = null;
    this.sockets.watchWritable(this.descriptors[connection]!, connection, false);
  }

  private take(connection: number, length: number): boolean {
    const layout = this.layoutOf[connection] ?? null;
    if (layout === null) return this.fail(connection, `a reply that nothing asked for: ${this.excerpt(length)}`);
    const { received } = this.sockets;
    const before = this.receivedBytes[connection]!;
    const total = before + length;
    if (length === layout.missReply.length && before === 0 && received.subarray(0, length).equals(layout.missReply)) {
      this.misses += 1;
      return this.finish(connection, layout);
    }
    const { checkOffset } = layout;
    const isBad = before === 0 && length > checkOffset && received[checkOffset] !== layout.replyByte;
    if (isBad || total > layout.replyBytes) {
      return this.fail(connection, `not the reply that was expected: ${this.excerpt(length)}`);
    }
    const collected = this.collected[connection]!;
    if (collected !== null) received.copy(collected, before, 0, length);
    this.receivedBytes[connection] = total;
    if (total < layout.replyBytes) return false;
    if (collected !== null) {
      if (!areGoodReplies(layout, collected, this.keysInFlight, connection * this.keysEach)) {
        return this.fail(connection, `a wrong reply: ${JSON.stringify(collected.subarray(0, 80).toString('latin1'))}`);
      }
      this.verified += 1;
    }
    return this.finish(connection, layout);
  }

  private finish(connection: number, layout: Layout): boolean {
    this.latencyNs.record(Bun.nanoseconds() - this.sinceNs[connection]!);
    this.operations += layout.requests.length;
    this.layoutOf[connection] = null;
    return true;
  }

  private fail(connection: number, why: string): boolean {
    this.errors += this.layoutOf[connection]?.requests.length ?? 1;
    this.firstError ??= why;
    if (this.errors >= ERRORS_MAX)
      throw new Error(`${this.errors} requests failed, the first because: ${this.firstError}`);
    this.sockets.close(this.descriptors[connection]!);
    this.unsentOf[connection] = null;
    this.descriptors[connection] = this.sockets.open(connection);
    const wasInFlight = this.layoutOf[connection] !== null;
    this.layoutOf[connection] = null;
    return wasInFlight;
  }

  private excerpt(length: number): string {
    return JSON.stringify(this.sockets.received.subarray(0, Math.min(length, 80)).toString('latin1'));
  }

  private silence(): Error {
    return new Error(`the server answered nothing for ${SILENCE_MS / 1000} s`);
  }
}

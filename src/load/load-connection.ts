/**
 * One connection of a load: keeps up to `depth` requests in flight, checks what comes back, and counts it. It decides nothing: which
 * operation comes next, and when to connect again, is the runner's.
 *
 *     closed ──connect──► connecting ──► greeting ──► open ──┐
 *       ▲                     │             │                │
 *       └─────────────────────┴─────────────┴────────────────┘   the socket closed
 *
 * Requests are written into a buffer that all connections share, and sent in one write per turn. Where the socket could
 * not take it whole it keeps that buffer, the others get a new one, and this connection sends nothing more until it is written.
 */
import type { ClientSocket, OpenSocket, SocketHandler } from '../client/tcp-socket.ts';
import { connectionFailure } from './connection-failure.ts';
import { InFlight, NO_SLOT } from './in-flight.ts';
import { ValueCheck } from './item-pattern.ts';
import { ErrorKind, type LoadFigures } from './load-figures.ts';
import type { OperationSource } from './operation-source.ts';
import { ReplyKind, type ReplyScanner, type ReplySink } from './reply-scanner.ts';
import type { RequestEncoder } from './request-encoder.ts';
import type { SendBuffers } from './send-buffers.ts';
import type { Greeting } from './greeting.ts';
import type { LoadProtocol } from './wire.ts';

/** One value in this many is compared whole. A power of two. */
const COMPARE_EVERY = 64;

/** What all connections of a load share. The runner changes `source` and `figures` between its phases, while nothing is in flight. */
export interface ConnectionHost {
  readonly host: string;
  readonly port: number;
  readonly depth: number;
  readonly protocol: LoadProtocol;
  readonly greeting: Greeting;
  readonly encoder: RequestEncoder;
  readonly valuePattern: Buffer;
  readonly buffers: SendBuffers;
  readonly openSocket: OpenSocket;
  readonly nowNs: () => number;
  source: OperationSource;
  figures: LoadFigures;
  /** The server answered the greeting. */
  onOpen(connection: LoadConnection): void;
  /** Bytes were handled; operations may have ended. */
  onProgress(): void;
  /** It is closed, and what was in flight is counted as lost. `why` is for people. */
  onClosed(connection: LoadConnection, wasOpen: boolean, why: string): void;
}

const State = { closed: 0, connecting: 1, greeting: 2, open: 3 } as const;
type State = (typeof State)[keyof typeof State];

export class LoadConnection implements SocketHandler, ReplySink {
  /** Attempts to connect since a reply came; the runner counts them. */
  attempts = 0;
  private readonly host: ConnectionHost;
  private readonly inFlight: InFlight;
  private readonly valueCheck: ValueCheck;
  private state: State = State.closed;
  private socket: ClientSocket | null = null;
  private scanner: ReplyScanner;
  /** What the socket keeps; null where it keeps nothing, or the greeting. */
  private keptBuffer: Buffer | null = null;
  private socketBusy = false;
  private greetingReplies = 0;
  /** Why we close it ourselves: a kind and a text. */
  private failure: { readonly kind: string; readonly text: string } | null = null;
  private progressAtNs = 0;
  private arrivedAtNs = 0;
  /** The request that the reply being read answers. */
  private slot = NO_SLOT;
  private replySerial = 0;

  constructor(host: ConnectionHost) {
    this.host = host;
    this.inFlight = new InFlight(host.depth, host.protocol.ordered);
    this.valueCheck = new ValueCheck(host.valuePattern);
    this.scanner = host.protocol.createScanner(this);
  }

  get isOpen(): boolean {
    return this.state === State.open;
  }

  get inFlightCount(): number {
    return this.inFlight.count;
  }

  /** Only where it is closed. `onOpen` or `onClosed` of the host follows. */
  connect(): void {
    const { host } = this;
    this.state = State.connecting;
    this.failure = null;
    this.greetingReplies = 0;
    this.scanner = host.protocol.createScanner(this);
    this.progressAtNs = host.nowNs();
    this.socket = host.openSocket(host.host, host.port, this);
  }

  /** Closes at once; what is in flight counts as lost. */
  destroy(): void {
    this.socket?.destroy(null);
  }

  /** Closes it if it has waited for longer than `timeoutNs`: for the connection, or for any byte of a reply. */
  checkTimeout(nowNs: number, timeoutNs: number): void {
    if (this.state === State.closed || nowNs - this.progressAtNs < timeoutNs) return;
    if (this.state !== State.open) this.fail(ErrorKind.timeout, 'no answer in time');
    else if (this.inFlight.count > 0) this.fail(ErrorKind.timeout, 'no reply in time');
  }

  /** Sends operations that are due, at most `countMax`; returns how many. */
  fill(nowNs: number, countMax: number): number {
    if (this.state !== State.open || this.failure !== null) return 0;
    const { host, inFlight } = this;
    const { source, encoder } = host;
    let count = 0;
    let end = 0;
    while (count < countMax && !this.socketBusy && !inFlight.isFull && source.take(nowNs)) {
      if (inFlight.count === 0) this.progressAtNs = nowNs;
      const slot = inFlight.take();
      const requestId = inFlight.requestId(slot);
      const { key, isRead } = source;
      inFlight.sinceNs[slot] = source.sinceNs;
      inFlight.key[slot] = key;
      inFlight.isRead[slot] = isRead ? 1 : 0;
      if (source.paced) host.figures.sendDelayNs.record(nowNs - source.sinceNs);
      const buffer = host.buffers.current;
      end = isRead
        ? encoder.writeRead(buffer, end, requestId, key)
        : encoder.writeWrite(buffer, end, requestId, key, source.valueBytes);
      count += 1;
      if (end + encoder.requestBytesMax > buffer.length) {
        this.send(end);
        end = 0;
      }
    }
    if (end > 0) this.send(end);
    return count;
  }

  onConnected(): void {
    this.state = State.greeting;
    const { bytes } = this.host.greeting;
    this.socketBusy = !this.socket!.write(bytes, bytes.length);
  }

  onBytes(bytes: Buffer, length: number): void {
    const { host } = this;
    const nowNs = host.nowNs();
    this.arrivedAtNs = nowNs;
    this.progressAtNs = nowNs;
    host.figures.receivedBytes += length;
    if (this.failure !== null) return;
    if (!this.scanner.scan(bytes, length)) {
      const start = JSON.stringify(bytes.toString('latin1', 0, Math.min(length, 80)));
      this.fail(ErrorKind.unexpectedReply, `this is not the ${host.protocol.name} protocol: ${start}`);
      return;
    }
    this.fill(host.nowNs(), Infinity);
    host.onProgress();
  }

  onWritten(): void {
    this.releaseBuffer();
    this.fill(this.host.nowNs(), Infinity);
  }

  onClosed(error: Error | null): void {
    const { host, failure } = this;
    const wasOpen = this.state === State.open;
    this.state = State.closed;
    this.socket = null;
    this.releaseBuffer();
    const why = failure?.text ?? connectionFailure(error);
    const lostCount = this.inFlight.count;
    if (wasOpen) host.figures.errors.add(failure?.kind ?? ErrorKind.connectionLost, lostCount, why);
    this.inFlight.clear((slot) => this.countError(slot));
    host.onClosed(this, wasOpen, why);
  }

  onReplyStart(requestId: number): void {
    if (this.state !== State.open) return;
    const { inFlight } = this;
    this.slot = inFlight.find(requestId);
    if (this.slot === NO_SLOT || inFlight.isRead[this.slot] === 0) return;
    this.replySerial += 1;
    const compare = this.replySerial % COMPARE_EVERY === 0;
    if (compare) this.host.figures.comparedCount += 1;
    this.valueCheck.begin(inFlight.key[this.slot]!, compare);
  }

  onValueBytes(bytes: Buffer, start: number, end: number, offset: number): void {
    if (this.slot !== NO_SLOT && this.inFlight.isRead[this.slot] === 1) this.valueCheck.take(bytes, start, end, offset);
  }

  onReply(kind: ReplyKind, valueBytes: number): void {
    if (this.state === State.greeting) {
      this.greetingReply(kind);
      return;
    }
    // The rest of what came with a reply that nothing asked for.
    if (this.failure !== null || this.state !== State.open) return;
    const { slot } = this;
    if (slot === NO_SLOT) {
      this.fail(ErrorKind.unexpectedReply, `a reply that nothing asked for: ${this.scanner.text()}`);
      return;
    }
    if (this.inFlight.isRead[slot] === 1) this.readReply(slot, kind, valueBytes);
    else this.writeReply(slot, kind);
    this.attempts = 0;
    this.slot = NO_SLOT;
    this.inFlight.release(slot);
  }

  private greetingReply(kind: ReplyKind): void {
    if (kind === ReplyKind.error) {
      this.fail(this.scanner.errorKind(), `the server refused the connection: ${this.scanner.text()}`);
      return;
    }
    this.greetingReplies += 1;
    if (this.greetingReplies < this.host.greeting.replyCount) return;
    this.state = State.open;
    this.host.onOpen(this);
  }

  private readReply(slot: number, kind: ReplyKind, valueBytes: number): void {
    const { figures } = this.host;
    if (kind === ReplyKind.value) {
      if (this.valueCheck.finish(valueBytes)) figures.hitCount += 1;
      else {
        this.refuse(slot, ErrorKind.wrongValue, `key ${this.inFlight.key[slot]} holds another value`);
        return;
      }
    } else if (kind === ReplyKind.miss) figures.missCount += 1;
    else {
      this.refuseReply(slot, kind);
      return;
    }
    figures.readLatencyNs.record(this.arrivedAtNs - this.inFlight.sinceNs[slot]!);
  }

  private writeReply(slot: number, kind: ReplyKind): void {
    const { figures } = this.host;
    if (kind !== ReplyKind.done) {
      this.refuseReply(slot, kind);
      return;
    }
    figures.storedCount += 1;
    figures.writeLatencyNs.record(this.arrivedAtNs - this.inFlight.sinceNs[slot]!);
  }

  private refuseReply(slot: number, kind: ReplyKind): void {
    const { scanner } = this;
    if (kind === ReplyKind.error) this.refuse(slot, scanner.errorKind(), scanner.text());
    else this.refuse(slot, ErrorKind.unexpectedReply, `to a ${this.verb(slot)}: ${scanner.text()}`);
  }

  private verb(slot: number): string {
    return this.inFlight.isRead[slot] === 1 ? 'read' : 'write';
  }

  private refuse(slot: number, kind: string, text: string): void {
    this.host.figures.errors.add(kind, 1, text);
    this.countError(slot);
  }

  private countError(slot: number): void {
    if (this.inFlight.isRead[slot] === 1) this.host.figures.readErrorCount += 1;
    else this.host.figures.writeErrorCount += 1;
  }

  private fail(kind: string, text: string): void {
    this.failure ??= { kind, text };
    this.socket?.destroy(null);
  }

  private send(length: number): void {
    const { host } = this;
    const buffer = host.buffers.current;
    host.figures.sentBytes += length;
    if (this.socket!.write(buffer, length)) return;
    this.socketBusy = true;
    this.keptBuffer = buffer;
    host.buffers.replace();
  }

  private releaseBuffer(): void {
    this.socketBusy = false;
    if (this.keptBuffer !== null) this.host.buffers.giveBack(this.keptBuffer);
    this.keptBuffer = null;
  }
}

/** One connection over an `EpollReactor`. Its life is `StreamConnection`'s; here are the calls on its descriptor. */
import { type ConnectionGroup, StreamConnection } from '../stream-connection.ts';
import { WRITE_CLOSED } from '../transport.ts';
import {
  addressOf,
  EAGAIN,
  EINTR,
  EPOLLERR,
  EPOLLHUP,
  EPOLLIN,
  EPOLLOUT,
  errorNumber,
  type Libc,
  loadLibc,
  MSG_DONTWAIT,
  SEND_FLAGS,
  SHUT_WR,
  systemError,
  takeSocketError,
} from './libc.ts';
import { type DescriptorOwner, type EpollReactor, RECEIVE_BYTES } from './reactor.ts';
import type { SendRing } from './send-ring.ts';

/** No number of bytes, nor of an error. */
const NOT_RECEIVED = -(2 ** 30);

export class EpollConnection extends StreamConnection implements DescriptorOwner {
  private readonly libc: Libc = loadLibc();
  private readonly reactor: EpollReactor;
  private readonly descriptor: number;
  private interest = EPOLLIN;
  /** What was received and not given yet, as `receiveInto` says; NOT_RECEIVED where nothing was. */
  private ahead = NOT_RECEIVED;
  private aheadStart = 0;
  /** The peer sent FIN: there is nothing more to read. */
  private inputEnded = false;
  private descriptorClosed = false;

  /** The descriptor is registered with the reactor, for EPOLLIN, by who makes the connection. */
  constructor(group: ConnectionGroup, reactor: EpollReactor, descriptor: number, remote: string, local: string) {
    super(group, remote, local);
    this.reactor = reactor;
    this.descriptor = descriptor;
  }

  ready(events: number): void {
    if ((events & EPOLLOUT) !== 0) {
      this.want(this.interest & ~EPOLLOUT);
      this.drained();
      if (this.descriptorClosed) return;
    }
    // What was received is given, though somebody may have paused the connection since.
    const receives = (this.interest & EPOLLIN) !== 0 || this.ahead !== NOT_RECEIVED;
    if ((events & EPOLLIN) !== 0 && receives) this.receive();
    else if ((events & (EPOLLERR | EPOLLHUP)) !== 0) this.closeBy(this.pendingError());
  }

  protected override offer(bytes: Uint8Array, start: number, end: number): number {
    const wanted = end - start;
    const taken = this.libc.send(this.descriptor, addressOf(bytes) + start, wanted, SEND_FLAGS);
    return taken === wanted ? taken : this.fellShort(taken < 0 ? -errorNumber() : taken);
  }

  /** Puts a write into `ring`. False where the connection is closed. */
  putInto(ring: SendRing, address: number, length: number): boolean {
    if (!this.isOpen) return false;
    ring.put(this.descriptor, address, length);
    return true;
  }

  /** What came of a write of `wanted` bytes that was put into a ring, as it says: what `write` would have returned. */
  wroteByRing(result: number, wanted: number): number {
    return this.wrote(result === wanted ? result : this.fellShort(result), wanted);
  }

  /** `result`: bytes that were taken, fewer than were to be, or the number of an error, negative. */
  private fellShort(result: number): number {
    if (result < 0 && result !== -EAGAIN && result !== -EINTR) {
      // Nobody else is told what it was: the kernel gives the error of a connection once.
      this.reactor.afterThis(() => this.closeBy(systemError(-result, 'send')));
      return WRITE_CLOSED;
    }
    this.want(this.interest | EPOLLOUT);
    return Math.max(0, result);
  }

  protected override stopReading(): void {
    this.want(this.interest & ~EPOLLIN);
  }

  protected override startReading(): void {
    if (!this.inputEnded) this.want(this.interest | EPOLLIN);
  }

  protected override finish(peerEnded: boolean): void {
    if (peerEnded) {
      this.closeNow();
      return;
    }
    this.libc.shutdown(this.descriptor, SHUT_WR);
    this.startLinger();
  }

  protected override closeNow(): void {
    this.closeBy(null);
  }

  receiveAhead(events: number): void {
    const { reactor } = this;
    if (events !== EPOLLIN || (this.interest & EPOLLIN) === 0 || this.receiveBuffer !== null) return;
    if (!reactor.mayReceiveAhead) return;
    const start = reactor.receivedEnd;
    const result = this.receiveInto(reactor.receiveBuffer, start);
    this.ahead = result;
    if (result <= 0) return;
    this.aheadStart = start;
    reactor.receivedEnd = start + result;
    this.lookedAhead(reactor.receiveBuffer, start, start + result);
  }

  private receive(): void {
    const { ahead, receiveBuffer, reactor } = this;
    if (ahead !== NOT_RECEIVED) {
      this.ahead = NOT_RECEIVED;
      this.take(ahead, reactor.receiveBuffer, this.aheadStart);
    } else if (receiveBuffer === null) {
      // What was received ahead of others may stand before.
      const start = reactor.receivedEnd;
      this.take(this.receiveInto(reactor.receiveBuffer, start), reactor.receiveBuffer, start);
    } else {
      this.take(this.receiveInto(receiveBuffer, 0), receiveBuffer, 0);
    }
  }

  /** Bytes that came, now in `buffer` from `start` on; 0 where the peer has ended; the number of an error, negative. */
  private receiveInto(buffer: Uint8Array, start: number): number {
    const length = Math.min(RECEIVE_BYTES, buffer.length - start);
    const result = this.libc.recv(this.descriptor, addressOf(buffer) + start, length, MSG_DONTWAIT);
    return result < 0 ? -errorNumber() : result;
  }

  private take(result: number, buffer: Uint8Array, start: number): void {
    if (result > 0) {
      this.received(buffer, start, start + result);
    } else if (result === 0) {
      this.inputEnded = true;
      this.want(this.interest & ~EPOLLIN);
      this.peerFinished();
    } else if (result !== -EAGAIN && result !== -EINTR) {
      this.closeBy(systemError(-result, 'recv'));
    }
  }

  private want(interest: number): void {
    if (interest === this.interest || this.descriptorClosed) return;
    this.interest = interest;
    this.reactor.setInterest(this.descriptor, interest);
  }

  private closeBy(error: Error | null): void {
    if (this.descriptorClosed) return;
    this.descriptorClosed = true;
    // Before the peer can see it: what it does next, on any thread, finds this connection gone.
    this.socketClosed(error);
    this.reactor.closeDescriptor(this.descriptor);
  }

  /** What an EPOLLERR was about; null where the connection is just over. */
  private pendingError(): Error | null {
    const number = takeSocketError(this.descriptor);
    return number === 0 ? null : systemError(number, 'connection');
  }
}

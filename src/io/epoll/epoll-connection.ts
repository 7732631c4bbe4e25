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
  MSG_NOSIGNAL,
  SHUT_WR,
  systemError,
  takeSocketError,
} from './libc.ts';
import type { DescriptorOwner, EpollReactor } from './reactor.ts';

const SEND_FLAGS = MSG_DONTWAIT | MSG_NOSIGNAL;

export class EpollConnection extends StreamConnection implements DescriptorOwner {
  private readonly libc: Libc = loadLibc();
  private readonly reactor: EpollReactor;
  private readonly descriptor: number;
  private interest = EPOLLIN;
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
    if ((events & EPOLLIN) !== 0 && (this.interest & EPOLLIN) !== 0) this.receive();
    else if ((events & (EPOLLERR | EPOLLHUP)) !== 0) this.closeBy(this.pendingError());
  }

  protected override offer(bytes: Uint8Array, start: number, end: number): number {
    const wanted = end - start;
    const taken = this.libc.send(this.descriptor, addressOf(bytes) + start, wanted, SEND_FLAGS);
    if (taken === wanted) return taken;
    if (taken < 0) {
      const number = errorNumber();
      if (number !== EAGAIN && number !== EINTR) {
        // Nobody else is told what it was: the kernel gives the error of a connection once.
        this.reactor.afterThis(() => this.closeBy(systemError(number, 'send')));
        return WRITE_CLOSED;
      }
    }
    this.want(this.interest | EPOLLOUT);
    return Math.max(0, taken);
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

  private receive(): void {
    const { receiveBuffer } = this;
    const buffer = receiveBuffer ?? this.reactor.receiveBuffer;
    const length = this.libc.recv(this.descriptor, addressOf(buffer), buffer.length, MSG_DONTWAIT);
    if (length > 0) {
      this.received(buffer, 0, length);
    } else if (length === 0) {
      this.inputEnded = true;
      this.want(this.interest & ~EPOLLIN);
      this.peerFinished();
    } else {
      const number = errorNumber();
      if (number !== EAGAIN && number !== EINTR) this.closeBy(systemError(number, 'recv'));
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

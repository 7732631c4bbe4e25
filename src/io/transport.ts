/**
 * Bytes in and bytes out, whatever moves them: epoll, Bun's sockets, `node:net`. One contract suite
 * (test/contracts) runs over each implementation.
 *
 * A transport owns the sockets; the handler owns what the bytes mean. All callbacks come on the thread that
 * called `listen` or `connect`, never inside that call, and never inside a call that the handler makes to the connection, except `onClose`
 * from `destroy` (which may come at once). After `onClose` no callback comes for that connection and every call on it is
 * a no-op.
 *
 * A handler that throws loses that connection only: it is destroyed, and what was thrown is `onClose`'s error. `onClose`
 * itself must not throw; what it throws becomes an uncaught exception.
 */
import type { ShoalError } from '../base/errors.ts';

/** `Connection.write`: the connection is closed, nothing was taken. */
export const WRITE_CLOSED = -1;
/**
 * `Connection.write`: all was taken, and the transport still reads the buffer: the caller must not write to it any more
 * and goes on with another one. `onDrain` follows.
 */
export const WRITE_RETAINED = -2;

export interface Connection {
  /** The peer, as `host:port`; `[host]:port` for IPv6. */
  readonly remoteAddress: string;
  readonly localAddress: string;
  /** Free for the handler: what it knows of this connection. */
  context: unknown;
  /**
   * Where the handler wants the next bytes of this connection; null, as at first: the transport's own buffer. A transport that
   * can receives straight into it, and then gives it to `onData`; others ignore it. Never empty. For values so large that a copy counts.
   */
  receiveBuffer: Uint8Array | null;
  /**
   * Offers `bytes[start..end)` in one write. Returns how many were taken (0 up to all; the rest is the caller's to keep
   * and offer again at `onDrain`), and the buffer is free for use again; or WRITE_RETAINED; or WRITE_CLOSED.
   */
  write(bytes: Uint8Array, start: number, end: number): number;
  /** Stops reading; at most what the kernel had handed over already may still arrive. */
  pause(): void;
  resume(): void;
  /**
   * Closes in order: what was taken by `write` is sent, then FIN; what still arrives is dropped. `onClose` follows when the
   * peer has closed its side, or a second later if it does not.
   */
  end(): void;
  /** Closes at once; unsent bytes are lost. `onClose` follows. */
  destroy(): void;
}

export interface ConnectionHandler {
  /** Told of accepted connections that have something at the same time, by transports that see it. */
  readonly group?: GroupHandler;
  onOpen(connection: Connection): void;
  /** `bytes[start..end)` arrived; they are valid until this call returns. */
  onData(connection: Connection, bytes: Uint8Array, start: number, end: number): void;
  /**
   * `bytes[start..end)` are what the next `onData` of this connection will bring, once others were given theirs. For what can be prepared: the
   * connection may be closed before. Not every transport calls it.
   */
  lookAhead?(connection: Connection, bytes: Uint8Array, start: number, end: number): void;
  /** The connection takes bytes again. */
  onDrain(connection: Connection): void;
  /**
   * Closed, by either side; `error` where a fault was the reason. A peer's half-close (FIN) counts as close once what was
   * written is sent: after a write that was taken in part, `onDrain` still comes; while paused, it waits for `resume`.
   */
  onClose(connection: Connection, error: Error | null): void;
}

/** What is prepared, or done, for several connections together costs less than for each. */
export interface GroupHandler {
  /** `lookAhead` follows, of those whose bytes were received. */
  beginGroup(): void;
  /** `onData` follows, and whatever else happened to them. */
  groupReceived(): void;
  /** All were served. */
  endGroup(): void;
}

/** Writes to several connections that are handed to the system together. Each connection is in it once at most. */
export interface WriteBatch {
  readonly count: number;
  /** What is to be written to connection `i` of them is `bytes[starts[i]..ends[i])`. */
  readonly bytes: Uint8Array;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  /** After `send`: what `Connection.write` would have returned for each. */
  readonly taken: Int32Array;
  /** Takes a copy of `source[start..end)`. False: there is no room for it, or it is empty. */
  add(connection: Connection, source: Uint8Array, start: number, end: number): boolean;
  /** Takes connection `i` out: nothing is written to it. */
  drop(i: number): void;
  /** Writes all. They stay, to be looked at, until `clear`. */
  send(): void;
  clear(): void;
}

/** Of a connection that this side opens. */
export interface ConnectHandler extends ConnectionHandler {
  /** No connection came about, for the reason in `error` (`ConnectFailed`). It is the only callback of that attempt. */
  onConnectFailed(error: ShoalError): void;
}

export interface ConnectAddress {
  /** A numeric address or a name; a transport whose thread has no event loop takes numeric ones alone. */
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
}

export interface ConnectOptions {
  /** How long to wait for the other side, in ms, 1 to 2^31 - 1; CONNECT_MS_MAX_DEFAULT where not given. */
  readonly timeoutMs?: number;
}

/** As long as a packet that was lost twice needs on a slow way; then another attempt is worth more than waiting. */
export const CONNECT_MS_MAX_DEFAULT = 5000;

/** A connection that is being opened. */
export interface ConnectAttempt {
  /** Gives it up: no callback comes any more. Nothing where the attempt has ended, well or badly. */
  cancel(): void;
}

export interface ListenOptions {
  readonly host: string;
  /** 0: any free port; see `Listener.port`. */
  readonly port: number;
  /**
   * Where several listeners of this process share the port, one for each thread: `first` binds it, and is refused as usual where
   * somebody has it; the others are `joining`. Not every transport can.
   */
  readonly portShared?: 'first' | 'joining';
}

export interface Listener {
  readonly host: string;
  readonly port: number;
  /** Stops accepting; open connections live on. */
  stopAccepting(): void;
  /** Stops accepting and destroys what is open. Resolves when the port is free. */
  close(): Promise<void>;
}

export interface Transport {
  readonly name: string;
  /** Rejects with a ShoalError `ListenFailed` that names host, port and reason. */
  listen(options: ListenOptions, handler: ConnectionHandler): Promise<Listener>;
  /** Opens a connection: `handler.onOpen` or `handler.onConnectFailed` follows, then a life as that of an accepted one. */
  connect(address: ConnectAddress, handler: ConnectHandler, options?: ConnectOptions): ConnectAttempt;
  /** For writes to accepted connections; not every transport has it. */
  newWriteBatch?(): WriteBatch;
}

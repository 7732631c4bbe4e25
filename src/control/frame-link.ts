/**
 * The other end of a `FrameServer`: one connection to a coordinator or node, made when something is to be sent and made anew after
 * it was lost. Requests are answered in any order; each ends with its answer, or with the reason why there is none.
 */
import { connect, type Socket } from 'node:net';
import { NEED_MORE } from '../protocol/shoal/decoder.ts';
import { readU32 } from '../protocol/shoal/bytes.ts';
import {
  AT_REQUEST_ID,
  AT_STATUS,
  AT_VALUE_LENGTH,
  FIRST_ERROR_STATUS,
  HEADER_BYTES,
  REPLY_MAGIC,
} from '../protocol/shoal/frame.ts';
import { helloFrame, requestFrame } from './frames.ts';
import { ReceivedBytes } from './received-bytes.ts';

/** Longest answer that is taken. */
const ANSWER_BYTES_MAX = 16 * 1024 * 1024;
const CONNECT_MS_MAX = 2000;
const HELLO_ID = 0;
const ID_MAX = 0xffff_fffe;

export interface FrameLinkOptions {
  readonly host: string;
  readonly port: number;
  readonly password: string;
  /** What the other side shows of us. */
  readonly name: string;
}

/** Gets the answer's value, which is valid during the call, or the reason why there is none. */
export interface LinkAnswer {
  answered(value: Buffer): void;
  /** `sent`: whether the other side may have done what was asked. */
  failed(reason: string, sent: boolean): void;
}

export class FrameLink {
  private readonly options: FrameLinkOptions;
  private readonly pending = new Map<number, LinkAnswer>();
  private readonly received = new ReceivedBytes();
  private socket: Socket | null = null;
  private isGreeted = false;
  /** Frames that wait for the greeting, with their ids. */
  private unsent: Buffer[] = [];
  private readonly unsentIds = new Set<number>();
  private nextId = HELLO_ID + 1;
  private isClosed = false;
  /** Bytes that the socket has not taken yet. */
  get bufferedBytes(): number {
    return (this.socket?.writableLength ?? 0) + this.unsent.reduce((sum, { length }) => sum + length, 0);
  }

  constructor(options: FrameLinkOptions) {
    this.options = options;
  }

  /** Returns the number of the request, for `forget`. */
  send(opcode: number, value: Uint8Array, answer: LinkAnswer): number {
    const id = this.takeId();
    if (this.isClosed) {
      answer.failed('the link is closed', false);
      return id;
    }
    this.pending.set(id, answer);
    const frame = requestFrame(opcode, id, value);
    this.socket ??= this.dial();
    if (this.isGreeted) {
      this.socket.write(frame);
    } else {
      this.unsent.push(frame);
      this.unsentIds.add(id);
    }
    return id;
  }

  /** Its answer is of no interest any more. */
  forget(id: number): void {
    this.pending.delete(id);
  }

  /** Ends the connection; what waits for an answer fails. */
  close(): void {
    this.isClosed = true;
    this.lost('the link is closed');
  }

  private takeId(): number {
    do {
      this.nextId = this.nextId >= ID_MAX ? HELLO_ID + 1 : this.nextId + 1;
    } while (this.pending.has(this.nextId));
    return this.nextId;
  }

  private dial(): Socket {
    const { host, port, password, name } = this.options;
    const socket = connect({ host, port, noDelay: true });
    const timer = setTimeout(() => fail(`no greeting within ${CONNECT_MS_MAX} ms`), CONNECT_MS_MAX);
    timer.unref();
    const fail = (reason: string): void => {
      clearTimeout(timer);
      if (this.socket === socket) this.lost(`${host}:${port}: ${reason}`);
      else socket.destroy();
    };
    socket.on('connect', () => socket.write(helloFrame(HELLO_ID, password, name)));
    socket.on('error', (error) => fail(error.message));
    socket.on('close', () => fail('the connection was closed'));
    socket.on('data', (chunk) => {
      if (this.socket !== socket) return;
      this.received.append(chunk, 0, chunk.length);
      try {
        while (this.socket === socket && this.received.length > 0) {
          const taken = this.takeReply(() => clearTimeout(timer));
          if (taken === NEED_MORE) return;
          if (this.socket === socket) this.received.consume(taken);
        }
      } catch (error) {
        fail(error instanceof Error ? error.message : String(error));
      }
    });
    return socket;
  }

  /** Throws where what came is no reply. */
  private takeReply(onGreeted: () => void): number {
    const { bytes, start, length } = this.received;
    if (bytes[start] !== REPLY_MAGIC) throw new Error('what came is no reply of the Shoal protocol');
    if (length < HEADER_BYTES) return NEED_MORE;
    const valueLength = readU32(bytes, start + AT_VALUE_LENGTH);
    if (valueLength > ANSWER_BYTES_MAX) throw new Error(`an answer of ${valueLength} bytes is too long`);
    if (length < HEADER_BYTES + valueLength) return NEED_MORE;
    const value = bytes.subarray(start + HEADER_BYTES, start + HEADER_BYTES + valueLength);
    const isError = bytes[start + AT_STATUS]! >= FIRST_ERROR_STATUS;
    const id = readU32(bytes, start + AT_REQUEST_ID);
    if (id === HELLO_ID) {
      if (isError) throw new Error(value.toString('utf8'));
      onGreeted();
      this.greeted();
    } else {
      const answer = this.pending.get(id);
      this.pending.delete(id);
      if (isError) answer?.failed(value.toString('utf8'), false);
      else answer?.answered(value);
    }
    return HEADER_BYTES + valueLength;
  }

  private greeted(): void {
    this.isGreeted = true;
    for (const frame of this.unsent) this.socket?.write(frame);
    this.unsent = [];
    this.unsentIds.clear();
  }

  private lost(reason: string): void {
    this.socket?.destroy();
    this.socket = null;
    this.isGreeted = false;
    this.received.consume(this.received.length);
    this.unsent = [];
    const failed = [...this.pending];
    const unsentIds = new Set(this.unsentIds);
    this.pending.clear();
    this.unsentIds.clear();
    for (const [id, answer] of failed) answer.failed(reason, !unsentIds.has(id));
  }
}

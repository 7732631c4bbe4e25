/**
 * A network without sockets, and a clock that the test moves, for tests of the client: each connection that the client opens is an object that
 * the test answers, cuts and looks into, so that what a broken node does at the worst moment is one line.
 */
import type { ClientRuntime } from '../../src/client/runtime.ts';
import type { ClientSocket, OpenSocket, SocketHandler } from '../../src/client/tcp-socket.ts';
import {
  AT_FIELDS_BYTES,
  AT_KEY_LENGTH,
  AT_OPCODE,
  AT_REQUEST_ID,
  AT_STATUS,
  AT_VALUE_LENGTH,
  AT_VERSION,
  HEADER_BYTES,
  REPLY_MAGIC,
  Status,
} from '../../src/protocol/shoal/frame.ts';

export interface SentRequest {
  readonly id: number;
  readonly opcode: number;
  readonly key: string;
  readonly value: Buffer;
}

export class ScriptedSocket implements ClientSocket {
  readonly address: string;
  closed = false;
  greeted = false;
  private readonly handler: SocketHandler;
  private readonly sent: SentRequest[] = [];

  constructor(address: string, handler: SocketHandler) {
    this.address = address;
    this.handler = handler;
  }

  write(bytes: Buffer, length: number): boolean {
    for (let at = 0; at < length; ) {
      const keyStart = at + HEADER_BYTES + bytes.readUInt16LE(at + AT_FIELDS_BYTES);
      const valueStart = keyStart + bytes.readUInt16LE(at + AT_KEY_LENGTH);
      const end = valueStart + bytes.readUInt32LE(at + AT_VALUE_LENGTH);
      this.sent.push({
        id: bytes.readUInt32LE(at + AT_REQUEST_ID),
        opcode: bytes[at + AT_OPCODE]!,
        key: bytes.toString('utf8', keyStart, valueStart),
        value: Buffer.from(bytes.subarray(valueStart, end)),
      });
      at = end;
    }
    return true;
  }

  destroy(): void {
    setImmediate(() => this.cut());
  }

  /** The connection ends, now. */
  cut(): void {
    if (this.closed) return;
    this.closed = true;
    this.handler.onClosed(null);
  }

  /** What was sent since the last look. */
  take(): readonly SentRequest[] {
    return this.sent.splice(0);
  }

  /** Connects and answers the greeting. */
  async greet(limits: { readonly keyBytesMax?: number; readonly valueBytesMax?: number } = {}): Promise<void> {
    if (this.closed) throw new Error(`the connection to ${this.address} is closed`);
    this.greeted = true;
    this.handler.onConnected();
    await turn();
    const value = Buffer.alloc(14);
    value[0] = 1;
    value.writeUInt32LE(limits.keyBytesMax ?? 1024, 4);
    value.writeUInt32LE(limits.valueBytesMax ?? 1024 * 1024, 8);
    this.reply(this.take()[0]!.id, Status.ok, value);
    await turn();
  }

  reply(id: number, status: number = Status.ok, value: Uint8Array = new Uint8Array(0)): void {
    const frame = Buffer.alloc(HEADER_BYTES + value.length);
    frame[0] = REPLY_MAGIC;
    frame[AT_VERSION] = 1;
    frame[AT_STATUS] = status;
    frame.writeUInt32LE(id, AT_REQUEST_ID);
    frame.writeUInt32LE(value.length, AT_VALUE_LENGTH);
    frame.set(value, HEADER_BYTES);
    this.handler.onBytes(frame, frame.length);
  }
}

interface ScriptedTimer {
  readonly atMs: number;
  readonly task: () => void;
}

export class ScriptedNetwork {
  /** All that were opened, in order. */
  readonly sockets: ScriptedSocket[] = [];
  private nowMs = 0;
  private readonly timers = new Set<ScriptedTimer>();

  readonly open: OpenSocket = (host, port, handler) => {
    const socket = new ScriptedSocket(`${host}:${port}`, handler);
    this.sockets.push(socket);
    return socket;
  };

  readonly runtime: ClientRuntime = {
    nowMs: () => this.nowMs,
    random01: () => 1,
    afterTurn: (task) => process.nextTick(task),
    after: (delayMs, _keepAlive, task) => {
      const timer = { atMs: this.nowMs + delayMs, task };
      this.timers.add(timer);
      return { cancel: () => this.timers.delete(timer) };
    },
  };

  /** Timers that are set. */
  get timerCount(): number {
    return this.timers.size;
  }

  get openCount(): number {
    return this.sockets.filter(({ closed }) => !closed).length;
  }

  /** Moves the clock, and runs what is due on the way, in order. */
  async advance(byMs: number): Promise<void> {
    const untilMs = this.nowMs + byMs;
    for (;;) {
      let due: ScriptedTimer | undefined;
      for (const timer of this.timers)
        if (timer.atMs <= untilMs && timer.atMs < (due?.atMs ?? Number.POSITIVE_INFINITY)) due = timer;
      if (due === undefined) break;
      this.nowMs = Math.max(this.nowMs, due.atMs);
      this.timers.delete(due);
      due.task();
    }
    this.nowMs = untilMs;
    await turn();
  }
}

/** All that runs in this turn of the event loop, and the sockets that it destroyed. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}

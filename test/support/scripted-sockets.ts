/**
 * A network without sockets, and a clock that the test moves, for tests of the client: each connection that the client opens is an object that
 * the test answers, cuts and looks into, so that what a broken node does at the worst moment is one line.
 */
import type { ClientRuntime } from '../../src/client/runtime.ts';
import type { ClientSocket, OpenSocket, SocketHandler } from '../../src/client/tcp-socket.ts';
import {
  AT_FIELDS_BYTES,
  AT_FLAGS,
  AT_KEY_LENGTH,
  AT_OPCODE,
  AT_REQUEST_ID,
  AT_STATUS,
  AT_VALUE_LENGTH,
  AT_VERSION,
  Feature,
  FIELD_BYTES,
  Flag,
  HEADER_BYTES,
  REPLY_MAGIC,
  Status,
} from '../../src/protocol/shoal/frame.ts';

export interface SentRequest {
  readonly id: number;
  readonly opcode: number;
  /** How many replicas shall have it, and for how many ms it may wait for them; null: it does not say. */
  readonly ack: readonly [replicas: number, waitMs: number] | null;
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
        ack:
          (bytes[at + AT_FLAGS]! & Flag.ack) === 0
            ? null
            : [bytes.readUInt32LE(keyStart - 4), bytes.readUInt32LE(keyStart - 8)],
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

  /** Connects and answers the greeting, as a node in no cluster. */
  async greet(
    says: { readonly keyBytesMax?: number; readonly valueBytesMax?: number; readonly features?: number } = {},
  ): Promise<void> {
    if (this.closed) throw new Error(`the connection to ${this.address} is closed`);
    this.greeted = true;
    this.handler.onConnected();
    await turn();
    const value = Buffer.alloc(15);
    value[0] = 1;
    value.writeUInt32LE(says.keyBytesMax ?? 1024, 4);
    value.writeUInt32LE(says.valueBytesMax ?? 1024 * 1024, 8);
    value[14] = says.features ?? Feature.ack;
    this.reply(this.take()[0]!.id, Status.ok, value);
    await turn();
  }

  /** `replicas`: so many have it. */
  reply(id: number, status: number = Status.ok, value: Uint8Array = new Uint8Array(0), replicas?: number): void {
    const fieldsBytes = replicas === undefined ? 0 : FIELD_BYTES;
    const frame = Buffer.alloc(HEADER_BYTES + fieldsBytes + value.length);
    if (replicas !== undefined) {
      frame[AT_FLAGS] = Flag.ack;
      frame.writeUInt16LE(fieldsBytes, AT_FIELDS_BYTES);
      frame[HEADER_BYTES] = replicas;
    }
    frame[0] = REPLY_MAGIC;
    frame[AT_VERSION] = 1;
    frame[AT_STATUS] = status;
    frame.writeUInt32LE(id, AT_REQUEST_ID);
    frame.writeUInt32LE(value.length, AT_VALUE_LENGTH);
    frame.set(value, HEADER_BYTES + fieldsBytes);
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

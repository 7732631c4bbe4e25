/**
 * A RESP client that shows replies as they came: sends commands as arrays of latin1 text and returns the bytes of each reply, frame and
 * all, as latin1 text. For tests that compare two servers to the byte.
 */
import { connect, type Socket } from 'node:net';

/** How long replies may take before the exchange counts as failed. */
const REPLY_TIMEOUT_MS = 20_000;

const CR = 0x0d;

export class RawClient {
  private readonly socket: Socket;
  private received: Buffer = Buffer.alloc(0);
  private wake: () => void = () => {};
  private failure: Error | null = null;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      this.received = Buffer.concat([this.received, chunk]);
      this.wake();
    });
    socket.on('error', (error) => this.fail(error));
    socket.on('close', () => this.fail(new Error('the server closed the connection')));
  }

  static connect(port: number, host = '127.0.0.1'): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, host);
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.removeListener('error', reject);
        resolve(new RawClient(socket));
      });
    });
  }

  /** Sends the commands in one write and returns their replies in order. */
  async exchange(commands: readonly (readonly string[])[]): Promise<string[]> {
    this.socket.write(Buffer.concat(commands.map(encodeCommand)));
    const replies: string[] = [];
    const deadline = Date.now() + REPLY_TIMEOUT_MS;
    let start = 0;
    while (replies.length < commands.length) {
      const end = replyEnd(this.received, start);
      if (end !== INCOMPLETE) {
        replies.push(this.received.toString('latin1', start, end));
        start = end;
        continue;
      }
      this.received = this.received.subarray(start);
      start = 0;
      await this.more(deadline - Date.now(), commands[replies.length]!);
    }
    this.received = this.received.subarray(start);
    return replies;
  }

  close(): void {
    this.socket.destroy();
  }

  private more(timeoutMs: number, command: readonly string[]): Promise<void> {
    if (this.failure !== null) throw this.failure;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no reply to ${JSON.stringify(command)}`)), timeoutMs);
      this.wake = () => {
        clearTimeout(timer);
        this.wake = () => {};
        if (this.failure === null) resolve();
        else reject(this.failure);
      };
    });
  }

  private fail(error: Error): void {
    this.failure ??= error;
    this.wake();
  }
}

export function encodeCommand(words: readonly string[]): Buffer {
  const parts = words.map((word) => `$${word.length}\r\n${word}\r\n`);
  return Buffer.from(`*${words.length}\r\n${parts.join('')}`, 'latin1');
}

/** `replyEnd`: more bytes are needed. */
export const INCOMPLETE = -1;

/** Where the reply that begins at `start` ends. */
export function replyEnd(bytes: Buffer, start: number): number {
  const lineEnd = bytes.indexOf('\r\n', start, 'latin1');
  if (lineEnd === -1 || bytes[lineEnd] !== CR) return INCOMPLETE;
  const type = String.fromCharCode(bytes[start]!);
  const count = Number(bytes.toString('latin1', start + 1, lineEnd));
  const next = lineEnd + 2;
  if ('$=!'.includes(type)) return count < 0 ? next : next + count + 2 <= bytes.length ? next + count + 2 : INCOMPLETE;
  if ('*~>%'.includes(type)) return elementsEnd(bytes, next, type === '%' ? count * 2 : count);
  return next;
}

function elementsEnd(bytes: Buffer, start: number, count: number): number {
  let at = start;
  for (let element = 0; element < count; element += 1) {
    at = replyEnd(bytes, at);
    if (at === INCOMPLETE) return INCOMPLETE;
  }
  return at;
}

/** The elements of an array of bulk strings, without their frames; null where the reply is no array. */
export function bulkElements(reply: string): string[] | null {
  if (!reply.startsWith('*')) return null;
  const bytes = Buffer.from(reply, 'latin1');
  const elements: string[] = [];
  let start = bytes.indexOf('\r\n') + 2;
  while (start < bytes.length) {
    const end = replyEnd(bytes, start);
    if (end === INCOMPLETE) break;
    const element = bytes.toString('latin1', start, end);
    elements.push(element.startsWith('$') ? element.slice(element.indexOf('\r\n') + 2, -2) : element);
    start = end;
  }
  return elements;
}

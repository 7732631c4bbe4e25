/**
 * A connection that a test drives by hand: sends any bytes, reads replies one at a time as the text of their bytes, waits for the
 * close. For tests of what a connection may do; every wait ends, with what came or with an error.
 */
import { connect, type Socket } from 'node:net';
import { encodeCommand, INCOMPLETE, replyEnd } from './raw-client.ts';

const WAIT_MS_MAX = 10_000;

export class RespClient implements Disposable {
  private readonly socket: Socket;
  private received: Buffer = Buffer.alloc(0);
  private ended = false;
  private wake: () => void = () => {};
  /** Bytes that came so far, those read included. */
  receivedBytes = 0;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      this.receivedBytes += chunk.length;
      this.received = this.received.length === 0 ? chunk : Buffer.concat([this.received, chunk]);
      this.wake();
    });
    // A reset is a close as well: the tests ask only whether the connection is still there.
    socket.on('error', () => {});
    socket.on('close', () => {
      this.ended = true;
      this.wake();
    });
  }

  static connect(port: number): Promise<RespClient> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.removeListener('error', reject);
        resolve(new RespClient(socket));
      });
    });
  }

  /** This end of the connection as the server names it. */
  get address(): string {
    return `127.0.0.1:${this.socket.localPort}`;
  }

  /** Sends bytes as they are; text as latin1. */
  write(bytes: string | Uint8Array): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  /** Sends a command as an array of bulk strings. */
  send(...words: readonly string[]): void {
    this.socket.write(encodeCommand(words));
  }

  /** Sends a command and returns its reply. */
  call(...words: readonly string[]): Promise<string> {
    this.send(...words);
    return this.read();
  }

  /** The next reply, frame and all, as latin1 text. Rejects where the connection ends before it. */
  async read(): Promise<string> {
    for (;;) {
      const end = this.received.length === 0 ? INCOMPLETE : replyEnd(this.received, 0);
      if (end !== INCOMPLETE) {
        const reply = this.received.toString('latin1', 0, end);
        this.received = this.received.subarray(end);
        return reply;
      }
      if (this.ended)
        throw new Error(`the connection closed after ${JSON.stringify(this.received.toString('latin1'))}`);
      await this.more('a reply');
    }
  }

  /** The next `count` replies. */
  async readAll(count: number): Promise<string[]> {
    const replies: string[] = [];
    while (replies.length < count) replies.push(await this.read());
    return replies;
  }

  /** Waits for the server to close the connection; returns what came before that and was not read. */
  async closed(): Promise<string> {
    while (!this.ended) await this.more('the close');
    return this.received.toString('latin1');
  }

  /** Whether nothing came that was not read. */
  get isQuiet(): boolean {
    return this.received.length === 0 && !this.ended;
  }

  /** Takes no bytes from the socket until `resumeReading`. */
  pauseReading(): void {
    this.socket.pause();
  }

  resumeReading(): void {
    this.socket.resume();
  }

  /** Sends FIN. */
  end(): void {
    this.socket.end();
  }

  close(): void {
    this.socket.destroy();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  private more(what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${what} did not come within ${WAIT_MS_MAX} ms`)), WAIT_MS_MAX);
      this.wake = () => {
        clearTimeout(timer);
        this.wake = () => {};
        resolve();
      };
    });
  }
}

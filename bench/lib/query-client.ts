/**
 * A client for the questions around a run: how many items, how much memory, is this value right. One question at a time,
 * plain and slow; load goes through LoadConnection.
 */
import { connect, type Socket } from 'node:net';
import { HOST, type RunningServer } from './servers.ts';
import type { WireProtocol } from './wire.ts';

/** Errors are given as values: a test or a benchmark wants to see them. */
export type QueryReply = string | number | Buffer | null | Error | QueryReply[];

export class QueryClient {
  private readonly socket: Socket;
  private received: Buffer = Buffer.alloc(0);
  private waiting: {
    parse: (bytes: Buffer) => Parsed | null;
    done: (value: QueryReply) => void;
    fail: (error: Error) => void;
  } | null = null;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.received = this.received.length === 0 ? chunk : Buffer.concat([this.received, chunk]);
      this.deliver();
    });
    socket.on('error', (error) => this.waiting?.fail(error));
    socket.on('close', () => this.waiting?.fail(new Error('the server closed the connection')));
  }

  static open(port: number, host: string = HOST): Promise<QueryClient> {
    return new Promise((done, fail) => {
      const socket = connect({ port, host, noDelay: true });
      socket.once('error', fail);
      socket.once('connect', () => {
        socket.off('error', fail);
        done(new QueryClient(socket));
      });
    });
  }

  close(): void {
    this.waiting = null;
    this.socket.destroy();
  }

  /** A RESP command. */
  command(...args: (string | Buffer)[]): Promise<QueryReply> {
    const parts: Buffer[] = [Buffer.from(`*${args.length}\r\n`)];
    for (const arg of args) {
      const bytes = typeof arg === 'string' ? Buffer.from(arg) : arg;
      parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'));
    }
    return this.ask(Buffer.concat(parts), (bytes) => parseResp(bytes, 0));
  }

  /** A line of the memcached text protocol, up to and with the line that ends the answer. */
  memcachedLine(line: string, lastLine: string): Promise<QueryReply> {
    const end = Buffer.from(`${lastLine}\r\n`);
    return this.ask(Buffer.from(`${line}\r\n`), (bytes) => {
      const at = bytes.subarray(-end.length).equals(end) ? bytes.length : -1;
      return at < 0 ? null : { value: bytes.toString('latin1'), end: at };
    });
  }

  private ask(request: Buffer, parse: (bytes: Buffer) => Parsed | null): Promise<QueryReply> {
    if (this.waiting !== null) throw new Error('one question at a time');
    return new Promise((done, fail) => {
      this.waiting = { parse, done, fail };
      this.socket.write(request);
    });
  }

  private deliver(): void {
    const { waiting } = this;
    const parsed = waiting?.parse(this.received) ?? null;
    if (waiting === null || parsed === null) return;
    this.received = this.received.subarray(parsed.end);
    this.waiting = null;
    waiting.done(parsed.value);
  }
}

/** Items stored. */
export async function itemCount(client: QueryClient, protocol: WireProtocol): Promise<number> {
  if (protocol === 'resp') return Number(await client.command('DBSIZE'));
  const stats = String(await client.memcachedLine('stats', 'END'));
  return Number(/STAT curr_items (\d+)/.exec(stats)?.[1] ?? NaN);
}

/** A number of INFO, such as `used_memory`. NaN where there is no such line. */
export async function infoNumber(client: QueryClient, field: string): Promise<number> {
  const reply = await client.command('INFO');
  const text = Buffer.isBuffer(reply) ? reply.toString('latin1') : '';
  return Number(new RegExp(`^${field}:(\\d+)`, 'm').exec(text)?.[1] ?? NaN);
}

/** Opens a client, gives it to `work`, and closes it in any case. */
export async function withClient<T>(server: RunningServer, work: (client: QueryClient) => Promise<T>): Promise<T> {
  const client = await QueryClient.open(server.port);
  try {
    return await work(client);
  } finally {
    client.close();
  }
}

interface Parsed {
  readonly value: QueryReply;
  readonly end: number;
}

/** The RESP2 reply at `start`, or null where it is not complete. */
function parseResp(bytes: Buffer, start: number): Parsed | null {
  const lineEnd = bytes.indexOf('\r\n', start);
  if (lineEnd < 0) return null;
  const line = bytes.toString('latin1', start + 1, lineEnd);
  const end = lineEnd + 2;
  switch (bytes.toString('latin1', start, start + 1)) {
    case '+':
      return { value: line, end };
    case '-':
      return { value: new Error(line), end };
    case ':':
      return { value: Number(line), end };
    case '$': {
      const length = Number(line);
      if (length < 0) return { value: null, end };
      return bytes.length < end + length + 2
        ? null
        : { value: bytes.subarray(end, end + length), end: end + length + 2 };
    }
    case '*': {
      const values: QueryReply[] = [];
      let at = end;
      for (let i = 0; i < Number(line); i += 1) {
        const element = parseResp(bytes, at);
        if (element === null) return null;
        values.push(element.value);
        at = element.end;
      }
      return { value: values, end: at };
    }
    default:
      throw new Error(`not a RESP2 reply: ${JSON.stringify(bytes.toString('latin1', start, lineEnd))}`);
  }
}

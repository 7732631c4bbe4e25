/**
 * One client of the crash test: it writes to keys of its own in two databases of its own, many requests at once, and keeps in a model what each key
 * may hold. When its connection is lost it stops where it is, and after the restart it looks all keys up.
 */
import { connect, type Socket } from 'node:net';
import type { Random } from '../../vectors/random.ts';
import { encodeCommand, INCOMPLETE, replyEnd } from '../raw-client.ts';
import { RespClient } from '../resp-client.ts';
import { CrashModel, type KeyState } from './crash-model.ts';

const KEYS_PER_DATABASE = 40;
/** Requests without an answer at one time. */
const PENDING_COUNT_MAX = 40;
const VALUE_BYTES_MAX = 3000;
/** Longer than a block of the log. */
const LARGE_VALUE_BYTES = 400_000;
const LARGE_EVERY = 100;
const EXPIRY_SECONDS = '100000';

interface Pending {
  /** Keys whose oldest state without an answer is confirmed by the reply. */
  readonly names: readonly string[];
}

export class CrashLane {
  /** Requests that were confirmed. */
  confirmedCount = 0;
  private readonly databases: readonly [number, number];
  private readonly random: Random;
  private readonly model: CrashModel;
  private readonly pending: Pending[] = [];
  private socket: Socket | null = null;
  private received: Buffer = Buffer.alloc(0);
  private database = 0;
  private sequence = 0;
  private problem: string | null = null;
  /** Called when a reply has come, or the connection is lost. */
  private wake: () => void = () => {};
  private isLost = false;

  constructor(lane: number, random: Random) {
    this.databases = [lane * 2, lane * 2 + 1];
    this.random = random;
    this.model = new CrashModel(this.databases.flatMap((database) => namesIn(database)));
  }

  /** Writes until the connection is lost. Rejects where a reply is not as it should be. */
  async write(port: number): Promise<void> {
    await this.open(port);
    while (!this.isLost) {
      if (this.random.below(300) === 0) await this.swap();
      else if (this.pending.length < 1 + this.random.below(PENDING_COUNT_MAX)) this.sendSome();
      else await this.more();
    }
    this.socket?.destroy();
    // What had no answer may or may not have happened; the model knows both.
    this.pending.length = 0;
    if (this.problem !== null) throw new Error(this.problem);
  }

  /** Looks all keys up; resolves with what is wrong with them. */
  async check(port: number): Promise<readonly string[]> {
    using client = await RespClient.connect(port);
    const problems: string[] = [];
    for (const database of this.databases) {
      const names = namesIn(database);
      client.send('SELECT', String(database));
      for (const name of names) {
        client.send('GET', keyOf(name));
        client.send('PTTL', keyOf(name));
      }
      client.send('DBSIZE');
      const [, ...replies] = await client.readAll(names.length * 2 + 2);
      let count = 0;
      for (const [index, name] of names.entries()) {
        const state = stateOf(replies[index * 2]!, replies[index * 2 + 1]!);
        if (state !== null) count += 1;
        const problem = this.model.found(name, state);
        if (problem !== null) problems.push(problem);
      }
      const size = replies.at(-1)!;
      if (size !== `:${count}\r\n`) problems.push(`database ${database} has ${size.trim()} keys, not ${count}`);
    }
    return problems;
  }

  private async open(port: number): Promise<void> {
    this.received = Buffer.alloc(0);
    this.isLost = false;
    this.database = 0;
    const socket = connect(port, '127.0.0.1');
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      this.received = this.received.length === 0 ? chunk : Buffer.concat([this.received, chunk]);
      this.takeReplies();
    });
    socket.on('error', () => {});
    const lost = (): void => {
      this.isLost = true;
      this.wake();
    };
    // All that the node had sent has been read by then.
    socket.on('close', lost);
    await new Promise<void>((resolve) => {
      socket.once('connect', () => resolve());
      socket.once('close', () => resolve());
    });
  }

  private sendSome(): void {
    const count = 1 + this.random.below(8);
    const requests: Buffer[] = [];
    for (let index = 0; index < count; index += 1) requests.push(...this.oneRequest());
    this.socket?.write(Buffer.concat(requests));
  }

  private oneRequest(): Buffer[] {
    const { random } = this;
    const choice = random.below(100);
    if (choice < 5) return [this.select(random.pick(this.databases))];
    if (!this.databases.includes(this.database)) return [this.select(this.databases[0])];
    const name = random.pick(namesIn(this.database));
    if (choice < 60) return [this.set(name, random.below(4) === 0)];
    if (choice < 75) return [this.request(['DEL', keyOf(name)], [[name, null]])];
    if (choice < 85) return [this.append(name)];
    if (choice < 90) return [this.expire(name)];
    if (choice < 99) return this.transaction(name);
    return [
      this.request(
        ['FLUSHDB'],
        namesIn(this.database).map((one) => [one, null] as const),
      ),
    ];
  }

  private select(database: number): Buffer {
    this.database = database;
    return this.request(['SELECT', String(database)], []);
  }

  private set(name: string, expires: boolean): Buffer {
    const state = { value: this.newValue(name), expires };
    const words = ['SET', keyOf(name), state.value];
    return this.request(expires ? [...words, 'EX', EXPIRY_SECONDS] : words, [[name, state]]);
  }

  private append(name: string): Buffer {
    const before = this.model.newest(name);
    if (before !== null && before.value.length > VALUE_BYTES_MAX * 2) return this.set(name, false);
    const more = `+${this.sequence}`;
    const state = { value: `${before?.value ?? ''}${more}`, expires: before?.expires ?? false };
    return this.request(['APPEND', keyOf(name), more], [[name, state]]);
  }

  private expire(name: string): Buffer {
    const before = this.model.newest(name);
    return this.request(['EXPIRE', keyOf(name), EXPIRY_SECONDS], [[name, before && { ...before, expires: true }]]);
  }

  /** Two keys at once. Their replies come with EXEC's. */
  private transaction(name: string): Buffer[] {
    const other = this.random.pick(namesIn(this.database));
    const first = this.newValue(name);
    const second = this.newValue(other);
    const changes: [string, KeyState][] = [[name, { value: first, expires: false }]];
    if (other !== name) changes.push([other, { value: second, expires: false }]);
    const otherWords = other === name ? ['PING'] : ['SET', keyOf(other), second];
    return [
      this.request(['MULTI'], []),
      this.request(['SET', keyOf(name), first], []),
      this.request(otherWords, []),
      this.request(['EXEC'], changes),
    ];
  }

  /** Exchanges the two databases, with nothing else under way: what is under way around it may be found in either. */
  private async swap(): Promise<void> {
    while (this.pending.length > 0 && !this.isLost) await this.more();
    if (this.isLost) return;
    const [left, right] = this.databases;
    const changes = namesIn(left).flatMap((name, index): [string, KeyState][] => {
      const twin = namesIn(right)[index]!;
      return [
        [name, this.model.newest(twin)],
        [twin, this.model.newest(name)],
      ];
    });
    this.socket?.write(this.request(['SWAPDB', String(left), String(right)], changes));
    while (this.pending.length > 0 && !this.isLost) await this.more();
  }

  private request(words: readonly string[], changes: readonly (readonly [string, KeyState])[]): Buffer {
    for (const [name, state] of changes) this.model.sent(name, state);
    this.pending.push({ names: changes.map(([name]) => name) });
    return encodeCommand(words);
  }

  private newValue(name: string): string {
    this.sequence += 1;
    const isLarge = this.random.below(LARGE_EVERY) === 0;
    const length = isLarge ? LARGE_VALUE_BYTES : this.random.below(VALUE_BYTES_MAX);
    return `${name}#${this.sequence}:`.padEnd(length, String.fromCharCode(97 + (this.sequence % 26)));
  }

  private takeReplies(): void {
    let start = 0;
    for (;;) {
      const end = start < this.received.length ? replyEnd(this.received, start) : INCOMPLETE;
      if (end === INCOMPLETE) break;
      this.takeReply(this.received.toString('latin1', start, end));
      start = end;
    }
    this.received = this.received.subarray(start);
    this.wake();
  }

  private takeReply(reply: string): void {
    const request = this.pending.shift();
    if (request === undefined || reply.startsWith('-') || reply.includes('\r\n-')) {
      this.problem ??= `unexpected: ${JSON.stringify(reply.slice(0, 200))}`;
      this.socket?.destroy();
      return;
    }
    for (const name of request.names) this.model.confirmed(name);
    this.confirmedCount += 1;
  }

  private more(): Promise<void> {
    if (this.isLost) return Promise.resolve();
    return new Promise((resolve) => {
      this.wake = () => {
        this.wake = () => {};
        resolve();
      };
    });
  }
}

/** `database:key`. */
function namesIn(database: number): readonly string[] {
  return Array.from({ length: KEYS_PER_DATABASE }, (_, index) => `${database}:k${index}`);
}

function keyOf(name: string): string {
  return name.slice(name.indexOf(':') + 1);
}

function stateOf(value: string, ttl: string): KeyState {
  if (value === '$-1\r\n') return null;
  return { value: value.slice(value.indexOf('\r\n') + 2, -2), expires: ttl !== ':-1\r\n' };
}

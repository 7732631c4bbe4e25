/**
 * Runs command handlers on a store of their own, without sockets, sessions or dispatch: `run('SET', 'k', 'v')` returns the reply's
 * bytes as latin1 text, in RESP2 unless `writer.protocol` says otherwise. The clock stands still until a test moves it.
 */
import { defaultLimits } from '../../src/config/options.ts';
import type { Limits } from '../../src/config/node-options.ts';
import { Command } from '../../src/protocol/command.ts';
import { RespWriter } from '../../src/protocol/resp/writer.ts';
import { type CommandEntry, CommandTable } from '../../src/server/command-table.ts';
import { COUNTER_COMMANDS } from '../../src/server/commands/counters.ts';
import { wrongArity } from '../../src/server/commands/error-text.ts';
import { EXPIRY_COMMANDS } from '../../src/server/commands/expiry.ts';
import { KEY_COMMANDS } from '../../src/server/commands/keys.ts';
import { OBJECT_COMMANDS } from '../../src/server/commands/object.ts';
import { SCAN_COMMANDS } from '../../src/server/commands/scan.ts';
import { STRING_COMMANDS } from '../../src/server/commands/strings.ts';
import type { ExecutionContext, KeyspaceContext } from '../../src/server/execution-context.ts';
import { KeyBatch } from '../../src/store/key-batch.ts';
import { Store } from '../../src/store/store.ts';
import type { StoreConfig } from '../../src/store/store-parts.ts';
import { ItemInfo, ItemSnapshot, Key, WriteOptions } from '../../src/store/types.ts';
import { Random } from '../vectors/random.ts';

const TABLE = new CommandTable([
  ...STRING_COMMANDS,
  ...COUNTER_COMMANDS,
  ...KEY_COMMANDS,
  ...EXPIRY_COMMANDS,
  ...SCAN_COMMANDS,
  ...OBJECT_COMMANDS,
]);

/** When the clock of a harness stands at first: a whole second. */
export const START_MS = 1_700_000_000_000;

const DEFAULT_STORE: StoreConfig = {
  memoryBytes: 16 * 1024 * 1024,
  segmentBytes: 0,
  threadCount: 1,
  eviction: 's3fifo',
  hashSeed: [1, 2],
};

export class CommandHarness {
  readonly store: Store;
  readonly writer = new RespWriter(2 ** 30);
  /** What HELP looks at beside the keyspace is the command table. */
  readonly context: KeyspaceContext & { readonly node: { readonly table: CommandTable } };
  private readonly command = new Command();

  constructor(store: Partial<StoreConfig> = {}, limits: Partial<Limits> = {}) {
    this.store = Store.create({ ...DEFAULT_STORE, ...store });
    const random = new Random(1);
    this.context = {
      store: this.store,
      limits: { ...defaultLimits(), ...limits },
      database: 0,
      nowMs: START_MS,
      random01: () => random.next01(),
      key: new Key(),
      otherKey: new Key(),
      writeOptions: new WriteOptions(),
      info: new ItemInfo(),
      snapshot: new ItemSnapshot(),
      otherSnapshot: new ItemSnapshot(),
      batch: new KeyBatch(),
      node: { table: TABLE },
    };
  }

  /** The reply to one command. Arguments are latin1 text, so that any byte can be given. */
  run(...words: readonly string[]): string {
    this.fill(words);
    this.writer.reset();
    const entry = this.find();
    this.store.enter();
    try {
      if (entry.accepts(words.length))
        entry.handler(this.context as unknown as ExecutionContext, this.command, this.writer);
      else this.writer.error(wrongArity(entry.name));
    } finally {
      this.store.leave();
    }
    return this.writer.bytes.toString('latin1', 0, this.writer.length);
  }

  /** Lets time pass. */
  advance(ms: number): void {
    this.context.nowMs += ms;
  }

  private find(): CommandEntry {
    const entry = TABLE.find(this.command, 0);
    const subcommand = entry !== null && this.command.count > 1 ? entry.subcommand(this.command, 1) : null;
    if (entry === null) throw new Error(`no such command: ${this.command.text(0)}`);
    return subcommand ?? entry;
  }

  /** Lays the arguments out with foreign bytes between them, as in a receive buffer. */
  private fill(words: readonly string[]): void {
    const parts = words.map((word) => Buffer.from(`|${word}`, 'latin1'));
    const bytes = Buffer.concat([...parts, Buffer.from('|')]);
    this.command.reset(bytes);
    let start = 0;
    for (const part of parts) {
      this.command.push(start + 1, part.length - 1);
      start += part.length;
    }
  }
}

/** A bulk string reply. */
export function bulk(text: string): string {
  return `$${text.length}\r\n${text}\r\n`;
}

/** An integer reply. */
export function integer(value: number | bigint): string {
  return `:${value}\r\n`;
}

/** An error reply. */
export function error(line: string): string {
  return `-${line}\r\n`;
}

export const OK = '+OK\r\n';
export const NIL = '$-1\r\n';

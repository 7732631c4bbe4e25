/**
 * All commands of a node, numbered, and found by name without making a string: the name's case-folded bytes are hashed
 * into an open-addressed table. Subcommands (CLIENT LIST) are rows of their own, found by the second word.
 *
 * What dispatch has to know of a row at a glance is folded into the bits of `traits`.
 */
import { bytesOf, lowerCase } from '../base/bytes.ts';
import { assert } from '../base/assert.ts';
import type { Command } from '../protocol/command.ts';
import { OPCODE_COUNT } from '../protocol/shoal/frame.ts';
import type { CommandHandler, CommandSpec, OperationHandler } from './command-spec.ts';

/** Bits of `CommandEntry.traits`. */
export const Trait = {
  readonly: 1,
  write: 2,
  /** Held back by CLIENT PAUSE … WRITE. */
  mayReplicate: 4,
  /** Answered before AUTH. */
  noAuth: 8,
  /** Refused inside MULTI. */
  noMulti: 16,
  /** Runs at once inside MULTI instead of being queued. */
  neverQueued: 32,
  /** Allowed in RESP2 while there are subscriptions. */
  whileSubscribed: 64,
  /** Not shown to MONITOR. */
  unmonitored: 128,
  /** CLIENT REPLY OFF lets through what it writes: pushes, and EXEC's replies, of which each was dropped or kept already. */
  pushes: 256,
  /** DEBUG: answered only as `debugCommand` says. */
  guarded: 512,
  exec: 1024,
  /** Refused while memory is over its limit. */
  deniedOutOfMemory: 2048,
  /** Refused as the words of a Shoal `call`. */
  changesConnection: 4096,
  /** May be answered later than it runs. */
  mayBlock: 8192,
  /** May take longer than looking at some keys does: what others were answered is sent before. */
  slow: 16384,
} as const;

/** What a command does with argument 1: it is no key, or the key of an item of which it wants the value or only the rest. */
export const KeyUse = { none: 0, item: 1, value: 2 } as const;
export type KeyUse = (typeof KeyUse)[keyof typeof KeyUse];

export class CommandEntry {
  /** Place in all per-command arrays. */
  readonly index: number;
  readonly spec: CommandSpec;
  /** Lower case; `client|setname` for a subcommand. */
  readonly name: string;
  readonly container: CommandEntry | null;
  readonly handler: CommandHandler;
  readonly arity: number;
  readonly traits: number;
  readonly keyUse: KeyUse;
  subcommands: readonly CommandEntry[] = [];
  /** The spec's name in upper case, for comparing with the wire. */
  readonly upperName: string;
  readonly nameBytes: Uint8Array;

  constructor(index: number, spec: CommandSpec, container: CommandEntry | null) {
    this.index = index;
    this.spec = spec;
    this.container = container;
    this.name = container === null ? spec.name : `${container.name}|${spec.name}`;
    this.handler = spec.handler;
    this.arity = spec.arity;
    this.traits = traitsOf(spec, container);
    this.keyUse = spec.firstKey !== 1 ? KeyUse.none : spec.group === 'string' ? KeyUse.value : KeyUse.item;
    this.upperName = spec.name.toUpperCase();
    this.nameBytes = bytesOf(spec.name);
  }

  /** Whether a command of `count` arguments, names included, has the right number of them. */
  accepts(count: number): boolean {
    return this.arity >= 0 ? count === this.arity : count >= -this.arity;
  }

  /** The subcommand that argument `index` names, or null. */
  subcommand(command: Command, index: number): CommandEntry | null {
    for (const entry of this.subcommands) {
      if (command.is(index, entry.upperName)) return entry;
    }
    return null;
  }
}

/** A command's form in the Shoal protocol, and the row that it shares with the command. */
export interface OperationEntry {
  readonly entry: CommandEntry;
  readonly handler: OperationHandler;
}

export class CommandTable {
  /** Commands, without subcommands, in the order given. */
  readonly commands: readonly CommandEntry[];
  /** Commands and subcommands: `entries[i].index === i`. */
  readonly entries: readonly CommandEntry[];
  /** By opcode of the Shoal protocol; undefined for those that no row has. */
  readonly operations: readonly (OperationEntry | undefined)[];
  private readonly slots: (CommandEntry | null)[];
  private readonly mask: number;

  constructor(specs: readonly CommandSpec[]) {
    const entries: CommandEntry[] = [];
    const commands = specs.map((spec) => addEntry(entries, spec));
    this.commands = commands;
    this.entries = entries;
    this.operations = operationsOf(entries);
    let size = 16;
    while (size < commands.length * 4) size *= 2;
    this.mask = size - 1;
    this.slots = new Array<CommandEntry | null>(size).fill(null);
    for (const entry of commands) this.insert(entry);
  }

  /** The command that argument `index` names, in any case; null where there is none. */
  find(command: Command, index: number): CommandEntry | null {
    const length = command.lengths[index]!;
    const bytes = command.bytes;
    const start = command.starts[index]!;
    // Longer names are unknown without hashing whatever a peer sends as a name.
    if (length > NAME_BYTES_MAX) return null;
    let slot = hashName(bytes, start, length) & this.mask;
    for (;;) {
      const entry = this.slots[slot]!;
      if (entry === null) return null;
      if (isName(entry.nameBytes, bytes, start, length)) return entry;
      slot = (slot + 1) & this.mask;
    }
  }

  /** The command of this lower-case name, `container|subcommand` included, or null. */
  named(name: string): CommandEntry | null {
    return this.entries.find((entry) => entry.name === name) ?? null;
  }

  private insert(entry: CommandEntry): void {
    const { nameBytes } = entry;
    assert(nameBytes.length <= NAME_BYTES_MAX, `command name ${entry.name} is too long`);
    let slot = hashName(nameBytes, 0, nameBytes.length) & this.mask;
    while (this.slots[slot] !== null) {
      assert(this.slots[slot]!.name !== entry.name, `two commands are named ${entry.name}`);
      slot = (slot + 1) & this.mask;
    }
    this.slots[slot] = entry;
  }
}

const NAME_BYTES_MAX = 32;

function addEntry(entries: CommandEntry[], spec: CommandSpec): CommandEntry {
  const entry = new CommandEntry(entries.length, spec, null);
  entries.push(entry);
  entry.subcommands = (spec.subcommands ?? []).map((subcommand) => {
    const child = new CommandEntry(entries.length, subcommand, entry);
    entries.push(child);
    return child;
  });
  return entry;
}

function operationsOf(entries: readonly CommandEntry[]): readonly (OperationEntry | undefined)[] {
  const operations: (OperationEntry | undefined)[] = Array.from({ length: OPCODE_COUNT }, () => undefined);
  for (const entry of entries) {
    const { operation } = entry.spec;
    if (operation === undefined) continue;
    assert(operations[operation.opcode] === undefined, `two commands have the opcode ${operation.opcode}`);
    operations[operation.opcode] = { entry, handler: operation.handler };
  }
  return operations;
}

/** Folding to lower case with one OR also merges a few other bytes: that is fine for a hash. */
function hashName(bytes: Uint8Array, start: number, length: number): number {
  let hash = length;
  for (let offset = 0; offset < length; offset += 1) {
    hash = (Math.imul(hash, 31) + (bytes[start + offset]! | 0x20)) | 0;
  }
  return hash ^ (hash >>> 15);
}

function isName(name: Uint8Array, bytes: Uint8Array, start: number, length: number): boolean {
  if (name.length !== length) return false;
  for (let offset = 0; offset < length; offset += 1) {
    if (name[offset] !== lowerCase(bytes[start + offset]!)) return false;
  }
  return true;
}

const NEVER_QUEUED: ReadonlySet<string> = new Set(['exec', 'discard', 'multi', 'watch', 'quit', 'reset']);
const PUSHING: ReadonlySet<string> = new Set(['subscribe', 'unsubscribe', 'psubscribe', 'punsubscribe']);
const WHILE_SUBSCRIBED: ReadonlySet<string> = new Set([...PUSHING, 'ping', 'quit', 'reset']);

function traitsOf(spec: CommandSpec, container: CommandEntry | null): number {
  const top = container === null ? spec.name : '';
  const flags = new Set(spec.flags);
  let traits = 0;
  if (flags.has('readonly')) traits |= Trait.readonly;
  if (flags.has('write')) traits |= Trait.write;
  if (flags.has('write') || flags.has('may_replicate')) traits |= Trait.mayReplicate;
  if (flags.has('denyoom')) traits |= Trait.deniedOutOfMemory;
  if (flags.has('no_auth')) traits |= Trait.noAuth;
  if (flags.has('no_multi')) traits |= Trait.noMulti;
  if (flags.has('skip_monitor') || flags.has('admin')) traits |= Trait.unmonitored;
  if (NEVER_QUEUED.has(top)) traits |= Trait.neverQueued;
  if (PUSHING.has(top) || top === 'exec') traits |= Trait.pushes;
  if (WHILE_SUBSCRIBED.has(top)) traits |= Trait.whileSubscribed;
  if (top === 'exec') traits |= Trait.exec;
  if (spec.changesConnection === true) traits |= Trait.changesConnection;
  if (spec.mayBlock === true) traits |= Trait.mayBlock;
  if (spec.firstKey === 0 && (!flags.has('fast') || flags.has('pubsub'))) traits |= Trait.slow;
  if (top === 'debug' || container?.name === 'debug') traits |= Trait.guarded;
  return traits;
}

/** One command as COMMAND and COMMAND INFO show it, and as COMMAND DOCS does. */
import type { Reply } from '../../protocol/reply.ts';
import { parseSyntax } from '../command-syntax.ts';
import type { SyntaxArgument } from '../command-syntax.ts';
import type { CommandSpec } from '../command-spec.ts';
import type { CommandEntry } from '../command-table.ts';

/** The ten elements of COMMAND INFO. */
export function writeCommandInfo(entry: CommandEntry, reply: Reply): void {
  const { spec } = entry;
  reply.array(10);
  reply.bulkText(entry.name);
  reply.integer(entry.arity);
  writeWords(spec.flags, reply);
  reply.integer(spec.firstKey);
  reply.integer(spec.lastKey);
  reply.integer(spec.keyStep);
  writeWords(
    categoriesOf(spec).map((category) => `@${category}`),
    reply,
  );
  reply.array(0);
  writeKeySpecs(spec, reply);
  reply.array(entry.subcommands.length);
  for (const subcommand of entry.subcommands) writeCommandInfo(subcommand, reply);
}

/** A command's ACL categories: its own, and those that follow from its flags as in Redis. */
export function categoriesOf(spec: CommandSpec): readonly string[] {
  const categories = new Set(spec.categories);
  for (const flag of spec.flags) {
    if (flag === 'write') categories.add('write');
    else if (flag === 'readonly') categories.add('read');
    else if (flag === 'admin') categories.add('admin').add('dangerous');
    else if (flag === 'pubsub' || flag === 'fast' || flag === 'blocking') categories.add(flag);
  }
  if (!categories.has('fast')) categories.add('slow');
  return [...categories];
}

/** How a command uses its keys, in Redis's words. */
export function keyFlagsOf(spec: CommandSpec): readonly string[] {
  const special = KEY_FLAGS[spec.name];
  if (special !== undefined) return special;
  if (spec.flags.includes('write')) return ['RW', 'access', 'update'];
  return spec.flags.includes('readonly') && !METADATA_ONLY.has(spec.name) ? ['RO', 'access'] : ['RO'];
}

const REMOVES = ['RM', 'delete'] as const;
const OVERWRITES = ['OW', 'update'] as const;
const UPDATES = ['RW', 'update'] as const;

const KEY_FLAGS: Readonly<Record<string, readonly string[]>> = {
  del: REMOVES,
  unlink: REMOVES,
  getdel: ['RW', 'access', 'delete'],
  set: ['RW', 'access', 'update', 'variable_flags'],
  setex: OVERWRITES,
  psetex: OVERWRITES,
  mset: OVERWRITES,
  setnx: ['OW', 'insert'],
  msetnx: ['OW', 'insert'],
  append: ['RW', 'insert'],
  setrange: UPDATES,
  expire: UPDATES,
  pexpire: UPDATES,
  expireat: UPDATES,
  pexpireat: UPDATES,
  persist: UPDATES,
};

const METADATA_ONLY: ReadonlySet<string> = new Set([
  'exists',
  'touch',
  'type',
  'ttl',
  'strlen',
  'encoding',
  'freq',
  'idletime',
  'refcount',
  'usage',
]);

function writeKeySpecs(spec: CommandSpec, reply: Reply): void {
  if (spec.firstKey === 0) {
    reply.array(0);
    return;
  }
  reply.array(1);
  reply.map(3);
  reply.bulkText('flags');
  writeWords(keyFlagsOf(spec), reply);
  reply.bulkText('begin_search');
  reply.map(2);
  reply.bulkText('type');
  reply.bulkText('index');
  reply.bulkText('spec');
  reply.map(1);
  reply.bulkText('index');
  reply.integer(spec.firstKey);
  reply.bulkText('find_keys');
  reply.map(2);
  reply.bulkText('type');
  reply.bulkText('range');
  reply.bulkText('spec');
  reply.map(3);
  reply.bulkText('lastkey');
  // Counted from the first key, unless it is counted from the end.
  reply.integer(spec.lastKey < 0 ? spec.lastKey : spec.lastKey - spec.firstKey);
  reply.bulkText('keystep');
  reply.integer(spec.keyStep);
  reply.bulkText('limit');
  reply.integer(0);
}

export function writeCommandDocs(entry: CommandEntry, reply: Reply): void {
  const { spec, subcommands } = entry;
  const syntax = parseSyntax(spec.syntax);
  reply.map(4 + (syntax.length > 0 ? 1 : 0) + (subcommands.length > 0 ? 1 : 0));
  reply.bulkText('summary');
  reply.bulkText(spec.summary);
  reply.bulkText('since');
  reply.bulkText(spec.since);
  reply.bulkText('group');
  reply.bulkText(spec.group);
  reply.bulkText('complexity');
  reply.bulkText(spec.complexity);
  if (syntax.length > 0) {
    reply.bulkText('arguments');
    writeArguments(syntax, reply);
  }
  if (subcommands.length === 0) return;
  reply.bulkText('subcommands');
  reply.map(subcommands.length);
  for (const subcommand of subcommands) {
    reply.bulkText(subcommand.name);
    writeCommandDocs(subcommand, reply);
  }
}

function writeArguments(syntax: readonly SyntaxArgument[], reply: Reply): void {
  reply.array(syntax.length);
  for (const argument of syntax) {
    const { name, type, token, optional, multiple, parts } = argument;
    const composed = parts.length > 0;
    reply.map(3 + (type === 'key' ? 1 : 0) + (token === null ? 0 : 1) + (optional || multiple ? 1 : 0));
    reply.bulkText('name');
    reply.bulkText(name);
    reply.bulkText('type');
    reply.bulkText(type);
    if (!composed) {
      reply.bulkText('display_text');
      reply.bulkText(name);
    }
    if (type === 'key') {
      reply.bulkText('key_spec_index');
      reply.integer(0);
    }
    if (token !== null) {
      reply.bulkText('token');
      reply.bulkText(token);
    }
    if (optional || multiple) {
      reply.bulkText('flags');
      writeWords([...(optional ? ['optional'] : []), ...(multiple ? ['multiple'] : [])], reply);
    }
    if (composed) {
      reply.bulkText('arguments');
      writeArguments(parts, reply);
    }
  }
}

/** A set of simple strings. */
export function writeWords(words: readonly string[], reply: Reply): void {
  reply.set(words.length);
  for (const word of words) reply.simple(word);
}

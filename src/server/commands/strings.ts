/**
 * The table of string commands; their handlers are in strings-read.ts, strings-write.ts and strings-multi.ts, counters in
 * counters.ts.
 */
import { Opcode } from '../../protocol/shoal/frame.ts';
import type { CommandFlag, CommandSpec } from '../command-spec.ts';
import { getOperation, setOperation } from './operations.ts';
import { commandRow, type RowFields } from './row.ts';
import { msetCommand, msetnxCommand } from './strings-multi.ts';
import {
  getCommand,
  getdelCommand,
  getexCommand,
  getrangeCommand,
  mgetCommand,
  strlenCommand,
} from './strings-read.ts';
import {
  appendCommand,
  getsetCommand,
  psetexCommand,
  setCommand,
  setexCommand,
  setnxCommand,
  setrangeCommand,
} from './strings-write.ts';

const READ: readonly CommandFlag[] = ['readonly'];
const READ_FAST: readonly CommandFlag[] = ['readonly', 'fast'];
const WRITE: readonly CommandFlag[] = ['write', 'denyoom'];
const WRITE_FAST: readonly CommandFlag[] = ['write', 'denyoom', 'fast'];
const TAKE_FAST: readonly CommandFlag[] = ['write', 'fast'];

const STRING = ['string'];

const ONE_KEY = [1, 1, 1] as const;
const ALL_KEYS = [1, -1, 1] as const;
const KEYS_AND_VALUES = [1, -1, 2] as const;

const PER_KEY = 'O(N) for N keys';
const PER_BYTE = 'O(N) for N bytes of the value';

export const STRING_COMMANDS: readonly CommandSpec[] = [
  stringRow({
    name: 'get',
    arity: 2,
    flags: READ_FAST,
    since: '1.0.0',
    syntax: 'key',
    summary: 'Answers the value of a key, or nil.',
    handler: getCommand,
    operation: { opcode: Opcode.get, handler: getOperation },
  }),
  stringRow({
    name: 'set',
    arity: -3,
    flags: WRITE,
    since: '1.0.0',
    syntax:
      'key value [NX | XX] [GET] [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]',
    summary: 'Stores a value at a key, with conditions and an expiry where given.',
    handler: setCommand,
    operation: { opcode: Opcode.set, handler: setOperation },
  }),
  stringRow({
    name: 'setnx',
    arity: 3,
    flags: WRITE_FAST,
    since: '1.0.0',
    syntax: 'key value',
    summary: 'Stores a value if the key does not exist.',
    handler: setnxCommand,
  }),
  stringRow({
    name: 'setex',
    arity: 4,
    flags: WRITE,
    since: '2.0.0',
    syntax: 'key seconds value',
    summary: 'Stores a value that expires after some seconds.',
    handler: setexCommand,
  }),
  stringRow({
    name: 'psetex',
    arity: 4,
    flags: WRITE,
    since: '2.6.0',
    syntax: 'key milliseconds value',
    summary: 'Stores a value that expires after some milliseconds.',
    handler: psetexCommand,
  }),
  stringRow({
    name: 'getset',
    arity: 3,
    flags: WRITE_FAST,
    since: '1.0.0',
    syntax: 'key value',
    summary: 'Stores a value and answers the one that was there before.',
    handler: getsetCommand,
  }),
  stringRow({
    name: 'getdel',
    arity: 2,
    flags: TAKE_FAST,
    since: '6.2.0',
    syntax: 'key',
    summary: 'Answers the value of a key and removes the key.',
    handler: getdelCommand,
  }),
  stringRow({
    name: 'getex',
    arity: -2,
    flags: TAKE_FAST,
    since: '6.2.0',
    syntax: 'key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | PERSIST]',
    summary: 'Answers the value of a key and changes its expiry.',
    handler: getexCommand,
  }),
  stringRow({
    name: 'mget',
    arity: -2,
    flags: READ_FAST,
    keys: ALL_KEYS,
    since: '1.0.0',
    complexity: PER_KEY,
    syntax: 'key [key ...]',
    summary: 'Answers the values of several keys, nil for each missing one.',
    handler: mgetCommand,
  }),
  stringRow({
    name: 'mset',
    arity: -3,
    flags: WRITE,
    keys: KEYS_AND_VALUES,
    since: '1.0.1',
    complexity: PER_KEY,
    syntax: 'key value [key value ...]',
    summary: 'Stores several values in one step.',
    handler: msetCommand,
  }),
  stringRow({
    name: 'msetnx',
    arity: -3,
    flags: WRITE,
    keys: KEYS_AND_VALUES,
    since: '1.0.1',
    complexity: PER_KEY,
    syntax: 'key value [key value ...]',
    summary: 'Stores several values in one step, if none of the keys exists.',
    handler: msetnxCommand,
  }),
  stringRow({
    name: 'append',
    arity: 3,
    flags: WRITE_FAST,
    since: '2.0.0',
    complexity: PER_BYTE,
    syntax: 'key value',
    summary: 'Adds bytes to the end of a value and answers its length.',
    handler: appendCommand,
  }),
  stringRow({
    name: 'strlen',
    arity: 2,
    flags: READ_FAST,
    since: '2.2.0',
    syntax: 'key',
    summary: 'Answers the length of a value in bytes, 0 for a missing key.',
    handler: strlenCommand,
  }),
  stringRow({
    name: 'getrange',
    arity: 4,
    flags: READ,
    since: '2.4.0',
    complexity: PER_BYTE,
    syntax: 'key start end',
    summary: 'Answers a range of the bytes of a value.',
    handler: getrangeCommand,
  }),
  stringRow({
    name: 'substr',
    arity: 4,
    flags: READ,
    since: '1.0.0',
    complexity: PER_BYTE,
    syntax: 'key start end',
    summary: 'The old name of GETRANGE.',
    handler: getrangeCommand,
  }),
  stringRow({
    name: 'setrange',
    arity: 4,
    flags: WRITE,
    since: '2.2.0',
    complexity: PER_BYTE,
    syntax: 'key offset value',
    summary: 'Overwrites a value from an offset on, zeros filling any gap before it.',
    handler: setrangeCommand,
  }),
];

type StringRowFields = Omit<RowFields, 'group' | 'categories'>;

/** A row of the string group; without `keys`, its one key is the first argument. */
function stringRow(fields: StringRowFields): CommandSpec {
  return commandRow({ keys: ONE_KEY, ...fields, group: 'string', categories: STRING });
}

/**
 * Random commands on strings and keys: few keys, so that commands meet; values, numbers and options from the edges; valid and invalid
 * forms. The same seed gives the same commands.
 *
 * Times are chosen so that the answer does not depend on when exactly a command runs: in the past, or far ahead, and
 * each of those only once, so that GT and LT never compare two nearly equal times.
 */
import type { Random } from '../vectors/random.ts';
import {
  type CommandWords,
  BAD_TIMES,
  FAR_TIMES,
  FLOATS,
  INTEGERS,
  KEYS,
  OFFSETS,
  PATTERNS,
  VALUES,
  WORDS,
} from './command-words.ts';
import { WHOLE_SCAN_COUNT } from './reply-comparison.ts';

const YEAR_2100_S = 4_102_444_800;

const DATABASES = ['0', '0', '0', '1', '2', '16', '-1', 'x'];

export class CommandGenerator {
  private readonly random: Random;
  private timeCount = 0;

  constructor(random: Random) {
    this.random = random;
  }

  /** The next command, or several that belong together. */
  next(): CommandWords[] {
    const commands = this.draw();
    if (this.random.below(40) === 0) commands[0] = this.mangled(commands[0]!);
    return commands.map((words) => words.with(0, this.anyCase(words[0]!)));
  }

  private draw(): CommandWords[] {
    const { random } = this;
    const key = this.key();
    switch (random.below(34)) {
      case 0:
        return [['GET', key]];
      case 1:
        return [['SET', key, this.value()]];
      case 2:
        return this.setWithOptions(key);
      case 3:
        return [[random.pick(['SETNX', 'GETSET', 'APPEND']), key, this.value()]];
      case 4:
        return [[random.pick(['SETEX', 'PSETEX']), key, this.timeToLive(), this.value()]];
      case 5:
        return [[random.pick(['GETDEL', 'STRLEN', 'TYPE', 'PERSIST']), key]];
      case 6:
        return [['GETEX', key, ...this.expiryOptions(['PERSIST'])]];
      case 7:
        return [['MGET', ...this.keys()]];
      case 8:
        return [[random.pick(['MSET', 'MSETNX']), ...this.keys().flatMap((each) => [each, this.value()])]];
      case 9:
        return [['MSETNX', `new:${random.below(50)}`, this.value(), `new:${random.below(50)}`, this.value()]];
      case 10:
        return [[random.pick(['GETRANGE', 'SUBSTR']), key, this.integer(), this.integer()]];
      case 11:
        return [['SETRANGE', key, random.pick(OFFSETS), random.pick(['', 'z', 'zzzz'])]];
      case 12:
        return [[random.pick(['INCR', 'DECR']), key]];
      case 13:
        return [[random.pick(['INCRBY', 'DECRBY']), key, this.integer()]];
      case 14:
        return [
          ['SET', key, this.integer()],
          [random.pick(['INCRBY', 'DECRBY']), key, this.integer()],
        ];
      case 15:
        return [['INCRBYFLOAT', key, random.pick(FLOATS)]];
      case 16:
        return [[random.pick(['DEL', 'UNLINK']), ...this.keys()]];
      case 17:
        return [[random.pick(['EXISTS', 'TOUCH']), ...this.keys()]];
      case 18:
      case 19:
        return [this.expire(key)];
      case 20:
        return [[random.pick(['TTL', 'PTTL', 'EXPIRETIME', 'PEXPIRETIME']), key]];
      case 21:
        return [['KEYS', random.pick(PATTERNS)]];
      case 22:
        return [this.scan()];
      case 23:
        return [[random.pick(['RENAME', 'RENAMENX']), key, this.key()]];
      case 24:
        return [['COPY', key, this.key(), ...this.copyOptions()]];
      case 25:
        return [
          [random.pick(['OBJECT', 'object']), random.pick(['ENCODING', 'FREQ', 'IDLETIME', 'REFCOUNT', 'nope']), key],
        ];
      case 26:
        return [['OBJECT', 'ENCODING', key]];
      case 27:
        return [
          ['MEMORY', 'USAGE', key, ...random.pick([[], ['SAMPLES', this.integer()], ['SAMPLES'], ['bogus', '1']])],
        ];
      case 28:
        return [[random.pick(['DBSIZE', 'RANDOMKEY'])]];
      case 29:
        return [['SELECT', random.pick(DATABASES)]];
      case 30:
        return random.below(8) === 0
          ? [[random.pick(['FLUSHDB', 'FLUSHALL']), ...random.pick([[], ['ASYNC'], ['sync'], ['x'], ['SYNC', 'x']])]]
          : random.below(2) === 0
            ? [['MOVE', key, random.pick(DATABASES)]]
            : [['SWAPDB', random.pick(DATABASES), random.pick(DATABASES)]];
      case 31:
        return [['GETRANGE', key, String(random.below(60) - 30), String(random.below(60) - 30)]];
      default:
        return [
          ['SET', key, this.value(), ...random.pick([[], ['EX', this.farSeconds()], ['PX', this.farMilliseconds()]])],
        ];
    }
  }

  private key(): string {
    return this.random.pick(KEYS);
  }

  private keys(): string[] {
    return Array.from({ length: 1 + this.random.below(4) }, () => this.key());
  }

  private value(): string {
    return this.random.below(3) === 0 ? String(this.random.below(2_000_000) - 1_000_000) : this.random.pick(VALUES);
  }

  private integer(): string {
    return this.random.pick(INTEGERS);
  }

  /** An expiry that was long ago leaves a key that only the next look removes, so the next command looks. */
  private setWithOptions(key: string): CommandWords[] {
    const { random } = this;
    const options = this.expiryOptions(['KEEPTTL', 'NX', 'XX', 'GET']);
    const extra = random.below(2) === 0 ? [random.pick(['NX', 'XX', 'GET', 'KEEPTTL', 'get', 'nx'])] : [];
    return [
      ['SET', key, this.value(), ...extra, ...options],
      ['GET', key],
    ];
  }

  private expiryOptions(others: readonly string[]): string[] {
    const { random } = this;
    switch (random.below(8)) {
      case 0:
        return [];
      case 1:
        return [random.pick(others)];
      case 2:
        return ['EX', this.timeToLive()];
      case 3:
        return ['px', this.timeToLive()];
      case 4:
        return ['EXAT', random.pick([String(YEAR_2100_S + random.below(1000)), '1', ...BAD_TIMES])];
      case 5:
        return ['PxAt', random.pick([String(YEAR_2100_S * 1000 + random.below(1000)), '1', ...BAD_TIMES])];
      case 6:
        return [random.pick(others), random.pick(['EX', 'PX']), this.farMilliseconds()];
      default:
        return Array.from({ length: 1 + random.below(3) }, () => random.pick(WORDS));
    }
  }

  private expire(key: string): CommandWords {
    const { random } = this;
    const conditions = Array.from({ length: random.pick([0, 0, 1, 1, 1, 2]) }, () =>
      random.pick(['NX', 'XX', 'GT', 'LT', 'gt', 'lt', ...(random.below(10) === 0 ? WORDS : [])]),
    );
    switch (random.below(4)) {
      case 0:
        return ['EXPIRE', key, this.timeToLive(), ...conditions];
      case 1:
        return ['PEXPIRE', key, this.timeToLive(), ...conditions];
      case 2:
        return ['EXPIREAT', key, random.pick([String(YEAR_2100_S + random.below(1000)), ...BAD_TIMES]), ...conditions];
      default:
        return [
          'PEXPIREAT',
          key,
          random.pick([String(YEAR_2100_S * 1000 + random.below(1000)), ...BAD_TIMES]),
          ...conditions,
        ];
    }
  }

  private timeToLive(): string {
    return this.random.below(3) === 0 ? this.random.pick([...BAD_TIMES, ...FAR_TIMES]) : this.farMilliseconds();
  }

  private farSeconds(): string {
    this.timeCount += 1;
    return String(1000 + ((this.timeCount * 7919) % 1_000_003) * 20);
  }

  /** Also far ahead where it is taken for seconds. */
  private farMilliseconds(): string {
    return `${this.farSeconds()}000`;
  }

  private scan(): CommandWords {
    const { random } = this;
    switch (random.below(5)) {
      case 0:
        return ['SCAN', random.pick(['x', ' 0', '0x', '-', '99999999999999999999', '1 ']), 'COUNT', '10'];
      case 1:
        return [
          'SCAN',
          '0',
          ...random.pick([['COUNT'], ['COUNT', '0'], ['COUNT', 'x'], ['COUNT', '-5'], ['bogus', '1'], ['MATCH']]),
        ];
      default:
        return [
          'SCAN',
          random.pick(['0', '00', '']),
          'COUNT',
          WHOLE_SCAN_COUNT,
          ...random.pick([
            [],
            ['MATCH', random.pick(PATTERNS)],
            ['type', random.pick(['string', 'STRING', 'hash', 'nope'])],
          ]),
        ];
    }
  }

  private copyOptions(): string[] {
    const { random } = this;
    return random.pick([
      [],
      ['REPLACE'],
      ['DB', random.pick(['0', '1', '2', '16', '-1', 'x', '99999999999'])],
      ['replace', 'db', '1'],
      ['DB'],
      [random.pick(WORDS)],
    ]);
  }

  /** One argument less, or one more. */
  private mangled(command: CommandWords): CommandWords {
    return this.random.below(2) === 0 && command.length > 1
      ? command.slice(0, -1)
      : [...command, this.random.pick(WORDS)];
  }

  private anyCase(name: string): string {
    return this.random.below(4) === 0
      ? name.toLowerCase()
      : this.random.below(8) === 0
        ? name.slice(0, 1) + name.slice(1).toLowerCase()
        : name;
  }
}

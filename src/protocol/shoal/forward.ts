/**
 * A `forward`: a request that a node passes on to the node that owns its keys. Its value:
 *
 *     byte  0         1     2    4        8         12
 *           database  form  0    cluster  refusals  words: u32 count, then each behind its length u32  |  u32 count, then words of each  |  a frame
 *           u8        u8    u16  u32      u32
 *
 * The form says what stands behind, and what the reply is: 2 and 3 are the words of a command, answered `ok` with the reply as that version of RESP
 * has it; 4 and 5 are the commands of a transaction, answered in the same way as EXEC is; 1 is a request frame, answered as that request is. `cluster` is the hash of the cluster's name (MurmurHash3, seed 0): a
 * node that has the address of another by now must not serve it.
 *
 * `refusals` keeps the order of requests on one slot although each is sent before the one ahead is answered. A receiver that answered
 * `moved` or `tryAgain` on a slot refuses all requests on that slot that were sent before the sender had seen that
 * refusal: `refusals` is how many it has seen on this connection. So what is sent again comes before what was sent behind it.
 */
import { Command } from '../command.ts';
import { copyBytes } from '../../base/bytes.ts';
import { readU16, readU32, writeU32 } from './bytes.ts';
import {
  AT_OPCODE,
  AT_VALUE_LENGTH,
  AT_VERSION,
  CALL_WORD_LENGTH_BYTES,
  HEADER_BYTES,
  Opcode,
  REQUEST_MAGIC,
  VERSION_MIN,
} from './frame.ts';

/** What a `forward` carries. */
export const ForwardForm = { frame: 1, resp2: 2, resp3: 3, transaction2: 4, transaction3: 5 } as const;
export type ForwardForm = (typeof ForwardForm)[keyof typeof ForwardForm];
/** Those that a client of RESP is answered in. */
export type RespForm = typeof ForwardForm.resp2 | typeof ForwardForm.resp3;

/** The part of the value before the request. */
export const FORWARD_HEAD_BYTES = 12;
export const FORWARD_COUNT_BYTES = 4;
const AT_DATABASE = 0;
const AT_FORM = 1;
const AT_ZERO = 2;
const AT_CLUSTER = 4;
const AT_REFUSALS = 8;

export interface ForwardHead {
  database: number;
  form: number;
  cluster: number;
  refusals: number;
}

/** Reads the head at `start`, where there are FORWARD_HEAD_BYTES; false where it is none. */
export function readForwardHead(bytes: Uint8Array, start: number, head: ForwardHead): boolean {
  head.database = bytes[start + AT_DATABASE]!;
  head.form = bytes[start + AT_FORM]!;
  head.cluster = readU32(bytes, start + AT_CLUSTER);
  head.refusals = readU32(bytes, start + AT_REFUSALS);
  return (
    readU16(bytes, start + AT_ZERO) === 0 && head.form >= ForwardForm.frame && head.form <= ForwardForm.transaction3
  );
}

/** Commands that are kept together. */
export interface CommandList {
  readonly count: number;
  /** Makes `command` a view of the one at `index`. */
  load(index: number, command: Command): void;
}

/**
 * Reads the commands of a transaction, one after the other, into `command`, and gives each to `take`, which says what is wrong with it, or null. Returns
 * what is wrong with all of it, or null.
 */
export function readCommands(
  bytes: Uint8Array,
  start: number,
  end: number,
  wordCountMax: number,
  command: Command,
  take: () => string | null,
): string | null {
  if (end - start < FORWARD_COUNT_BYTES) return TRUNCATED;
  let at = start + FORWARD_COUNT_BYTES;
  for (let left = readU32(bytes, start); left > 0; left -= 1) {
    if (end - at < FORWARD_COUNT_BYTES) return TRUNCATED;
    const wordCount = readU32(bytes, at);
    at += FORWARD_COUNT_BYTES;
    if (wordCount === 0 || wordCount > wordCountMax) return `a command of ${wordCount} words`;
    command.reset(bytes);
    for (let word = 0; word < wordCount; word += 1) {
      if (end - at < CALL_WORD_LENGTH_BYTES) return TRUNCATED;
      const length = readU32(bytes, at);
      at += CALL_WORD_LENGTH_BYTES;
      if (end - at < length) return TRUNCATED;
      command.push(at, length);
      at += length;
    }
    const problem = take();
    if (problem !== null) return problem;
  }
  return at === end ? null : 'bytes behind the last command of a transaction';
}

const TRUNCATED = 'a transaction that ends before its commands do';

/** One `forward` frame in a buffer that is used again. Its request id is the link's to put in. */
export class ForwardFrame {
  bytes: Buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  length = 0;

  /** A command, to be answered in the RESP of `form`. */
  putCommand(command: Command, form: RespForm, database: number, cluster: number): void {
    this.begin(REQUEST_AT + wordBytes(command), form, database, cluster);
    this.putWords(REQUEST_AT, command);
  }

  /** All commands of a transaction, to be answered in the RESP of `form`. */
  putTransaction(commands: CommandList, form: RespForm, database: number, cluster: number): void {
    const command = new Command();
    let length = REQUEST_AT + FORWARD_COUNT_BYTES;
    for (let index = 0; index < commands.count; index += 1) {
      commands.load(index, command);
      length += wordBytes(command);
    }
    const isThree = form === ForwardForm.resp3;
    this.begin(length, isThree ? ForwardForm.transaction3 : ForwardForm.transaction2, database, cluster);
    writeU32(this.bytes, REQUEST_AT, commands.count);
    let at = REQUEST_AT + FORWARD_COUNT_BYTES;
    for (let index = 0; index < commands.count; index += 1) {
      commands.load(index, command);
      at = this.putWords(at, command);
    }
  }

  /** Puts the request frame `source[start..end)` in, whole. */
  putFrame(source: Uint8Array, start: number, end: number, database: number, cluster: number): void {
    this.begin(REQUEST_AT + end - start, ForwardForm.frame, database, cluster);
    copyBytes(source, start, this.bytes, REQUEST_AT, end - start);
  }

  /** How many refusals were seen on the connection over which the frame goes now. */
  setRefusals(count: number): void {
    writeU32(this.bytes, HEADER_BYTES + AT_REFUSALS, count);
  }

  /** A large buffer is not kept for the next frame. */
  reset(): void {
    this.length = 0;
    if (this.bytes.length > KEPT_BYTES_MAX) this.bytes = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  }

  /** Returns where the words end. */
  private putWords(start: number, command: Command): number {
    const { bytes } = this;
    writeU32(bytes, start, command.count);
    let at = start + FORWARD_COUNT_BYTES;
    for (let index = 0; index < command.count; index += 1) {
      const length = command.length(index);
      writeU32(bytes, at, length);
      at += CALL_WORD_LENGTH_BYTES;
      copyBytes(command.bytes, command.start(index), bytes, at, length);
      at += length;
    }
    return at;
  }

  private begin(length: number, form: ForwardForm, database: number, cluster: number): void {
    if (length > this.bytes.length) this.bytes = Buffer.allocUnsafeSlow(Math.max(length, this.bytes.length * 2));
    const { bytes } = this;
    bytes.fill(0, 0, REQUEST_AT);
    bytes[0] = REQUEST_MAGIC;
    bytes[AT_VERSION] = VERSION_MIN;
    bytes[AT_OPCODE] = Opcode.forward;
    writeU32(bytes, AT_VALUE_LENGTH, length - HEADER_BYTES);
    bytes[HEADER_BYTES + AT_DATABASE] = database;
    bytes[HEADER_BYTES + AT_FORM] = form;
    writeU32(bytes, HEADER_BYTES + AT_CLUSTER, cluster);
    this.length = length;
  }
}

/** Bytes of a command as words behind their count. */
function wordBytes(command: Command): number {
  let length = FORWARD_COUNT_BYTES;
  for (let index = 0; index < command.count; index += 1) length += CALL_WORD_LENGTH_BYTES + command.length(index);
  return length;
}

/** Where the request begins in a frame. */
const REQUEST_AT: number = HEADER_BYTES + FORWARD_HEAD_BYTES;
const INITIAL_BYTES = 256;
const KEPT_BYTES_MAX = 4096;

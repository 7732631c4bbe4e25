/**
 * A command whose keys are in slots of several nodes, for clients that know of no cluster: it goes to each slot's owner with the keys
 * of that slot, and the replies are joined into the one that the client expects. Only commands that do the same key by key; the parts of an
 * MSET are not one step.
 *
 *     MGET a b c ─► MGET a c │ MGET b ─► *2 A C │ *1 B ─► *3 A B C
 */
import { Command } from '../../protocol/command.ts';
import { keySlot } from '../../topology/slots.ts';
import type { CommandEntry } from '../command-table.ts';

/** How the parts' replies become one: their sum, OK, or their elements in the order of the keys. */
type Joining = 'sum' | 'ok' | 'elements';

const JOININGS: ReadonlyMap<string, Joining> = new Map<string, Joining>([
  ['mget', 'elements'],
  ['mset', 'ok'],
  ['del', 'sum'],
  ['unlink', 'sum'],
  ['exists', 'sum'],
  ['touch', 'sum'],
]);

/** Whether a command with keys of several slots may be split. */
export function isSplittable(entry: CommandEntry, command: Command): boolean {
  return JOININGS.has(entry.name) && (command.count - 1) % entry.spec.keyStep === 0;
}

export interface CommandPart {
  readonly slot: number;
  /** The part as a command of its own: views of the whole one's bytes. */
  readonly command: Command;
  /** Places of its keys among all keys. */
  readonly places: readonly number[];
}

/** One part for each slot, in the order of their first keys. */
export function splitCommand(entry: CommandEntry, command: Command): readonly CommandPart[] {
  const { keyStep } = entry.spec;
  const parts = new Map<number, { readonly slot: number; readonly command: Command; readonly places: number[] }>();
  for (let index = 1, place = 0; index < command.count; index += keyStep, place += 1) {
    const slot = keySlot(command.bytes, command.start(index), command.length(index));
    let part = parts.get(slot);
    if (part === undefined) {
      part = { slot, command: new Command(), places: [] };
      part.command.reset(command.bytes);
      part.command.push(command.start(0), command.length(0));
      parts.set(slot, part);
    }
    part.places.push(place);
    for (let word = index; word < index + keyStep; word += 1) {
      part.command.push(command.start(word), command.length(word));
    }
  }
  return [...parts.values()];
}

/** The replies of the parts of one command, on their way to be one. */
export class JoinedReply {
  private readonly joining: Joining;
  private readonly elements: (Buffer | null)[];
  private sum = 0;
  private error: Buffer | null = null;
  private missing: number;

  constructor(entry: CommandEntry, parts: readonly CommandPart[]) {
    this.joining = JOININGS.get(entry.name)!;
    this.missing = parts.length;
    this.elements = new Array<Buffer | null>(parts.reduce((count, { places }) => count + places.length, 0)).fill(null);
  }

  /** Takes a part's reply, `bytes[start..end)`. Returns the joined one once all parts are there; nothing before, or where the client wants none. */
  take({ places }: CommandPart, bytes: Uint8Array, start: number, end: number, isMuted: boolean): Buffer {
    const reply = Buffer.from(bytes.subarray(start, end));
    if (reply[0] === MINUS) this.error ??= reply;
    else if (this.joining === 'sum') this.sum += Number(reply.toString('latin1', 1));
    else if (this.joining === 'elements') this.takeElements(places, reply);
    this.missing -= 1;
    return this.missing === 0 && !isMuted ? (this.error ?? this.joined()) : NOTHING;
  }

  private joined(): Buffer {
    if (this.joining === 'ok') return Buffer.from('+OK\r\n', 'latin1');
    if (this.joining === 'sum') return Buffer.from(`:${this.sum}\r\n`, 'latin1');
    const elements = this.elements.map((element) => element ?? NOTHING);
    return Buffer.concat([Buffer.from(`*${elements.length}\r\n`, 'latin1'), ...elements]);
  }

  /** Bulk strings and nulls of either version of RESP, behind the head of an array. */
  private takeElements(places: readonly number[], reply: Buffer): void {
    let at = lineEnd(reply, 0);
    for (const place of places) {
      const start = at;
      at = lineEnd(reply, start);
      const length = reply[start] === DOLLAR ? Number(reply.toString('latin1', start + 1, at)) : -1;
      if (length >= 0) at += length + LINE_END_BYTES;
      this.elements[place] = reply.subarray(start, at);
    }
  }
}

/** Where the line that begins at `start` has ended. */
function lineEnd(bytes: Buffer, start: number): number {
  return bytes.indexOf(LINE_FEED, start) + 1;
}

const MINUS = 0x2d;
const DOLLAR = 0x24;
const LINE_FEED = 0x0a;
const LINE_END_BYTES = 2;
const NOTHING: Buffer = Buffer.alloc(0);

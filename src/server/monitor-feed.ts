/**
 * MONITOR: shows every command that runs, on any thread, with the time of its batch, to the sessions that asked. Passwords do not
 * appear: AUTH is not fed at all, and HELLO's and CONFIG SET's arguments are hidden where they hold one.
 */
import type { Command } from '../protocol/command.ts';
import { Operation } from '../protocol/shoal/operation.ts';
import { operationWords } from '../protocol/shoal/operation-words.ts';
import type { CommandEntry } from './command-table.ts';
import { NodeGateBit } from './node-gate.ts';
import type { NodeGate } from './node-gate.ts';
import { Gate } from './session.ts';
import type { Session } from './session.ts';
import type { Outbox } from './outbox.ts';
import type { Threads } from './threads/threads.ts';

export class MonitorFeed {
  private readonly monitors = new Set<Session>();
  private readonly outbox: Outbox;
  private readonly gate: NodeGate;
  private readonly threads: Threads;
  /** Monitors of other threads, by the thread's number. */
  private readonly elsewhere = new Map<number, number>();

  constructor(outbox: Outbox, gate: NodeGate, threads: Threads) {
    this.outbox = outbox;
    this.gate = gate;
    this.threads = threads;
  }

  add(session: Session): void {
    session.setGate(Gate.monitor, true);
    this.monitors.add(session);
    this.changed();
  }

  remove(session: Session): void {
    session.setGate(Gate.monitor, false);
    this.monitors.delete(session);
    this.changed();
  }

  /** Shows `command`, whose row is `entry`, as run by `session` in `database`. */
  feed(session: Session, database: number, entry: CommandEntry, command: Command, nowMs: number): void {
    const shown = command instanceof Operation ? operationWords(entry.name, command) : command;
    const line = monitorLine(session.connection.remoteAddress, database, shown, nowMs);
    this.showHere(line);
    for (const thread of this.elsewhere.keys()) this.threads.send(thread, { kind: 'monitorLine', line }, line.length);
  }

  /** Shows a line to this thread's monitors. */
  showHere(line: Uint8Array): void {
    for (const monitor of this.monitors) this.outbox.deliver(monitor, line, 0, line.length);
  }

  /** Thread `from` told how many monitors it has. */
  countElsewhere(from: number, count: number): void {
    if (count > 0) this.elsewhere.set(from, count);
    else this.elsewhere.delete(from);
    this.setGate();
  }

  private changed(): void {
    this.setGate();
    this.threads.sendToOthers({ kind: 'monitors', from: this.threads.own, count: this.monitors.size });
  }

  private setGate(): void {
    this.gate.set(NodeGateBit.monitored, this.monitors.size > 0 || this.elsewhere.size > 0);
  }
}

/** `+1700000000.123000 [0 127.0.0.1:50000] "set" "k" "v"` and a line end: printable ASCII only, like Redis's. */
function monitorLine(address: string, database: number, command: Command, nowMs: number): Buffer {
  const wholeSeconds = Math.floor(nowMs / 1000);
  const microseconds = String(Math.floor((nowMs - wholeSeconds * 1000) * 1000)).padStart(6, '0');
  const prefix = `+${wholeSeconds}.${microseconds} [${database} ${address}]`;
  let length = prefix.length + LINE_END.length;
  for (let index = 0; index < command.count; index += 1) {
    length += isSecret(command, index) ? REDACTED.length : quotedLength(command, index);
  }
  // Measured before it is written: built up as text, a line for a value of megabytes would stop the node for seconds.
  const line = Buffer.allocUnsafe(length);
  let at = line.write(prefix, 'latin1');
  for (let index = 0; index < command.count; index += 1) {
    at = isSecret(command, index) ? at + line.write(REDACTED, at, 'latin1') : writeQuoted(command, index, line, at);
  }
  line.write(LINE_END, at, 'latin1');
  return line;
}

function isSecret(command: Command, index: number): boolean {
  if (command.is(0, 'AUTH')) return index >= 1;
  if (command.is(0, 'HELLO')) return index >= 3 && (command.is(index - 1, 'AUTH') || command.is(index - 2, 'AUTH'));
  return command.is(0, 'CONFIG') && index >= 3 && command.is(index - 1, 'REQUIREPASS');
}

/** Length of a blank and the argument in quotes. */
function quotedLength(command: Command, index: number): number {
  const start = command.start(index);
  const end = start + command.length(index);
  let length = 3;
  for (let offset = start; offset < end; offset += 1) length += ESCAPED[command.bytes[offset]!]!.length;
  return length;
}

function writeQuoted(command: Command, index: number, line: Buffer, lineOffset: number): number {
  const start = command.start(index);
  const end = start + command.length(index);
  line[lineOffset] = BLANK;
  line[lineOffset + 1] = QUOTE;
  let at = lineOffset + 2;
  for (let offset = start; offset < end; offset += 1) {
    const shown = ESCAPED[command.bytes[offset]!]!;
    for (let position = 0; position < shown.length; position += 1) line[at + position] = shown[position]!;
    at += shown.length;
  }
  line[at] = QUOTE;
  return at + 1;
}

const BLANK = 0x20;
const QUOTE = 0x22;
const LINE_END = '\r\n';
const REDACTED = ' "(redacted)"';

/** How each byte is shown. */
const ESCAPED: readonly Uint8Array[] = Array.from({ length: 256 }, (_, byte) => Buffer.from(escaped(byte), 'latin1'));

function escaped(byte: number): string {
  switch (byte) {
    case 0x07:
      return '\\a';
    case 0x08:
      return '\\b';
    case 0x09:
      return '\\t';
    case 0x0a:
      return '\\n';
    case 0x0d:
      return '\\r';
    case 0x22:
      return '\\"';
    case 0x5c:
      return '\\\\';
    default:
      return byte >= 0x20 && byte <= 0x7e ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`;
  }
}

/**
 * MONITOR: shows every command that runs, with the time of its batch, to the sessions that asked. Passwords do not
 * appear: AUTH is not fed at all, and HELLO's and CONFIG SET's arguments are hidden where they hold one.
 */
import type { Command } from '../protocol/command.ts';
import { NodeGateBit } from './node-gate.ts';
import type { NodeGate } from './node-gate.ts';
import { Gate } from './session.ts';
import type { Session } from './session.ts';
import type { Outbox } from './outbox.ts';

export class MonitorFeed {
  private readonly monitors = new Set<Session>();
  private readonly outbox: Outbox;
  private readonly gate: NodeGate;

  constructor(outbox: Outbox, gate: NodeGate) {
    this.outbox = outbox;
    this.gate = gate;
  }

  get count(): number {
    return this.monitors.size;
  }

  add(session: Session): void {
    session.setGate(Gate.monitor, true);
    this.monitors.add(session);
    this.gate.set(NodeGateBit.monitored, true);
  }

  remove(session: Session): void {
    session.setGate(Gate.monitor, false);
    this.monitors.delete(session);
    this.gate.set(NodeGateBit.monitored, this.monitors.size > 0);
  }

  /** Shows `command` as run by `session` in `database`. */
  feed(session: Session, database: number, command: Command, nowMs: number): void {
    const line = Buffer.from(monitorLine(session.connection.remoteAddress, database, command, nowMs), 'latin1');
    for (const monitor of this.monitors) this.outbox.deliver(monitor, line, 0, line.length);
  }
}

/** `+1700000000.123000 [0 127.0.0.1:50000] "set" "k" "v"` and a line end: printable ASCII only, like Redis's. */
export function monitorLine(address: string, database: number, command: Command, nowMs: number): string {
  const wholeSeconds = Math.floor(nowMs / 1000);
  const microseconds = String(Math.floor((nowMs - wholeSeconds * 1000) * 1000)).padStart(6, '0');
  let line = `+${wholeSeconds}.${microseconds} [${database} ${address}]`;
  for (let index = 0; index < command.count; index += 1) {
    line += isSecret(command, index) ? ' "(redacted)"' : ` ${quoted(command, index)}`;
  }
  return `${line}\r\n`;
}

function isSecret(command: Command, index: number): boolean {
  if (command.is(0, 'AUTH')) return index >= 1;
  if (command.is(0, 'HELLO')) return index >= 3 && (command.is(index - 1, 'AUTH') || command.is(index - 2, 'AUTH'));
  return command.is(0, 'CONFIG') && index >= 3 && command.is(index - 1, 'REQUIREPASS');
}

function quoted(command: Command, index: number): string {
  const start = command.start(index);
  const end = start + command.length(index);
  let text = '"';
  for (let offset = start; offset < end; offset += 1) text += ESCAPED[command.bytes[offset]!]!;
  return `${text}"`;
}

/** How each byte is shown. */
const ESCAPED: readonly string[] = Array.from({ length: 256 }, (_, byte) => {
  const named: Readonly<Record<number, string>> = {
    0x07: '\\a',
    0x08: '\\b',
    0x09: '\\t',
    0x0a: '\\n',
    0x0d: '\\r',
    0x22: '\\"',
    0x5c: '\\\\',
  };
  const name = named[byte];
  if (name !== undefined) return name;
  if (byte >= 0x20 && byte <= 0x7e) return String.fromCharCode(byte);
  return `\\x${byte.toString(16).padStart(2, '0')}`;
});

/**
 * An operation as words, for people who watch a node (MONITOR): the name of its row, key and value, and its options by the names
 * that the protocol gives them. Allocates; the greeting's words are left out, because a password is among them.
 */
import { Command } from '../command.ts';
import { Flag, Opcode } from './frame.ts';
import { KEY_ARGUMENT, type Operation, VALUE_ARGUMENT } from './operation.ts';

export function operationWords(name: string, operation: Operation): Command {
  const words: Uint8Array[] = [Buffer.from(name, 'latin1')];
  if (operation.opcode !== Opcode.hello) {
    if (operation.opcode !== Opcode.ping) words.push(operation.copy(KEY_ARGUMENT));
    if (operation.opcode === Opcode.increment) words.push(text(integerOf(operation).toString()));
    else if (VALUE_OPCODES.has(operation.opcode)) words.push(operation.copy(VALUE_ARGUMENT));
    if (operation.has(Flag.ttl)) words.push(text('ttl'), text(String(operation.ttlMs)));
    if (operation.has(Flag.version)) words.push(text('version'), text(versionOf(operation)));
    if (operation.has(Flag.ack)) words.push(...ackWords(operation));
    for (const [flag, word] of FLAG_WORDS) if (operation.has(flag)) words.push(text(word));
  }
  const command = new Command();
  command.reset(Buffer.concat(words));
  let start = 0;
  for (const { length } of words) {
    command.push(start, length);
    start += length;
  }
  return command;
}

const VALUE_OPCODES: ReadonlySet<number> = new Set([Opcode.ping, Opcode.set]);

const FLAG_WORDS: readonly (readonly [number, string])[] = [
  [Flag.ifAbsent, 'ifAbsent'],
  [Flag.ifPresent, 'ifPresent'],
  [Flag.wantVersion, 'wantVersion'],
  [Flag.wantTtl, 'wantTtl'],
  [Flag.keepTtl, 'keepTtl'],
];

function ackWords({ ackReplicaCount, ackWaitMs }: Operation): readonly Uint8Array[] {
  return [text('ack'), text(String(ackReplicaCount)), text(String(ackWaitMs))];
}

function integerOf(operation: Operation): bigint {
  return Buffer.from(operation.copy(VALUE_ARGUMENT)).readBigInt64LE();
}

function versionOf({ versionHigh, versionLow }: Operation): string {
  return ((BigInt(versionHigh >>> 0) << 32n) | BigInt(versionLow >>> 0)).toString();
}

function text(word: string): Uint8Array {
  return Buffer.from(word, 'latin1');
}

/** What CLIENT LIST can show: a name or version without blanks, so that its fields can be told apart. */
import type { Command } from '../../protocol/command.ts';

/** Whether argument `index` is printable ASCII without blanks (or empty). */
export function isClientWord(command: Command, index: number): boolean {
  return isClientText(command.bytes, command.start(index), command.length(index));
}

/** Whether these bytes are that. */
export function isClientText(bytes: Uint8Array, start: number, length: number): boolean {
  for (let offset = start; offset < start + length; offset += 1) {
    const byte = bytes[offset]!;
    if (byte < 0x21 || byte > 0x7e) return false;
  }
  return true;
}

/** The error of a name that is not, without its code. */
export const BAD_CLIENT_NAME = 'Client names cannot contain spaces, newlines or special characters.';

/** What CLIENT LIST can show: a name or version without blanks, so that its fields can be told apart. */
import type { Command } from '../../protocol/command.ts';

/** Whether argument `index` is printable ASCII without blanks (or empty). */
export function isClientWord(command: Command, index: number): boolean {
  const start = command.start(index);
  const end = start + command.length(index);
  for (let offset = start; offset < end; offset += 1) {
    const byte = command.bytes[offset]!;
    if (byte < 0x21 || byte > 0x7e) return false;
  }
  return true;
}

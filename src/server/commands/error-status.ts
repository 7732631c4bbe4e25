/**
 * What the error lines of commands are in the Shoal protocol: the lines that mean something of their own first, then the code at
 * a line's beginning. All others are `refused`, and keep their code, since no status says the same.
 */
import { Status } from '../../protocol/shoal/frame.ts';
import type { ErrorMeaning } from '../../protocol/shoal/writer.ts';
import { ErrorText, KEY_TOO_LONG } from './error-text.ts';

const STATUS_OF_LINE: ReadonlyMap<string, Status> = new Map<string, Status>([
  [ErrorText.notAnInteger, Status.notAnInteger],
  [ErrorText.incrementOverflow, Status.overflow],
  [ErrorText.decrementOverflow, Status.overflow],
  [ErrorText.valueTooLong, Status.valueTooLong],
]);

const STATUS_OF_CODE: ReadonlyMap<string, Status> = new Map<string, Status>([
  ['OOM', Status.outOfMemory],
  ['MOVED', Status.moved],
  ['TRYAGAIN', Status.tryAgain],
  ['CLUSTERDOWN', Status.clusterDown],
  ['NOAUTH', Status.unauthenticated],
  ['WRONGPASS', Status.unauthenticated],
]);

/** The status and text of the error `line`, code first and without `-`. */
export function errorMeaning(line: string): ErrorMeaning {
  const codeEnd = line.indexOf(' ');
  const status =
    STATUS_OF_LINE.get(line) ??
    STATUS_OF_CODE.get(codeEnd < 0 ? line : line.slice(0, codeEnd)) ??
    (line.startsWith(KEY_TOO_LONG) ? Status.keyTooLong : Status.refused);
  return { status, text: status === Status.refused ? line : line.slice(codeEnd + 1) };
}

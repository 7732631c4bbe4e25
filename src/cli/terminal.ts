/** What a stream of the process is to the eye. */
import type { Terminal } from './command.ts';

const COLUMNS_DEFAULT = 80;

/** The part of a `tty.WriteStream` that matters here. */
export interface TerminalStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/**
 * The terminal behind `stream`; null where there is none, or one that cannot move its cursor (TERM=dumb). Colours are allowed unless
 * NO_COLOR holds anything (no-color.org).
 */
export function terminalOf(
  stream: TerminalStream,
  environment: Readonly<Record<string, string | undefined>>,
): Terminal | null {
  if (stream.isTTY !== true || environment['TERM'] === 'dumb') return null;
  return {
    get columns() {
      return stream.columns || COLUMNS_DEFAULT;
    },
    colors: (environment['NO_COLOR'] ?? '') === '',
  };
}

/** What dispatch answers to a command that it does not run. */
import type { Command } from '../protocol/command.ts';

export const NO_AUTH = 'NOAUTH Authentication required.';

export const NO_REPLICAS = 'NOREPLICAS Not enough good replicas to write.';

/** `failure`: a sentence. */
export function diskFailingError(failure: string): string {
  return `MISCONF Writes are refused because they cannot be kept on disk: ${failure}`;
}

export const COPY_TOO_OLD = 'TRYAGAIN The copy that is here may be older than that';

export const DEBUG_REFUSED =
  'ERR DEBUG command not allowed. If the enable-debug-command option is set to "local", you can run it from a local connection, ' +
  'otherwise you need to set this option in the configuration file, and then restart the server.';

/** `name`: lower case, container first. */
export function changesConnectionError(name: string): string {
  return `ERR '${name}' changes what the connection is, which a call cannot: use hello for the login and the database, and a RESP connection for the rest`;
}

/** Names the command and shows its first arguments, both cut to what Redis shows. */
export function unknownCommandError(command: Command): string {
  let shown = '';
  for (let index = 1; index < command.count && shown.length < SHOWN_BYTES; index += 1) {
    shown += `'${clipped(command, index, SHOWN_BYTES - shown.length)}' `;
  }
  return `ERR unknown command '${clipped(command, 0, SHOWN_BYTES)}', with args beginning with: ${shown}`;
}

export function unknownSubcommandError(command: Command, container: string): string {
  return `ERR unknown subcommand '${clipped(command, 1, SHOWN_BYTES)}'. Try ${container} HELP.`;
}

/** Whether a browser or an HTTP client was tricked into talking to us: its request line or a header came as a command. */
export function isCrossProtocolRequest(command: Command): boolean {
  return command.is(0, 'POST') || command.is(0, 'HOST:');
}

const SHOWN_BYTES = 128;

/** The first bytes of an argument, with those beyond ASCII in the escape that `RespWriter.error` turns back into bytes. */
function clipped(command: Command, index: number, bytesMax: number): string {
  const start = command.start(index);
  const end = start + Math.min(command.length(index), bytesMax);
  let text = '';
  for (let offset = start; offset < end; offset += 1) {
    const byte = command.bytes[offset]!;
    // Redis formats these as C strings, which end at a NUL.
    if (byte === 0) break;
    text += String.fromCharCode(byte < 0x80 ? byte : 0xdc00 + byte);
  }
  return text;
}

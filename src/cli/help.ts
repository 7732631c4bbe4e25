/** The main help page, made from the table of commands. Those of the commands are in their own modules, which this page does not load. */
import type { CommandEntry } from './command.ts';
import { entry } from './help-layout.ts';

export function mainHelp(version: string, commands: readonly CommandEntry[]): string {
  return `shoal ${version}: a distributed in-memory cache that any Redis client can use.

Usage: shoal <command> [options]

Commands
${commands.flatMap(({ usage, summary }) => entry(usage, summary)).join('\n')}
${entry('help [command]', 'Show this page, or that of a command.').join('\n')}

Options
${entry('-h, --help', 'Show this page. After a command: show its own.').join('\n')}
${entry('-v, --version', 'Show the version.').join('\n')}

First steps
  shoal serve                                  # on 127.0.0.1:7600, with 512mb
  shoal set greeting hello
  shoal get greeting
  shoal repl                                   # or redis-cli -p 7600

Exit codes
  0  done, or stopped by SIGTERM or SIGINT
  1  a fault, such as a port in use
  2  a wrong command, option or configuration
  3  no such key, or a condition that does not hold
  75 a node that is to be started again (shoal cluster restart)
`;
}

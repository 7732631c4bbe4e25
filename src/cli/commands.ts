/** The commands of `shoal`, in the order of the help. */
import type { CommandEntry } from './command.ts';

export const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'serve',
    usage: 'serve',
    summary: 'Start a cache node.',
    load: async () => (await import('./serve.ts')).serveCommand,
  },
];

/** The row of the command `name`, or undefined. */
export function findCommand(name: string): CommandEntry | undefined {
  return COMMANDS.find((command) => command.name === name);
}

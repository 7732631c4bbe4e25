/** The commands of `shoal`, in the order of the help. */
import type { CommandEntry } from './command.ts';

export const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'serve',
    usage: 'serve',
    summary: 'Start a cache node.',
    load: async () => (await import('./serve.ts')).serveCommand,
  },
  {
    name: 'coordinator',
    usage: 'coordinator',
    summary: 'Start the coordinator of a cluster.',
    load: async () => (await import('./coordinator.ts')).coordinatorCommand,
  },
  {
    name: 'cluster',
    usage: 'cluster COMMAND',
    summary: 'Run and look after a cluster.',
    load: async () => (await import('./cluster/cluster.ts')).clusterCommand,
  },
  {
    name: 'data',
    usage: 'data COMMAND',
    summary: 'Look into a data folder, and save what is left of a damaged one.',
    load: async () => (await import('./data/data.ts')).dataCommand,
  },
  {
    name: 'get',
    usage: 'get KEY',
    summary: 'Print the value of a key.',
    load: async () => (await import('./get.ts')).getCommand,
  },
  {
    name: 'set',
    usage: 'set KEY VALUE',
    summary: 'Store a value: a text, JSON, or bytes from stdin.',
    load: async () => (await import('./set.ts')).setCommand,
  },
  {
    name: 'del',
    usage: 'del KEY…',
    summary: 'Remove keys.',
    load: async () => (await import('./del.ts')).delCommand,
  },
  {
    name: 'ping',
    usage: 'ping',
    summary: 'Ask nodes for an answer, and how long it takes.',
    load: async () => (await import('./ping.ts')).pingCommand,
  },
  {
    name: 'info',
    usage: 'info [SECTION…]',
    summary: 'Print what a node says of itself.',
    load: async () => (await import('./info.ts')).infoCommand,
  },
  {
    name: 'top',
    usage: 'top',
    summary: 'Show what nodes do, again and again.',
    load: async () => (await import('./top.ts')).topCommand,
  },
  {
    name: 'repl',
    usage: 'repl',
    summary: 'Talk to a server: a line editor, or a script.',
    load: async () => (await import('./repl.ts')).replCommand,
  },
  {
    name: 'bench',
    usage: 'bench',
    summary: 'Measure a server under load, this one or another.',
    load: async () => (await import('./bench.ts')).benchCommand,
  },
];

/** The row of the command `name`, or undefined. */
export function findCommand(name: string): CommandEntry | undefined {
  return COMMANDS.find((command) => command.name === name);
}

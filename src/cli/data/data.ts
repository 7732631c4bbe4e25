/** `shoal data`: what can be done with a data folder while no node uses it. */
import type { CommandModule } from '../command.ts';
import { commandOf } from '../subcommands.ts';

export const dataCommand: CommandModule = commandOf(
  {
    name: 'data',
    summary: 'Look into a folder that a node keeps its data in, and save what is left of a damaged one.',
    notes: ['Stop the node first: what it is writing looks torn. shoal data COMMAND --help tells more.'],
  },
  {
    verify: {
      usage: 'verify FOLDER',
      summary: 'Check each byte, and say what is damaged.',
      load: async () => (await import('./verify.ts')).verifyCommand,
    },
    salvage: {
      usage: 'salvage FOLDER --to NEW',
      summary: 'Copy all that is whole to a new folder.',
      load: async () => (await import('./salvage.ts')).salvageCommand,
    },
    dump: {
      usage: 'dump FOLDER',
      summary: 'Print the records, in the order in which they were written.',
      load: async () => (await import('./dump.ts')).dumpCommand,
    },
  },
);

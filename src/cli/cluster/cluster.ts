/** `shoal cluster`: what an operator does with a cluster, each in a word of its own. */
import type { CommandModule } from '../command.ts';
import { commandOf } from '../subcommands.ts';

export const clusterCommand: CommandModule = commandOf(
  {
    name: 'cluster',
    summary: 'Run and look after a cluster.',
    notes: ['NODE is the first digits of a node’s id, or its HOST:PORT. shoal cluster COMMAND --help tells more.'],
  },
  {
    up: {
      usage: 'up',
      summary: 'Start a whole cluster on this machine.',
      load: async () => (await import('./up.ts')).upCommand,
    },
    status: {
      usage: 'status',
      summary: 'Show nodes, their slots, and what moves.',
      load: async () => (await import('./status.ts')).statusCommand,
    },
    drain: {
      usage: 'drain NODE',
      summary: 'Move all slots of a node to the others.',
      load: async () => (await import('./change.ts')).drainCommand,
    },
    undrain: {
      usage: 'undrain NODE',
      summary: 'Let a drained node have slots again.',
      load: async () => (await import('./change.ts')).undrainCommand,
    },
    failover: {
      usage: 'failover NODE',
      summary: 'Let the replicas of a node take its slots over.',
      load: async () => (await import('./failover.ts')).failoverCommand,
    },
    restart: {
      usage: 'restart NODE… | --rolling',
      summary: 'Start nodes again, one after the other, without a loss.',
      load: async () => (await import('./restart.ts')).restartCommand,
    },
    weight: {
      usage: 'weight NODE WEIGHT',
      summary: 'Change the part of the slots that a node has.',
      load: async () => (await import('./change.ts')).weightCommand,
    },
    rebalance: {
      usage: 'rebalance',
      summary: 'Place the slots to the slot, or show what that would move.',
      load: async () => (await import('./change.ts')).rebalanceCommand,
    },
    limits: {
      usage: 'limits',
      summary: 'Change how fast slots move, and how many copies they have.',
      load: async () => (await import('./change.ts')).limitsCommand,
    },
    cancel: {
      usage: 'cancel',
      summary: 'Give up what is being moved.',
      load: async () => (await import('./forget.ts')).cancelCommand,
    },
    forget: {
      usage: 'forget NODE',
      summary: 'Say that a removed node is gone for good.',
      load: async () => (await import('./forget.ts')).forgetCommand,
    },
  },
);

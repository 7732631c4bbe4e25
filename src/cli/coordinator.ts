/** `shoal coordinator`: keeps a cluster's membership and places its slots, until it is stopped. */
import { addressText } from '../io/address.ts';
import type { CommandContext, CommandModule } from './command.ts';
import { type CommandOptionTable, optionHelp, readCommandOptions } from './command-options.ts';
import { ExitCode } from './exit-codes.ts';
import { onStopSignal } from './stop-signal.ts';

const DAY_MS = 86_400_000;

export const COORDINATOR_OPTIONS = {
  host: {
    flag: 'host',
    kind: 'text',
    group: 'Address',
    placeholder: 'ADDRESS',
    default: '127.0.0.1',
    empty: false,
    secret: false,
    summary: 'Address to listen on.',
    reason: 'Only this machine can reach a cluster that nobody has secured yet.',
  },
  port: {
    flag: 'port',
    kind: 'count',
    group: 'Address',
    default: 7500,
    min: 0,
    max: 65_535,
    summary: 'TCP port for nodes and operators. 0 takes any free one.',
    reason: 'Beside that of the nodes.',
  },
  announce: {
    flag: 'announce',
    kind: 'text',
    group: 'Address',
    placeholder: 'HOST:PORT',
    default: '',
    empty: true,
    secret: false,
    summary: 'Where nodes and other coordinators reach it. Empty: what it listens on.',
    reason: 'Behind address translation it cannot know.',
  },
  cluster: {
    flag: 'cluster',
    kind: 'text',
    group: 'Cluster',
    placeholder: 'NAME',
    default: 'shoal',
    empty: false,
    secret: false,
    environment: 'SHOAL_CLUSTER',
    summary: 'Name of the cluster; nodes of another name are refused.',
    reason: 'Where there is one cluster, nobody need name it.',
  },
  state: {
    flag: 'state',
    kind: 'text',
    group: 'Cluster',
    placeholder: 'STORE',
    default: 'file:shoal-coordinator',
    empty: false,
    secret: false,
    environment: 'SHOAL_STATE',
    summary:
      'Where the state is kept: file:DIR for one coordinator, or etcd:http://HOST:2379 (several separated by commas) for several of which one is elected.',
    reason: 'Needs nothing installed.',
  },
  password: {
    flag: 'password',
    kind: 'text',
    group: 'Cluster',
    placeholder: 'TEXT',
    default: '',
    empty: true,
    secret: true,
    environment: 'SHOAL_PASSWORD',
    summary: 'Password of the cluster: that of its nodes.',
    reason: 'None is needed while only this machine can connect.',
  },
  leaseMs: {
    flag: 'lease',
    kind: 'duration',
    group: 'Cluster',
    default: 2000,
    min: 200,
    max: DAY_MS,
    summary: 'A node that is silent for this long loses its slots.',
    reason:
      'Far longer than a pause of a node in order, short enough that its slots are served again within three seconds.',
  },
  slotsPerMove: {
    flag: 'slots-per-move',
    kind: 'count',
    group: 'Moves',
    default: 64,
    min: 1,
    max: 16_384,
    summary: 'Slots that go over together.',
    reason: 'They wait together too, for some milliseconds; and each group costs the source a pass over its index.',
  },
  concurrentMoves: {
    flag: 'concurrent-moves',
    kind: 'count',
    group: 'Moves',
    default: 4,
    min: 0,
    max: 1000,
    summary: 'Groups that are moved at once, for a new cluster; 0: none is begun.',
    reason: 'Enough to use the network, few enough to be felt little.',
  },
  moveBytesPerSecond: {
    flag: 'move-rate',
    kind: 'size',
    group: 'Moves',
    default: 0,
    min: 1024,
    max: Number.MAX_SAFE_INTEGER,
    zero: 'unlimited',
    summary: 'Bytes a second that each node may send of what moves away from it, for a new cluster.',
    reason: 'A node knows by itself how to make room for its clients.',
  },
} as const satisfies CommandOptionTable;

export const coordinatorCommand: CommandModule = { run: coordinator, help };

/** Resolves to the exit code once it has stopped. Rejects with a `ShoalError` where it cannot start. */
async function coordinator(args: readonly string[], context: CommandContext): Promise<number> {
  const { help: wantsHelp, values } = readCommandOptions(COORDINATOR_OPTIONS, {
    args,
    environment: context.environment,
  });
  if (wantsHelp) {
    context.writeOut(help());
    return ExitCode.ok;
  }
  const stopAsked = new Promise<void>((resolve) => onStopSignal(context, () => resolve()));
  const { startCoordinator } = await import('../coordinator/start-coordinator.ts');
  const { openStateStore } = await import('../coordinator/state/open-state-store.ts');
  const { state, ...settings } = values;
  const store = openStateStore(state, { environment: context.environment, cluster: settings.cluster });
  const running = await startCoordinator(settings, {
    store,
    log: (level, message) => {
      const line = `${level === 'info' ? '' : `${level}: `}${message}\n`;
      if (level === 'info') context.writeOut(line);
      else context.writeError(`shoal: ${line}`);
    },
  });
  context.writeOut(`shoal ${context.version} coordinator ready on ${addressText(running.host, running.port)}\n`);
  context.writeOut(`  cluster     ${settings.cluster}, state in ${store.description}\n`);
  await stopAsked;
  context.writeOut('stopping…\n');
  await running.stop();
  return ExitCode.ok;
}

function help(): string {
  return [
    'Start the coordinator of a cluster: it knows the nodes, and says which of them has which keys.',
    '',
    'Usage: shoal coordinator [options]',
    ...optionHelp(COORDINATOR_OPTIONS),
    '',
    'Nodes join with shoal serve --coordinator HOST:PORT; shoal cluster status shows them.',
    '',
    'Examples',
    '  shoal coordinator',
    '  shoal coordinator --host 10.0.0.1 --state etcd:http://10.0.0.1:2379,http://10.0.0.2:2379',
    '',
    'SIGTERM or SIGINT stops it in order: nodes go on, and another coordinator takes over.',
    '',
  ].join('\n');
}

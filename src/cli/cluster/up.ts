/** `shoal cluster up`: a whole cluster on this machine, in processes of its own, until it is stopped. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ShoalError } from '../../base/errors.ts';
import type { CommandContext, CommandModule } from '../command.ts';
import { type CommandOptionTable, optionHelp, readCommandOptions } from '../command-options.ts';
import { ExitCode } from '../exit-codes.ts';
import { onStopSignal } from '../stop-signal.ts';
import { type ChildEnd, ShoalChild } from './children.ts';
import { CoordinatorConnection } from './coordinator-connection.ts';

const HOST = '127.0.0.1';
const READY = / ready on \S+:(\d+)$/;
/** How often the coordinator is asked whether all slots have a node yet. */
const ASK_AGAIN_MS = 100;

const OPTIONS = {
  nodes: {
    flag: 'nodes',
    kind: 'count',
    group: 'Options',
    default: 3,
    min: 1,
    max: 32,
    summary: 'How many nodes.',
    reason: 'The fewest of which one may be missed.',
  },
  port: {
    flag: 'port',
    kind: 'count',
    group: 'Options',
    default: 7600,
    min: 0,
    max: 65_000,
    summary: 'TCP port of the first node; the others have those that follow. 0 takes any free ones.',
    reason: 'That of shoal serve.',
  },
  coordinatorPort: {
    flag: 'coordinator-port',
    kind: 'count',
    group: 'Options',
    default: 7500,
    min: 0,
    max: 65_535,
    summary: 'TCP port of the coordinator. 0 takes any free one.',
    reason: 'That of shoal coordinator.',
  },
  memory: {
    flag: 'memory',
    kind: 'text',
    group: 'Options',
    placeholder: 'SIZE',
    default: '',
    empty: true,
    secret: false,
    summary: 'Memory of each node, as in shoal serve.',
    reason: 'That of shoal serve.',
  },
  replicas: {
    flag: 'replicas',
    kind: 'count',
    group: 'Options',
    default: 0,
    min: 0,
    max: 3,
    summary: 'Copies of each slot on other nodes.',
    reason: 'That of shoal coordinator.',
  },
  dir: {
    flag: 'dir',
    kind: 'text',
    group: 'Options',
    placeholder: 'DIR',
    default: '',
    empty: true,
    secret: false,
    summary: 'Where the coordinator keeps its state. Without it, a folder that goes when the cluster is stopped.',
    reason: 'Nothing of a cluster to try something out should stay.',
  },
  dataDir: {
    flag: 'data-dir',
    kind: 'text',
    group: 'Options',
    placeholder: 'DIR',
    default: '',
    empty: true,
    secret: false,
    summary:
      'Where all keep their data: each node in DIR/node-1 and so on, the coordinator in DIR/coordinator unless --dir says otherwise. The same command has it again.',
    reason: 'Nothing of a cluster to try something out should stay.',
  },
} as const satisfies CommandOptionTable;

export const upCommand: CommandModule = { run: up, help };

/** Resolves once all processes have ended. Rejects with a `ShoalError` where one of them does not start. */
async function up(args: readonly string[], context: CommandContext): Promise<number> {
  const { help: wantsHelp, values } = readCommandOptions(OPTIONS, { args, environment: context.environment });
  if (wantsHelp) {
    context.writeOut(help());
    return ExitCode.ok;
  }
  const stopAsked = new Promise<null>((resolve) => onStopSignal(context, () => resolve(null)));
  if (values.dataDir !== '' && values.port === 0) {
    throw new ShoalError('InvalidOption', 'nodes that keep their data need the same ports each time; --port is 0');
  }
  const stateDir = values.dir === '' && values.dataDir !== '' ? join(values.dataDir, 'coordinator') : values.dir;
  const temporary = stateDir === '' ? mkdtempSync(join(tmpdir(), 'shoal-cluster-')) : null;
  const children: ShoalChild[] = [];
  const start = (name: string, childArgs: readonly string[]): ShoalChild => {
    const width = `node ${values.nodes}`.length;
    const child = new ShoalChild(name, childArgs, context.environment, (line) => {
      if (/warn|error/.test(line)) context.writeError(`${name.padEnd(width)}  ${line}\n`);
    });
    children.push(child);
    return child;
  };
  try {
    const started = startAll(values, temporary ?? stateDir, start, context);
    const outcome = await Promise.race([started, stopAsked]);
    if (outcome === null) return ExitCode.ok;
    for (;;) {
      const ends = children.filter((child) => !outcome.gone.has(child)).map((child) => goneWith(child));
      const end = await Promise.race([stopAsked, ...ends]);
      if (end === null) return ExitCode.ok;
      outcome.gone.add(end.child);
      const startAgain = end.code === ExitCode.restart ? outcome.again.get(end.child) : undefined;
      if (startAgain !== undefined) {
        context.writeOut(`${end.name} starts again\n`);
        outcome.again.set(startAgain(), startAgain);
        continue;
      }
      context.writeError(`${end.name} ended (${end.how})\n`);
      if (outcome.gone.size === children.length) return ExitCode.fault;
    }
  } finally {
    context.writeOut('stopping…\n');
    await Promise.all(children.map((child) => child.stop()));
    if (temporary !== null) rmSync(temporary, { recursive: true, force: true });
  }
}

interface Started {
  /** Children that have ended. */
  readonly gone: Set<ShoalChild>;
  /** How a node that is to start again (shoal cluster restart) does so, at the same port. */
  readonly again: Map<ShoalChild, () => ShoalChild>;
}

type UpValues = ReturnType<typeof readCommandOptions<typeof OPTIONS>>['values'];

async function startAll(
  values: UpValues,
  directory: string,
  start: (name: string, args: readonly string[]) => ShoalChild,
  context: CommandContext,
): Promise<Started> {
  const [atPort, replicas] = [String(values.coordinatorPort), String(values.replicas)];
  const coordinatorArgs = ['--host', HOST, '--port', atPort, '--state', `file:${directory}`, '--replicas', replicas];
  const coordinator = start('coordinator', ['coordinator', ...coordinatorArgs]);
  const [, coordinatorPort] = await coordinator.printed(READY);
  const address = `${HOST}:${coordinatorPort}`;
  context.writeOut(`coordinator  ${address}\n`);
  const again: Started['again'] = new Map();
  const ports = await Promise.all(
    Array.from({ length: values.nodes }, async (_, index) => {
      const port = values.port === 0 ? 0 : values.port + index;
      const memory = values.memory === '' ? [] : ['--memory', values.memory];
      const data = values.dataDir === '' ? [] : ['--data-dir', join(values.dataDir, `node-${index + 1}`)];
      const startAt = (at: number | string): ShoalChild =>
        start(`node ${index + 1}`, [
          'serve',
          '--host',
          HOST,
          '--port',
          String(at),
          '--coordinator',
          address,
          '--leave',
          'at-once',
          ...memory,
          ...data,
        ]);
      const node = startAt(port);
      const [, nodePort] = await node.printed(READY);
      again.set(node, () => startAt(nodePort!));
      context.writeOut(`node ${index + 1}       ${HOST}:${nodePort}\n`);
      return Number(nodePort);
    }),
  );
  await allServed(address, values.nodes, context);
  const nodes = ports.map((port) => `${HOST}:${port}`);
  context.writeOut(`cluster ready: ${values.nodes} nodes
  client      ShoalClient.connect({ nodes: [${nodes.map((node) => `'${node}'`).join(', ')}] })
  redis-cli   redis-cli -c -p ${ports[0]}
  ioredis     new Redis.Cluster([{ port: ${ports[0]} }]), or new Redis(${ports[0]}): each node serves all keys
  status      shoal cluster status --coordinator ${address}
`);
  return { gone: new Set(), again };
}

/** Resolves once all nodes are in the cluster and every slot has one. */
async function allServed(address: string, nodeCount: number, context: CommandContext): Promise<void> {
  const password = context.environment['SHOAL_PASSWORD'] ?? '';
  const cluster = context.environment['SHOAL_CLUSTER'] ?? 'shoal';
  const connection = new CoordinatorConnection({ address, password, cluster });
  try {
    for (;;) {
      const status = await connection.status();
      // A coordinator that has just begun does not know yet which nodes of before are gone.
      const active = status.nodes.filter((node) => node.state === 'active' && node.silentMs >= 0).length;
      if (active >= nodeCount && status.unassigned === 0 && status.moves.length === 0) return;
      await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
    }
  } finally {
    connection.close();
  }
}

async function goneWith(child: ShoalChild): Promise<ChildEnd & { readonly child: ShoalChild }> {
  return { ...(await child.ended), child };
}

function help(): string {
  return [
    'Start a whole cluster on this machine: a coordinator and nodes, each a process of its own, until it is stopped.',
    '',
    'Usage: shoal cluster up [options]',
    ...optionHelp(OPTIONS),
    '',
    'Options of all nodes can be given as environment variables, such as SHOAL_PASSWORD or SHOAL_THREADS.',
    '',
    'Examples',
    '  shoal cluster up',
    '  shoal cluster up --nodes 5 --port 7700 --memory 1gb',
    '  shoal cluster up --data-dir /var/lib/shoal',
    '',
    'Ctrl-C, SIGTERM or SIGINT stops all of it.',
    '',
  ].join('\n');
}

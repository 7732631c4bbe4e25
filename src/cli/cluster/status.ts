/** `shoal cluster status`: nodes, their slots, and what moves, for people or as JSON. */
import { formatSize } from '../../config/units.ts';
import type { MoveStatus, NodeStatus, Status } from '../../protocol/cluster/messages.ts';
import { shortNodeId } from '../../topology/short-node-id.ts';
import { checkWords } from '../arguments.ts';
import { helpPage } from '../client-flags.ts';
import type { CommandModule } from '../command.ts';
import { ExitCode } from '../exit-codes.ts';
import { entry } from '../help-layout.ts';
import { operate, OPERATOR_HELP } from './operator.ts';

export const statusCommand: CommandModule = {
  run: (args, context) =>
    operate(args, context, {
      options: { json: 'switch' },
      help,
      check: ({ words }) => checkWords(words, [], { min: 0, max: 0 }),
      task: async ({ parsed, connection }) => {
        const status = await connection.status();
        context.writeOut(parsed.switches.has('json') ? `${JSON.stringify(status, null, 2)}\n` : statusText(status));
        return ExitCode.ok;
      },
    }),
  help,
};

function help(): string {
  return helpPage(['Show the nodes of a cluster, their slots, and what moves.'], 'cluster status [options]', [
    ['Options', ...entry('--json', 'Everything, as JSON.')],
    OPERATOR_HELP,
    ['Examples', '  shoal cluster status', '  shoal cluster status --json --coordinator 10.0.0.1:7500'],
  ]);
}

/** The status as people read it. */
export function statusText(status: Status): string {
  const { cluster, coordinator, store, epoch, nodes, moves, unassigned, plannedSlots, trouble, departed } = status;
  const hasReplicas = status.replicas > 0 || nodes.some(({ replicaSlots }) => replicaSlots > 0);
  const lines = [`cluster ${cluster}, epoch ${epoch}, coordinator ${coordinator}, state in ${store}`];
  if (trouble !== null) lines.push(`state store: ${trouble}`);
  if (unassigned > 0) lines.push(`${unassigned} slots have no node`);
  if (hasReplicas) lines.push(copiesText(status));
  lines.push(
    '',
    ...table([
      [...NODE_COLUMNS, ...(hasReplicas ? REPLICA_COLUMNS : [])],
      ...nodes.map((node) => [...nodeLine(node, epoch), ...(hasReplicas ? replicaCells(node) : [])]),
    ]),
  );
  const stuck = nodes.flatMap(({ id, streams }) => streams.map((stream) => ({ id, ...stream })));
  for (const { id, target, error } of stuck) {
    if (error !== null) lines.push(`${shortNodeId(target)} does not get on with copying ${shortNodeId(id)}: ${error}`);
  }
  if (plannedSlots > 0) lines.push('', `${plannedSlots} slots are to move, ${moves.length} moves run`);
  if (moves.length > 0) {
    lines.push(...table([['move', 'from', 'to', 'slots', 'items', 'done', 'bytes', 'behind'], ...moves.map(moveLine)]));
  }
  for (const { id, host, port, slots, leftMs } of status.awaited ?? []) {
    const how = leftMs === 0 ? 'is coming back' : `is waited for, ${Math.ceil(leftMs / 1000)} s more`;
    lines.push(
      `${shortNodeId(id)} (${host}:${port}) has ${slots} slots on its disk and ${how}; see shoal cluster forget --help`,
    );
  }
  if (departed.length > 0) {
    const names = departed.map(({ id, host, port }) => `${shortNodeId(id)} (${host}:${port})`);
    lines.push(
      '',
      `removed, and perhaps still serving: ${names.join(', ')}`,
      'Nodes that join wait until they are known not to; start nodes at these addresses, or see shoal cluster forget --help.',
    );
  }
  return `${lines.join('\n')}\n`;
}

const NODE_COLUMNS = ['node', 'address', 'zone', 'state', 'weight', 'slots', 'fair', 'items', 'bytes', 'lag'] as const;
const REPLICA_COLUMNS = ['copies', 'whole', 'behind'] as const;

function copiesText({ replicas, missingCopies }: Status): string {
  const wanted = replicas === 1 ? '1 copy of each slot is wanted' : `${replicas} copies of each slot are wanted`;
  return `${wanted}; ${missingCopies === 0 ? 'all are whole' : `${missingCopies} are missing or not whole yet`}`;
}

/** `behind`: changes of the node that one of its replicas has not confirmed. */
function replicaCells({ replicaSlots, syncedSlots, streams }: NodeStatus): readonly string[] {
  const behind = streams.reduce((most, { lag }) => Math.max(most, lag), 0);
  return [String(replicaSlots), String(syncedSlots), streams.length === 0 ? '-' : String(behind)];
}

/** `lag`: epochs that the node has not applied yet. */
function nodeLine(node: NodeStatus, epoch: number): readonly string[] {
  const { id, host, port, zone, state, weight, slots, fairSlots, items, bytes } = node;
  const shownState = `${state}${node.isRestarting ? ', restarting' : ''}${node.silentMs < 0 ? ', not heard' : ''}`;
  return [
    shortNodeId(id),
    `${host}:${port}`,
    zone === '' ? '-' : zone,
    shownState,
    ...[weight, slots, fairSlots, items].map(String),
    formatSize(bytes),
    String(epoch - node.epoch),
  ];
}

function moveLine({ id, from, to, slots, items, itemsTotal, bytes, lag }: MoveStatus): readonly string[] {
  const done = itemsTotal === 0 ? '-' : `${Math.min(100, Math.floor((items * 100) / itemsTotal))}%`;
  const [source, target] = [from, to].map((node) => shortNodeId(node));
  return [String(id), source!, target!, String(slots), String(items), done, formatSize(bytes), String(lag)];
}

/** Columns as wide as they must be. */
export function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  );
}

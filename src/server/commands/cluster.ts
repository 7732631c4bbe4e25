/**
 * CLUSTER, and what else clients of a Redis Cluster send. What they show is what clients need to find keys: slots and their nodes. Who
 * gets which slots is the coordinator's to decide, so the subcommands that would change that are refused.
 */
import type { Command } from '../../protocol/command.ts';
import { isNotInteger } from '../../protocol/numbers.ts';
import type { Reply } from '../../protocol/reply.ts';
import { readU32 } from '../../protocol/shoal/bytes.ts';
import { Opcode, Status } from '../../protocol/shoal/frame.ts';
import { type Operation, VALUE_ARGUMENT } from '../../protocol/shoal/operation.ts';
import type { OperationReply } from '../../protocol/shoal/operation-reply.ts';
import { encodeTopology } from '../../topology/encoding.ts';
import { keySlot, SLOT_COUNT } from '../../topology/slots.ts';
import type { ClusterNode } from '../../topology/topology.ts';
import type { ThreadCluster } from '../cluster/thread-cluster.ts';
import { clusterInfoText, clusterNodesText, replicaLine } from '../cluster/cluster-texts.ts';
import { copiedRanges, replicaHost, replicasOfNode } from '../cluster/replica-lists.ts';
import type { CommandHandler, CommandSpec } from '../command-spec.ts';
import type { ExecutionContext } from '../execution-context.ts';
import { integerArgument } from './arguments.ts';
import { ErrorText } from './error-text.ts';
import { commandRow, containerRow, helpRow, shortRows } from './row.ts';

type ClusterHandler = (context: ExecutionContext, cluster: ThreadCluster, command: Command, reply: Reply) => void;

/** The handler, for nodes in a cluster; others answer what Redis does. */
function inCluster(handler: ClusterHandler): CommandHandler {
  return (context, command, reply) => {
    const { cluster } = context.node;
    if (cluster === null) reply.error(CLUSTER_DISABLED);
    else handler(context, cluster, command, reply);
  };
}

/** As `inCluster`; and the connection's client knows clusters, so it is told where a key is. */
function forClusterClient(handler: ClusterHandler): CommandHandler {
  return inCluster((context, cluster, command, reply) => {
    context.session.knowsCluster = true;
    handler(context, cluster, command, reply);
  });
}

const slotsCommand = forClusterClient((_context, cluster, _command, reply) => {
  const ranges = copiedRanges(cluster);
  reply.array(ranges.length);
  for (const { first, last, owner, replicas } of ranges) {
    reply.array(3 + replicas.length);
    reply.integer(first);
    reply.integer(last);
    writeSlotNode(owner, owner.host, reply);
    for (const replica of replicas) writeSlotNode(replica, replicaHost(replica.host), reply);
  }
});

function writeSlotNode({ id, port }: ClusterNode, host: string, reply: Reply): void {
  reply.array(4);
  reply.bulkText(host);
  reply.integer(port);
  reply.bulkText(id);
  reply.array(0);
}

const shardsCommand = forClusterClient((_context, cluster, _command, reply) => {
  const ranges = cluster.ranges();
  const { nodes } = cluster.topology;
  reply.array(nodes.length);
  for (const node of nodes) {
    const own = ranges.filter(({ owner }) => owner.id === node.id);
    const replicas = replicasOfNode(cluster, node.id);
    reply.map(2);
    reply.bulkText('slots');
    reply.array(own.length * 2);
    for (const { first, last } of own) {
      reply.integer(first);
      reply.integer(last);
    }
    reply.bulkText('nodes');
    reply.array(1 + replicas.length);
    writeShardNode(node, node.host, 'master', reply);
    for (const replica of replicas) writeShardNode(replica, replicaHost(replica.host), 'replica', reply);
  }
});

/** The topology, in the Shoal protocol: at once where the client does not know it, or as soon as there is another one. */
function topologyOperation(context: ExecutionContext, operation: Operation, reply: OperationReply): void {
  const { cluster, topologyWaits, clock } = context.node;
  if (cluster === null) {
    reply.error(CLUSTER_DISABLED);
    return;
  }
  const start = operation.start(VALUE_ARGUMENT);
  const knownEpoch = readU32(operation.bytes, start);
  const waitMs = Math.min(readU32(operation.bytes, start + 4), TOPOLOGY_WAIT_MS_MAX);
  if (cluster.topology.epoch > knownEpoch) {
    const encoded = encodeTopology(cluster.topology);
    reply.bulk(encoded, 0, encoded.length);
  } else if (waitMs === 0) {
    reply.answer(Status.miss);
  } else {
    const untilMs = clock.monotonicMs() + waitMs;
    topologyWaits.wait(context.session, { requestId: operation.requestId, knownEpoch, untilMs });
  }
}

function writeShardNode({ id, port }: ClusterNode, host: string, role: 'master' | 'replica', reply: Reply): void {
  reply.map(7);
  reply.bulkText('id');
  reply.bulkText(id);
  reply.bulkText('port');
  reply.integer(port);
  reply.bulkText('ip');
  reply.bulkText(host);
  reply.bulkText('endpoint');
  reply.bulkText(host);
  reply.bulkText('role');
  reply.bulkText(role);
  reply.bulkText('replication-offset');
  reply.integer(0);
  reply.bulkText('health');
  reply.bulkText('online');
}

const nodesCommand = forClusterClient(({ node }, cluster, _command, reply) => {
  reply.verbatim(clusterNodesText(cluster, node.clock.nowMs()));
});

const infoCommand = inCluster(({ node }, cluster, _command, reply) => {
  reply.verbatim(clusterInfoText(cluster, node.clock.monotonicMs()));
});

const myIdCommand = inCluster((_context, cluster, _command, reply) => reply.bulkText(cluster.nodeId));

const keySlotCommand = inCluster((_context, _cluster, command, reply) => {
  reply.integer(keySlot(command.bytes, command.start(2), command.length(2)));
});

const countKeysCommand = inCluster(({ store }, _cluster, command, reply) => {
  const slot = slotArgument(command, 2, reply);
  if (slot !== null) reply.integer(store.slotCount(slot));
});

const getKeysCommand = inCluster(({ store, batch, nowMs }, _cluster, command, reply) => {
  const slot = slotArgument(command, 2, reply);
  if (slot === null) return;
  const count = integerArgument(command, 3);
  if (isNotInteger(count) || count < 0) {
    reply.error('ERR Invalid number of keys');
    return;
  }
  store.slotKeys(slot, count, batch, nowMs);
  reply.array(batch.count);
  for (let index = 0; index < batch.count; index += 1)
    reply.bulk(batch.bytes, batch.starts[index]!, batch.lengths[index]!);
});

const replicasCommand = inCluster(({ node }, cluster, command, reply) => {
  const id = command.text(2);
  if (cluster.topology.node(id) === null) {
    reply.error(`ERR Unknown node ${id.slice(0, 64)}`);
    return;
  }
  const replicas = replicasOfNode(cluster, id);
  reply.array(replicas.length);
  for (const replica of replicas) reply.bulkText(replicaLine(cluster, replica, id, node.clock.nowMs()));
});

const linksCommand = inCluster((_context, _cluster, _command, reply) => reply.array(0));

const failureReportsCommand = inCluster((_context, _cluster, _command, reply) => reply.integer(0));

const refusedCommand = inCluster((_context, _cluster, _command, reply) => {
  reply.error('ERR The coordinator places slots and knows the nodes; see `shoal cluster help`');
});

const okCommand = forClusterClient((_context, _cluster, _command, reply) => reply.ok());

/** From now on the connection is given what this node has copies of, or not. */
function readsCopiesCommand(readsCopies: boolean): CommandHandler {
  return forClusterClient(({ session }, _cluster, _command, reply) => {
    // Requests of the Shoal protocol say it each for itself.
    session.readsCopies = readsCopies && !session.speaksShoal;
    reply.ok();
  });
}

/** The slot that argument `index` says; null, and an error, where it says none. */
function slotArgument(command: Command, index: number, reply: Reply): number | null {
  const slot = integerArgument(command, index);
  if (isNotInteger(slot)) {
    reply.error(ErrorText.notAnInteger);
    return null;
  }
  if (slot >= 0 && slot < SLOT_COUNT) return slot;
  reply.error('ERR Invalid or out of range slot');
  return null;
}

/** A client asks again after this; its connection is not idle for longer. */
const TOPOLOGY_WAIT_MS_MAX = 60_000;
const CLUSTER_DISABLED = 'ERR This instance has cluster support disabled';

const row = shortRows({ group: 'cluster', categories: [], complexity: 'O(N) where N is the number of slots' });
/** Redis's subcommands that change who has which slots, which are refused. */
const REFUSED: readonly (readonly [name: string, arity: number])[] = [
  ['addslots', -3],
  ['addslotsrange', -4],
  ['bumpepoch', 2],
  ['delslots', -3],
  ['delslotsrange', -4],
  ['failover', -2],
  ['flushslots', 2],
  ['forget', 3],
  ['meet', -4],
  ['replicate', 3],
  ['reset', -2],
  ['saveconfig', 2],
  ['set-config-epoch', 3],
  ['setslot', -4],
];

function connectionRow(name: string, summary: string, handler: CommandHandler): CommandSpec {
  return commandRow({
    name,
    arity: 1,
    flags: ['fast', 'loading', 'stale'],
    group: 'cluster',
    since: '3.0.0',
    syntax: '',
    summary,
    categories: ['connection'],
    handler,
  });
}

export const CLUSTER_COMMANDS: readonly CommandSpec[] = [
  containerRow({
    name: 'cluster',
    group: 'cluster',
    since: '3.0.0',
    summary: 'Tells about the cluster.',
    subcommands: [
      {
        ...row('slots', 2, ['loading', 'stale'], '3.0.0', '', 'Lists ranges of slots with their nodes.', slotsCommand),
        operation: { opcode: Opcode.topology, handler: topologyOperation },
      },
      row('shards', 2, ['loading', 'stale'], '7.0.0', '', 'Lists nodes with their slots.', shardsCommand),
      row('nodes', 2, ['loading', 'stale'], '3.0.0', '', 'Lists nodes, a line each.', nodesCommand),
      row('info', 2, ['loading', 'stale'], '3.0.0', '', 'Tells how the cluster is.', infoCommand),
      row('myid', 2, ['loading', 'stale'], '3.0.0', '', "Tells the node's id.", myIdCommand),
      row('myshardid', 2, ['loading', 'stale'], '7.2.0', '', "Tells the node's id: each is a shard.", myIdCommand),
      row('keyslot', 3, ['loading', 'stale'], '3.0.0', 'key', 'Tells the slot of a key.', keySlotCommand),
      row('countkeysinslot', 3, ['stale'], '3.0.0', 'slot', 'Counts the keys of a slot here.', countKeysCommand),
      row('getkeysinslot', 4, ['stale'], '3.0.0', 'slot count', 'Lists keys of a slot here.', getKeysCommand),
      row('replicas', 3, ['admin', 'stale'], '5.0.0', 'node-id', 'Lists the replicas of a node.', replicasCommand),
      row('slaves', 3, ['admin', 'stale'], '3.0.0', 'node-id', 'Lists the replicas of a node.', replicasCommand),
      row('links', 2, ['stale'], '7.0.0', '', 'Lists none: nodes have no links of that kind.', linksCommand),
      row('count-failure-reports', 3, ['admin', 'stale'], '3.0.0', 'node-id', 'Tells 0.', failureReportsCommand),
      ...REFUSED.map(([name, arity]) =>
        row(
          name,
          arity,
          ['admin', 'stale', 'noscript'],
          '3.0.0',
          '',
          'Is refused: see `shoal cluster`.',
          refusedCommand,
        ),
      ),
      helpRow('cluster', '5.0.0'),
    ],
  }),
  connectionRow('readonly', "Has reads answered from copies of other nodes' slots.", readsCopiesCommand(true)),
  connectionRow('readwrite', 'Has reads answered by owners alone, as they are at first.', readsCopiesCommand(false)),
  connectionRow('asking', 'Is accepted: slots are handed over whole, by nodes that serve what they have.', okCommand),
];

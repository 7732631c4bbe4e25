/**
 * INFO: sections of `name:value` lines, with Redis's names for what means the same here, so that exporters, dashboards and
 * `redis-cli --stat` read them. A value that has no meaning here is left out, or is the constant that says "off"
 * where a reader needs the field. Names that begin with `shoal_` are ours.
 */
import { release, machine, totalmem } from 'node:os';
import { DATABASE_COUNT } from '../store/types.ts';
import type { StoreStats } from '../store/api.ts';
import { commandStatsLines, errorStatsLines } from './info-commands.ts';
import { type Field, persistenceFields } from './info-persistence.ts';
import { REDIS_EVICTION_NAMES, REDIS_VERSION, serverMode } from './compatibility.ts';
import type { CopySummary } from '../cluster/copy-table.ts';
import { replicasOfNode } from './cluster/replica-lists.ts';
import type { ExecutionContext } from './execution-context.ts';
import { sumThreadFigures, type ThreadFigures } from './thread-figures.ts';

type Section = (context: ExecutionContext, figures: ThreadFigures) => readonly Field[];

const SECTIONS: Readonly<Record<string, { readonly title: string; readonly fields: Section }>> = {
  server: { title: 'Server', fields: serverFields },
  clients: { title: 'Clients', fields: clientsFields },
  memory: { title: 'Memory', fields: memoryFields },
  persistence: { title: 'Persistence', fields: persistenceFields },
  stats: { title: 'Stats', fields: statsFields },
  replication: { title: 'Replication', fields: replicationFields },
  cpu: { title: 'CPU', fields: cpuFields },
  modules: { title: 'Modules', fields: () => [] },
  commandstats: { title: 'Commandstats', fields: ({ node }, figures) => commandStatsLines(node.table, figures) },
  errorstats: { title: 'Errorstats', fields: (_context, figures) => errorStatsLines(figures) },
  cluster: { title: 'Cluster', fields: ({ node }) => [['cluster_enabled', node.cluster === null ? 0 : 1]] },
  keyspace: { title: 'Keyspace', fields: keyspaceFields },
};

const ALL = Object.keys(SECTIONS);
const DEFAULT = ALL.filter((name) => name !== 'commandstats');

/** The sections named (lower case; `all`, `everything`, `default` too) in a fixed order, each once; all usual ones if none is named. */
export function infoText(context: ExecutionContext, names: readonly string[]): string {
  const figures = sumThreadFigures(context.node.threads.everywhere('figures', null));
  const wanted = new Set<string>(names.length === 0 ? DEFAULT : []);
  for (const name of names) {
    const group = name === 'all' || name === 'everything' ? ALL : name === 'default' ? DEFAULT : [name];
    for (const section of group) wanted.add(section);
  }
  const parts: string[] = [];
  for (const name of ALL) {
    const section = SECTIONS[name];
    if (section === undefined || !wanted.has(name)) continue;
    const lines = section.fields(context, figures).map(([field, value]) => `${field}:${value}\r\n`);
    parts.push(`# ${section.title}\r\n${lines.join('')}`);
  }
  return parts.join('\r\n');
}

function serverFields({ node }: ExecutionContext): readonly Field[] {
  const { identity, options, clock } = node;
  const nowMs = clock.nowMs();
  const uptimeSeconds = Math.max(0, Math.floor((nowMs - identity.startedAtMs) / 1000));
  return [
    ['redis_version', REDIS_VERSION],
    ['redis_git_sha1', '00000000'],
    ['redis_git_dirty', 0],
    ['redis_build_id', '0'],
    ['redis_mode', serverMode(node)],
    ['server_name', 'shoal'],
    ['shoal_version', identity.version],
    ['os', `${process.platform === 'linux' ? 'Linux' : process.platform} ${release()} ${machine()}`],
    ['arch_bits', 64],
    ['multiplexing_api', identity.transportName],
    ['process_id', identity.processId],
    ['process_supervised', 'no'],
    ['run_id', identity.runId],
    ['tcp_port', identity.port],
    ['server_time_usec', Math.floor(nowMs * 1000)],
    ['uptime_in_seconds', uptimeSeconds],
    ['uptime_in_days', Math.floor(uptimeSeconds / 86_400)],
    ['hz', 10],
    ['configured_hz', 10],
    ['executable', process.execPath],
    ['config_file', ''],
    ['io_threads_active', 0],
    ['shoal_data_threads', node.threads.count],
    ['listener0', `name=tcp,bind=${options.host},port=${identity.port}`],
  ];
}

function clientsFields({ node, limits }: ExecutionContext, { clients, tracking }: ThreadFigures): readonly Field[] {
  return [
    ['connected_clients', node.clients.nodeCount],
    ['cluster_connections', 0],
    ['maxclients', limits.connectionCountMax],
    ['client_recent_max_input_buffer', clients.inputBytesMax],
    ['client_recent_max_output_buffer', clients.outputBytesMax],
    ['blocked_clients', clients.pausedCount],
    ['tracking_clients', tracking.clientCount],
    ['pubsub_clients', clients.subscriberCount],
    ['clients_in_timeout_table', 0],
    ['total_blocking_keys', 0],
    ['total_blocking_keys_on_nokey', 0],
    ['shoal_protocol_clients', clients.shoalCount],
  ];
}

/** `used_memory` counts what the memory limit counts: segments of items, index and ghosts. RSS is the process's. */
function memoryFields({ node, store }: ExecutionContext, { clients, heapBytes }: ThreadFigures): readonly Field[] {
  const stats = store.stats();
  const rss = process.memoryUsage.rss();
  const overhead = stats.indexBytes + stats.ghostBytes;
  return [
    ['used_memory', stats.usedBytes],
    ['used_memory_human', human(stats.usedBytes)],
    ['used_memory_rss', rss],
    ['used_memory_rss_human', human(rss)],
    ['used_memory_peak', stats.usedBytesPeak],
    ['used_memory_peak_human', human(stats.usedBytesPeak)],
    ['used_memory_peak_perc', percent(stats.usedBytes, stats.usedBytesPeak)],
    ['used_memory_overhead', overhead],
    ['used_memory_startup', 0],
    ['used_memory_dataset', stats.liveBytes],
    ['used_memory_dataset_perc', percent(stats.liveBytes, stats.usedBytes)],
    ['total_system_memory', totalmem()],
    ['total_system_memory_human', human(totalmem())],
    ['used_memory_lua', 0],
    ['used_memory_scripts', 0],
    ['number_of_cached_scripts', 0],
    ['number_of_functions', 0],
    ['number_of_libraries', 0],
    ['maxmemory', stats.memoryBytes],
    ['maxmemory_human', human(stats.memoryBytes)],
    ['maxmemory_policy', REDIS_EVICTION_NAMES[node.options.eviction]],
    ['mem_fragmentation_ratio', ratio(rss, stats.usedBytes)],
    ['mem_fragmentation_bytes', rss - stats.usedBytes],
    ['mem_not_counted_for_evict', 0],
    ['mem_replication_backlog', 0],
    ['mem_clients_slaves', 0],
    ['mem_clients_normal', clients.memoryBytes],
    ['mem_aof_buffer', 0],
    ['mem_allocator', 'shoal-segments'],
    ['active_defrag_running', 0],
    ['lazyfree_pending_objects', 0],
    ['lazyfreed_objects', 0],
    ...storeFields(stats),
    ['shoal_thread_heap_bytes', heapBytes.join(',')],
  ];
}

function storeFields(stats: StoreStats): readonly Field[] {
  return [
    ['shoal_live_bytes', stats.liveBytes],
    ['shoal_dead_bytes', stats.deadBytes],
    ['shoal_index_bytes', stats.indexBytes],
    ['shoal_ghost_bytes', stats.ghostBytes],
    ['shoal_segment_bytes', stats.segmentBytes],
    ['shoal_free_segments', stats.freeSegmentCount],
  ];
}

function statsFields({ node, store }: ExecutionContext, figures: ThreadFigures): readonly Field[] {
  const { clients, commands, traffic, tracking } = figures;
  const { pubsub } = node;
  const stats = store.stats();
  return [
    ['total_connections_received', clients.receivedCount],
    ['total_commands_processed', commands.totalCalls],
    ['instantaneous_ops_per_sec', traffic.callsPerSecond],
    ['total_net_input_bytes', traffic.receivedBytes],
    ['total_net_output_bytes', traffic.sentBytes],
    ['total_net_repl_input_bytes', 0],
    ['total_net_repl_output_bytes', 0],
    ['instantaneous_input_kbps', (traffic.receivedBytesPerSecond / 1024).toFixed(2)],
    ['instantaneous_output_kbps', (traffic.sentBytesPerSecond / 1024).toFixed(2)],
    ['instantaneous_input_repl_kbps', '0.00'],
    ['instantaneous_output_repl_kbps', '0.00'],
    ['rejected_connections', clients.rejectedCount],
    ['sync_full', 0],
    ['sync_partial_ok', 0],
    ['sync_partial_err', 0],
    ['expired_keys', stats.expired],
    ['expired_stale_perc', '0.00'],
    ['expired_time_cap_reached_count', 0],
    ['evicted_keys', stats.evicted],
    ['evicted_clients', 0],
    ['keyspace_hits', stats.hits],
    ['keyspace_misses', stats.misses],
    ['pubsub_channels', pubsub.channelCount],
    ['pubsub_patterns', pubsub.patternCount],
    ['pubsubshard_channels', 0],
    ['latest_fork_usec', 0],
    ['total_forks', 0],
    ['migrate_cached_sockets', 0],
    ['slave_expires_tracked_keys', 0],
    ['active_defrag_hits', 0],
    ['active_defrag_misses', 0],
    ['active_defrag_key_hits', 0],
    ['active_defrag_key_misses', 0],
    ['tracking_total_keys', tracking.keyCount],
    ['tracking_total_items', tracking.itemCount],
    ['tracking_total_prefixes', tracking.prefixCount],
    ['unexpected_error_replies', 0],
    ['total_error_replies', commands.totalErrors],
    ['total_reads_processed', traffic.readCount],
    ['total_writes_processed', traffic.writeCount],
    ['io_threaded_reads_processed', 0],
    ['io_threaded_writes_processed', 0],
    ['acl_access_denied_auth', 0],
    ['shoal_output_limit_closes', traffic.outputLimitCloses],
    ['shoal_input_limit_closes', traffic.inputLimitCloses],
    ['shoal_idle_closes', traffic.idleCloses],
    ['shoal_protocol_errors', traffic.protocolErrors],
    ['shoal_tracking_overruns', node.tracking.overrunCount],
  ];
}

function replicationFields({ node }: ExecutionContext): readonly Field[] {
  const { cluster, copies, clock } = node;
  const replicas = cluster === null ? [] : replicasOfNode(cluster, cluster.nodeId);
  return [
    ['role', 'master'],
    ['connected_slaves', replicas.length],
    ...replicas.map(({ host, port }, index): Field => [`slave${index}`, `ip=${host},port=${port},state=online`]),
    ['master_failover_state', 'no-failover'],
    ['master_replid', node.identity.runId],
    ['master_replid2', '0'.repeat(40)],
    ['master_repl_offset', 0],
    ['second_repl_offset', -1],
    ['repl_backlog_active', 0],
    ['repl_backlog_size', 0],
    ['repl_backlog_first_byte_offset', 0],
    ['repl_backlog_histlen', 0],
    ...(copies === null ? [] : copyFields(copies.table.summary(), clock.monotonicMs())),
  ];
}

/** What this node copies of others, and how old that is at most; −1: nobody knows. */
function copyFields({ count, freshAtMs }: CopySummary, monotonicMs: number): readonly Field[] {
  const ageMs = monotonicMs - freshAtMs;
  return [
    ['shoal_copied_slots', count],
    ['shoal_copies_age_ms', count === 0 || !Number.isFinite(ageMs) ? -1 : Math.ceil(ageMs)],
  ];
}

function cpuFields(): readonly Field[] {
  const { user, system } = process.cpuUsage();
  return [
    ['used_cpu_sys', (system / 1e6).toFixed(6)],
    ['used_cpu_user', (user / 1e6).toFixed(6)],
    ['used_cpu_sys_children', '0.000000'],
    ['used_cpu_user_children', '0.000000'],
  ];
}

function keyspaceFields({ store }: ExecutionContext): readonly Field[] {
  const fields: Field[] = [];
  for (let database = 0; database < DATABASE_COUNT; database += 1) {
    const keys = store.count(database);
    if (keys > 0) fields.push([`db${database}`, `keys=${keys},expires=${store.expiringCount(database)},avg_ttl=0`]);
  }
  return fields;
}

function human(bytes: number): string {
  const units = ['B', 'K', 'M', 'G', 'T'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return unit === 0 ? `${value}B` : `${value.toFixed(2)}${units[unit]}`;
}

function percent(part: number, whole: number): string {
  return `${whole === 0 ? '0.00' : ((part * 100) / whole).toFixed(2)}%`;
}

function ratio(part: number, whole: number): string {
  return whole === 0 ? '0.00' : (part / whole).toFixed(2);
}

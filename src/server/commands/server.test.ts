import { describe, expect, test } from 'bun:test';
import { startFakeNode } from '../../../test/support/fake-node.ts';

/** The `name:value` lines of an INFO reply. */
function fieldsOf(reply: string): Map<string, string> {
  const pairs = reply.split('\r\n').filter((line) => /^[a-z]/.test(line));
  return new Map(pairs.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]));
}

/** What redis_exporter's dashboards, `redis-cli --stat` and client libraries look for. */
const EXPECTED_FIELDS =
  'redis_version redis_mode os run_id tcp_port uptime_in_seconds connected_clients blocked_clients maxclients used_memory used_memory_human used_memory_rss used_memory_peak maxmemory mem_fragmentation_ratio loading aof_enabled rdb_last_bgsave_status total_connections_received total_commands_processed instantaneous_ops_per_sec total_net_input_bytes total_net_output_bytes rejected_connections expired_keys evicted_keys keyspace_hits keyspace_misses pubsub_channels pubsub_patterns role connected_slaves master_repl_offset used_cpu_sys used_cpu_user cluster_enabled';

describe('INFO', () => {
  test('has the fields that tools read', async () => {
    await using node = await startFakeNode();
    const fields = fieldsOf(node.open().exchange('INFO\r\n'));
    expect(EXPECTED_FIELDS.split(' ').filter((name) => !fields.has(name))).toEqual([]);
  });

  test('tells the heap of each thread, which has no items in it', async () => {
    await using node = await startFakeNode();
    const bytes = fieldsOf(node.open().exchange('INFO memory\r\n')).get('shoal_thread_heap_bytes');
    expect(bytes).toMatch(/^[1-9][0-9]*$/);
  });

  test('shows the sections that are asked for', async () => {
    await using node = await startFakeNode();
    const connection = node.open();
    const titles = (reply: string) => [...reply.matchAll(/# (\w+)/g)].map(([, title]) => title);
    expect(titles(connection.exchange('INFO clients KEYSPACE nosuch\r\n'))).toEqual(['Clients', 'Keyspace']);
    expect(connection.exchange('INFO nosuch\r\n')).toBe('$0\r\n\r\n');
    expect(titles(connection.exchange('INFO\r\n'))).not.toContain('Commandstats');
    expect(titles(connection.exchange('INFO all\r\n'))).toContain('Commandstats');
    expect(connection.exchange('HELLO 3\r\nINFO cluster\r\n')).toEndWith(
      '=34\r\ntxt:# Cluster\r\ncluster_enabled:0\r\n\r\n',
    );
  });

  test('counts keys, hits, bytes and clients', async () => {
    await using node = await startFakeNode();
    const connection = node.open();
    const sent = 'SET a 1\r\nSET b 1 EX 100\r\nGET a\r\nGET x\r\nSELECT 2\r\nSET a 1\r\n';
    connection.exchange(sent);
    const fields = fieldsOf(connection.exchange('INFO everything\r\n'));
    expect(fields.get('db0')).toBe('keys=2,expires=1,avg_ttl=0');
    expect(fields.get('db2')).toBe('keys=1,expires=0,avg_ttl=0');
    expect([fields.get('keyspace_hits'), fields.get('keyspace_misses')]).toEqual(['1', '1']);
    expect(fields.get('total_commands_processed')).toBe('6');
    expect(fields.get('total_net_input_bytes')).toBe(String(sent.length + 'INFO everything\r\n'.length));
    expect(fields.get('connected_clients')).toBe('1');
  });

  test('tells rates from samples of the last seconds', async () => {
    await using node = await startFakeNode();
    const connection = node.open();
    for (let tick = 0; tick < 20; tick += 1) {
      connection.exchange('PING\r\n'.repeat(10));
      node.environment.advance(100);
    }
    expect(fieldsOf(connection.exchange('INFO stats\r\n')).get('instantaneous_ops_per_sec')).toBe('100');
  });
});

test('TIME is the clock of the node', async () => {
  await using node = await startFakeNode();
  node.environment.advance(1234.5);
  expect(node.open().exchange('TIME\r\n')).toBe('*2\r\n$10\r\n1700000001\r\n$6\r\n234500\r\n');
});

test('what has nothing to tell says so', async () => {
  await using node = await startFakeNode();
  const connection = node.open();
  expect(connection.exchange('SLOWLOG LEN\r\nSLOWLOG GET 10\r\nSLOWLOG RESET\r\n')).toBe(':0\r\n*0\r\n+OK\r\n');
  expect(connection.exchange('LATENCY LATEST\r\nLATENCY HISTOGRAM\r\nLATENCY RESET\r\n')).toBe('*0\r\n*0\r\n:0\r\n');
  expect(connection.exchange('WAIT 0 100\r\nROLE\r\n')).toBe(':0\r\n*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n');
  expect(connection.exchange('FUNCTION FLUSH\r\nFUNCTION FLUSH ASYNC\r\nFUNCTION LIST\r\n')).toBe(
    '+OK\r\n+OK\r\n*0\r\n',
  );
  expect(connection.exchange('MODULE LIST\r\n')).toBe('*0\r\n');
});

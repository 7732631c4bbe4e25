import { expect, test } from 'bun:test';
import { fieldsOf, rowBetween } from './top.ts';

const BEFORE =
  '# Stats\r\ntotal_commands_processed:100\r\nkeyspace_hits:10\r\nkeyspace_misses:10\r\nevicted_keys:5\r\ntotal_net_input_bytes:0\r\ntotal_net_output_bytes:0\r\n';
const AFTER =
  '# Stats\r\ntotal_commands_processed:300\r\nkeyspace_hits:85\r\nkeyspace_misses:35\r\nevicted_keys:15\r\ntotal_net_input_bytes:2048\r\ntotal_net_output_bytes:4096\r\n' +
  'used_memory:1048576\r\nmaxmemory:2097152\r\nconnected_clients:7\r\nredis_mode:cluster\r\ndb0:keys=12,expires=0,avg_ttl=0\r\ndb3:keys=3,expires=1,avg_ttl=0\r\n';

test('shows what happened between two samples, for each second', () => {
  const row = rowBetween('a:1', { atMs: 1000, fields: fieldsOf(BEFORE) }, { atMs: 3000, fields: fieldsOf(AFTER) });
  expect(row).toEqual(['a:1', '100', '75.0', '15', '1mb', '2mb', '5', '7', '1kb/s', '2kb/s', 'cluster']);
});

test('a node that was not asked for anything has no hit ratio, and one that began anew no negative rates', () => {
  const now = { atMs: 3000, fields: fieldsOf('total_commands_processed:1\n') };
  const row = rowBetween('a:1', { atMs: 1000, fields: fieldsOf(AFTER) }, now);
  expect(row.slice(0, 3)).toEqual(['a:1', '0', '-']);
});

/**
 * Why a test of Redis's suite fails against a node, or is not run. A failure that no row explains is a bug until it
 * is looked at, so `redis-suite.mjs` ends with an error then.
 */

/** What the node does not have, by the commands that a test would need. */
const ABSENT_COMMANDS = [
  { feature: 'lists', commands: ['lpush', 'rpush', 'lpop', 'rpop', 'lrange', 'blpop', 'brpop', 'linsert', 'lset'] },
  { feature: 'sets', commands: ['sadd', 'srem', 'spop', 'sscan', 'smembers', 'srandmember'] },
  { feature: 'hashes', commands: ['hset', 'hmset', 'hget', 'hscan', 'hdel'] },
  { feature: 'sorted sets', commands: ['zadd', 'zrem', 'zscan', 'zrange', 'zrangestore', 'zunionstore'] },
  { feature: 'streams', commands: ['xadd', 'xgroup', 'xread', 'xreadgroup', 'xlen'] },
  { feature: 'bit operations', commands: ['setbit', 'getbit', 'bitcount', 'bitfield', 'bitop', 'bitpos'] },
  { feature: 'LCS', commands: ['lcs'] },
  { feature: 'Lua scripts', commands: ['eval', 'evalsha', 'script', 'fcall'] },
  { feature: 'SORT', commands: ['sort', 'sort_ro'] },
  { feature: 'replication', commands: ['replicaof', 'slaveof', 'sync', 'psync', 'wait'] },
];

/** By what the failed test says. */
const BY_MESSAGE = [
  [/argument 'notify-keyspace-events'/, 'needs keyspace notifications'],
  [/argument 'appendonly'|'appendfsync'/, 'sets what is kept on disk, which is said when a node starts'],
  [/argument 'lua-time-limit'/, 'needs Lua scripts'],
  [/CONFIG SET - 'zset-max-/, 'needs sorted sets'],
  [/CONFIG SET - 'hash-max-/, 'needs hashes'],
  [/repl-ping-replica-period/, 'reads the stream of changes that a replica gets'],
];

/** By name, where the message alone does not say it. [unit, test, reason]. */
const BY_NAME = [
  [
    'unit/type/incr',
    'INCR uses shared objects in the 0-9999 range',
    'values are bytes in the store and never shared objects: OBJECT REFCOUNT is 1',
  ],
  ['unit/type/incr', 'INCR can modify objects in-place', 'compares addresses in the memory of Redis (DEBUG OBJECT)'],
  [
    'unit/keyspace',
    'MOVE basic usage',
    'counts the keys of the database, where tests before it that need other data types left some; it passes by itself',
  ],
  ['unit/multi', 'EXEC and script timeout', 'needs Lua scripts'],
  ['unit/multi', 'just EXEC and script timeout', 'needs Lua scripts'],
  [
    'unit/querybuf',
    'query buffer resized correctly',
    'an idle connection has no query buffer: requests are parsed where the thread received them',
  ],
  ['unit/querybuf', 'query buffer resized correctly when not idle', 'needs DEBUG PAUSE-CRON'],
  [
    'unit/querybuf',
    'query buffer resized correctly with fat argv',
    'expects memory to be allocated by the length that a client states; here only by what it sends',
  ],
  [
    'unit/introspection',
    'CLIENT KILL close the client connection during bgsave',
    'sets a parameter that slows saving to disk down',
  ],
  [
    'unit/tracking',
    'Tracking invalidation message of eviction keys should be before response',
    'sets `maxmemory-policy`, which is fixed when a node starts',
  ],
  ['unit/tracking', 'Regression test for #11715', 'stops what Redis does on time, by DEBUG'],
  ['unit/introspection', 'MONITOR can log commands issued by functions', 'needs Lua functions'],
  ['unit/introspection', 'MONITOR log blocked command only once', 'needs lists'],
  ['unit/introspection', 'CONFIG SET with multiple args', 'sets parameters of replication'],
  [
    'unit/introspection',
    'CONFIG SET rollback on set error',
    'sets `maxmemory-clients`: there is one limit for each connection, and none for all',
  ],
  ['unit/introspection', 'CONFIG SET rollback on apply error', 'sets `port`, which is fixed when a node starts'],
  ['unit/introspection', 'CONFIG GET hidden configs', 'asks for parameters that slow down loading from disk'],
];

/** Tags of tests that are not run, and why. */
export const TAG_REASONS = {
  'needs:repl': 'reads the stream of changes that a replica gets',
  'needs:debug': 'looks into the server through DEBUG',
  'needs:config-maxmemory': 'sets `maxmemory` to almost nothing',
};

/** The reason for a failure, or undefined. */
export function reasonOf(unit, { name, message }) {
  const named = BY_NAME.find(([itsUnit, itsName]) => itsUnit === unit && itsName === name);
  if (named !== undefined) return named[2];
  const unknown = /unknown (?:sub)?command '([\w-]+)'/.exec(message)?.[1]?.toLowerCase();
  const absent = ABSENT_COMMANDS.find(({ commands }) => commands.includes(unknown));
  if (absent !== undefined) return `needs ${absent.feature}`;
  return BY_MESSAGE.find(([pattern]) => pattern.test(message))?.[1];
}

/** Tests that are not run because the ones after them depend on what they leave behind, and why. */
export const LEFT_OUT = {
  'unit/tracking': [
    ['Invalid keys should not be tracked for scripts in NOLOOP mode', 'needs Lua scripts'],
    ['Tracking only occurs for scripts when a command calls a read-only command', 'needs Lua scripts'],
  ],
};

/** The reason why a test was not run; `why` is the runner's own. */
export function notRunReason(unit, name, why) {
  const leftOut = LEFT_OUT[unit]?.find(([itsName]) => itsName === name);
  if (leftOut !== undefined) return leftOut[1];
  const tag = /^Tag: (\S+) denied$/.exec(why)?.[1];
  return TAG_REASONS[tag] ?? why;
}

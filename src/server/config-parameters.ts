/**
 * CONFIG's parameters, by the names that Redis gives them: what clients, exporters and test suites read. Four kinds:
 * those that change a setting of this node; those that were fixed at start; those that describe a feature
 * which this node does not have, which take only the value that says so; and those that tune what is done in another
 * way here, which take any value and change nothing.
 */
import { resolve } from 'node:path';
import { effectiveMode } from '../config/persistence-options.ts';
import { parseSize } from '../config/units.ts';
import { REDIS_EVICTION_NAMES } from './compatibility.ts';
import type { NodeIdentity } from './node-services.ts';
import type { NodeOptions, PersistenceOptions } from '../config/node-options.ts';
import type { LimitName, Settings } from './settings.ts';
import { DATABASE_COUNT } from '../store/types.ts';

export interface ConfigParameter {
  readonly name: string;
  get(): string;
  /** Applies the value and returns null, or what is wrong with it. Null: it cannot be changed. */
  readonly set: ((text: string) => string | null) | null;
}

export function configParameters(
  options: NodeOptions,
  settings: Settings,
  identity: NodeIdentity,
): ReadonlyMap<string, ConfigParameter> {
  const parameters: ConfigParameter[] = [
    sizeLimit(settings, 'proto-max-bulk-len', 'bulkBytesMax'),
    sizeLimit(settings, 'client-query-buffer-limit', 'inputBufferBytesMax'),
    countLimit(settings, 'maxclients', 'connectionCountMax', 1),
    countLimit(settings, 'timeout', 'idleTimeoutMs', 1000),
    countLimit(settings, 'tracking-table-max-keys', 'trackedKeyCountMax', 1),
    outputLimit(settings),
    {
      name: 'requirepass',
      get: () => settings.password,
      set: (text) => {
        settings.password = text;
        return null;
      },
    },
    // Shoal's own, by the names of the options.
    countLimit(settings, 'limit-arguments', 'argumentCountMax', 1),
    sizeLimit(settings, 'limit-inline', 'inlineBytesMax'),
    sizeLimit(settings, 'limit-key', 'keyBytesMax'),
    sizeLimit(settings, 'limit-value', 'valueBytesMax'),
    sizeLimit(settings, 'limit-output-pause', 'outputPauseBytes'),
    countLimit(settings, 'limit-output-stall-ms', 'outputStallTimeoutMs', 1),
    sizeLimit(settings, 'limit-transaction', 'transactionBytesMax'),
    fixed('port', () => String(identity.port)),
    fixed('bind', () => identity.host),
    {
      name: 'maxmemory',
      get: () => String(settings.memoryLimitBytes),
      set: (text) => {
        const bytes = parseSize(text);
        return bytes === null ? 'argument must be a memory value' : settings.setMemoryLimit(bytes);
      },
    },
    {
      name: 'min-replicas-to-write',
      get: () => String(settings.replicaCountMin),
      set: (text) => {
        if (!/^\d{1,9}$/.test(text)) return "argument couldn't be parsed into an integer";
        settings.replicaCountMin = Number(text);
        return null;
      },
    },
    ...persistenceParameters(options.persistence),
    fixed('maxmemory-policy', () => REDIS_EVICTION_NAMES[options.eviction]),
    immutable('databases', () => String(DATABASE_COUNT)),
    immutable('enable-debug-command', () => options.debugCommand),
    ...IMMUTABLE_ABSENT_FEATURES.map(([name, value]) => immutable(name, () => value)),
    ...ABSENT_FEATURES.map(([name, value]) => absent(name, value)),
    ...WITHOUT_EFFECT.map(([name, value]) => withoutEffect(name, value)),
  ];
  return new Map(parameters.map((parameter) => [parameter.name, parameter]));
}

const FSYNC_NAMES = { never: 'no', everysec: 'everysec', always: 'always' } as const;

/** What is kept on disk was said at start. */
function persistenceParameters(options: PersistenceOptions): readonly ConfigParameter[] {
  const mode = effectiveMode(options);
  const { snapshotIntervalMs, fsync, dataDir } = options;
  const hasInterval = mode === 'snapshot' && snapshotIntervalMs > 0;
  return [
    fixed('save', () => (hasInterval ? `${Math.ceil(snapshotIntervalMs / 1000)} 1` : '')),
    fixed('appendonly', () => (mode === 'log' ? 'yes' : 'no')),
    fixed('appendfsync', () => (mode === 'log' ? FSYNC_NAMES[fsync] : 'no')),
    fixed('dir', () => (mode === 'off' ? '' : resolve(dataDir))),
    fixed('stop-writes-on-bgsave-error', () => (options.onFailure === 'refuse-writes' ? 'yes' : 'no')),
  ];
}

/** Parameters of features that are not here, with the value that says so; in Redis they cannot be changed either. */
const IMMUTABLE_ABSENT_FEATURES: readonly (readonly [string, string])[] = [
  ['daemonize', 'no'],
  ['cluster-enabled', 'no'],
  ['replicaof', ''],
  ['slaveof', ''],
  ['aclfile', ''],
  ['unixsocket', ''],
  ['io-threads', '1'],
];

/** The same, where Redis lets them be changed. */
const ABSENT_FEATURES: readonly (readonly [string, string])[] = [
  ['dbfilename', ''],
  ['tls-port', '0'],
  ['activedefrag', 'no'],
  ['notify-keyspace-events', ''],
  ['slowlog-log-slower-than', '-1'],
  ['slowlog-max-len', '0'],
  ['latency-monitor-threshold', '0'],
  ['latency-tracking', 'no'],
  ['maxmemory-clients', '0'],
  ['maxmemory-samples', '0'],
  ['lua-time-limit', '0'],
  ['busy-reply-threshold', '0'],
  ['protected-mode', 'no'],
];

/** Redis's tuning of its own inner workings, which tools set by habit: a value is kept and answered, and changes nothing here. */
const WITHOUT_EFFECT: readonly (readonly [string, string])[] = [
  ['hz', '10'],
  ['list-max-listpack-size', '-2'],
];

function withoutEffect(name: string, initial: string): ConfigParameter {
  let value = initial;
  return {
    name,
    get: () => value,
    set: (text) => {
      if (!/^-?\d{1,9}$/.test(text)) return "argument couldn't be parsed into an integer";
      value = text;
      return null;
    },
  };
}

function sizeLimit(settings: Settings, name: string, limit: LimitName): ConfigParameter {
  return {
    name,
    get: () => String(settings.limits[limit]),
    set: (text) => {
      const bytes = parseSize(text);
      return bytes === null ? 'argument must be a memory value' : settings.setLimit(limit, bytes);
    },
  };
}

/** A limit in whole units of `factor`: seconds for `timeout`. */
function countLimit(settings: Settings, name: string, limit: LimitName, factor: number): ConfigParameter {
  return {
    name,
    get: () => String(Math.ceil(settings.limits[limit] / factor)),
    set: (text) => {
      if (!/^-?\d{1,15}$/.test(text)) return "argument couldn't be parsed into an integer";
      return settings.setLimit(limit, Number(text) * factor, factor);
    },
  };
}

/** One hard limit stands for all classes of clients: there are no replicas here, and no soft limits. */
function outputLimit(settings: Settings): ConfigParameter {
  return {
    name: 'client-output-buffer-limit',
    get: () => {
      const bytes = settings.limits.outputBufferBytesMax;
      return `normal ${bytes} 0 0 slave ${bytes} 0 0 pubsub ${bytes} 0 0`;
    },
    set: (text) => {
      const words = text.split(' ').filter((word) => word !== '');
      if (words.length === 0 || words.length % 4 !== 0)
        return 'Wrong number of arguments in buffer limit configuration.';
      let hardLimit: number | null = null;
      for (let index = 0; index < words.length; index += 4) {
        const [clientClass = '', hard = '', soft = '', softSeconds = ''] = words.slice(index, index + 4);
        if (!/^(normal|slave|replica|pubsub)$/i.test(clientClass))
          return 'Invalid client class specified in buffer limit configuration.';
        const bytes = parseSize(hard);
        if (bytes === null || parseSize(soft) === null || !/^\d+$/.test(softSeconds)) {
          return 'Error in hard, soft or soft_seconds setting in buffer limit configuration.';
        }
        if (/^(slave|replica)$/i.test(clientClass)) continue;
        if (hardLimit !== null && hardLimit !== bytes)
          return 'normal and pubsub share one limit here: give both the same';
        hardLimit = bytes;
      }
      return hardLimit === null ? null : settings.setLimit('outputBufferBytesMax', hardLimit);
    },
  };
}

/** Set at start: takes only the value that it has. */
function fixed(name: string, get: () => string): ConfigParameter {
  return {
    name,
    get,
    set: (text) => {
      return text === get() ? null : 'this cannot be changed while the server runs: start it with another value';
    },
  };
}

function immutable(name: string, get: () => string): ConfigParameter {
  return { name, get, set: null };
}

function absent(name: string, value: string): ConfigParameter {
  return {
    name,
    get: () => value,
    set: (text) => (text === value ? null : `this server has no such feature: the value is always '${value}'`),
  };
}

/** What `serve` tells people and scripts once the node takes connections. */
import { effectiveMode } from '../config/persistence-options.ts';
import { formatDuration, formatSize } from '../config/units.ts';
import type { NodeOptions } from '../config/node-options.ts';
import { addressText, reachableHost } from '../io/address.ts';

export interface ReadyNode {
  readonly host: string;
  /** The port that is really listened on. */
  readonly port: number;
  /** Runtime and transport. */
  readonly description: string;
  /** What was on disk; null where nothing is kept. */
  readonly loaded: { readonly itemCount: number; readonly durationMs: number } | null;
}

/** The first line alone is for programs: `shoal 0.1.0 ready on 127.0.0.1:7600`. */
export function readyText(version: string, node: ReadyNode, options: NodeOptions): string {
  const { host, port } = node;
  const reach = reachableHost(host);
  const hostFlag = reach === '127.0.0.1' ? '' : `-h ${reach} `;
  const askPassword = options.password === '' ? '' : ' --askpass';
  const credentials = options.password === '' ? '' : ':PASSWORD@';
  const passwordOption = options.password === '' ? '' : `, password: 'PASSWORD'`;
  return `shoal ${version} ready on ${addressText(host, port)}
  client      ShoalClient.connect({ nodes: ['${addressText(reach, port)}']${passwordOption} })
  redis-cli   redis-cli ${hostFlag}-p ${port}${askPassword}
  ioredis     new Redis('redis://${credentials}${addressText(reach, port)}')
  memory      ${formatSize(options.memoryBytes)}, eviction ${options.eviction}
${dataLine(node, options)}  runtime     ${node.description}
`;
}

/** What is kept on disk, and what was there. */
function dataLine({ loaded }: ReadyNode, { persistence }: NodeOptions): string {
  const mode = effectiveMode(persistence);
  if (mode === 'off' || loaded === null) return '';
  const { dataDir, fsync, snapshotIntervalMs } = persistence;
  const interval = snapshotIntervalMs === 0 ? 'when asked for' : `every ${formatDuration(snapshotIntervalMs)}`;
  const how = mode === 'log' ? `log, fsync ${fsync}` : `snapshots ${interval}`;
  const seconds = (loaded.durationMs / 1000).toFixed(1);
  return `  data        ${dataDir}, ${how}; ${loaded.itemCount} items loaded in ${seconds} s\n`;
}

/** A sentence where others than this machine may connect without a password; else null. */
export function exposureWarning(options: NodeOptions): string | null {
  if (options.password !== '' || isLoopback(options.host)) return null;
  return `warning: anyone who reaches ${options.host} can read and write this cache; set SHOAL_PASSWORD, or listen on 127.0.0.1`;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

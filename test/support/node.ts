/**
 * Nodes for tests: in this process, on a free port, small, with no thread of their own, and stopped by `await using`.
 *
 *     await using node = await startNode({ limits: { bulkBytesMax: 4096 } });
 *
 * `npm run test:node` runs the tests of the node again over each transport and with several threads: SHOAL_TEST_TRANSPORT and
 * SHOAL_TEST_THREADS say which, where a test does not.
 */
import { defaultOptions } from '../../src/config/options.ts';
import type { Limits, NodeOptions } from '../../src/config/node-options.ts';
import type { LogLevel, NodeEnvironment } from '../../src/server/environment.ts';
import { systemEnvironment } from '../../src/server/environment.ts';
import type { RunningNode } from '../../src/server/running-node.ts';
import { type NodeParts, startNode as startAnyNode } from '../../src/server/start-node.ts';

export type NodeOverrides = Partial<Omit<NodeOptions, 'limits'>> & { readonly limits?: Partial<Limits> };

/** The options of a test node: defaults, but any free port, 16 MiB, an inline janitor and DEBUG allowed. */
export function nodeOptions(overrides: NodeOverrides = {}): NodeOptions {
  const options = defaultOptions();
  return {
    ...options,
    port: 0,
    memoryBytes: 16 * 1024 * 1024,
    janitor: 'inline',
    transport: (process.env['SHOAL_TEST_TRANSPORT'] ?? 'auto') as NodeOptions['transport'],
    threadCount: Number(process.env['SHOAL_TEST_THREADS'] ?? 1),
    debugCommand: 'yes',
    ...overrides,
    limits: { ...options.limits, ...overrides.limits },
  };
}

/** A running node on real sockets and the real clock. What it closes for a limit is not logged; a bug in it is. */
export function startNode(overrides: NodeOverrides = {}, parts: NodeParts = {}): Promise<RunningNode> {
  const environment: NodeEnvironment = { ...systemEnvironment(), log: logBugs };
  return startAnyNode(nodeOptions(overrides), { environment, ...parts });
}

function logBugs(level: LogLevel, message: string): void {
  if (level === 'error') process.stderr.write(`${message}\n`);
}

/**
 * A whole node in one object: the store, its janitor, one data thread, and a listener. Start it, use `host` and `port`,
 * stop it; nothing is left behind. Any number of nodes live in one process, each with a store of its own.
 *
 * It takes options that are checked already: `shoal serve` and `ShoalNode` (node.ts) check what people gave them.
 */
import { randomBytes } from 'node:crypto';
import type { NodeOptions } from '../config/node-options.ts';
import { selectTransport, currentRuntime } from '../io/select-transport.ts';
import type { Listener, Transport } from '../io/transport.ts';
import { RespWriter } from '../protocol/resp/writer.ts';
import { ShoalWriter } from '../protocol/shoal/writer.ts';
import type { StoreApi } from '../store/api.ts';
import { ClientPause } from './client-pause.ts';
import { ClientRegistry } from './client-registry.ts';
import { CommandStatistics } from './command-statistics.ts';
import { CommandTable } from './command-table.ts';
import { ALL_COMMANDS } from './commands/all-commands.ts';
import { errorMeaning } from './commands/error-status.ts';
import { ConnectionSweep, TICK_INTERVAL_MS } from './connection-sweep.ts';
import { configParameters } from './config-parameters.ts';
import { DataThread } from './data-thread.ts';
import { systemEnvironment } from './environment.ts';
import type { NodeEnvironment, TimerHandle } from './environment.ts';
import { ItemVersions } from './item-versions.ts';
import { MonitorFeed } from './monitor-feed.ts';
import { MutableContext } from './mutable-context.ts';
import { NodeGate } from './node-gate.ts';
import type { NodeIdentity, NodeServices } from './node-services.ts';
import { PubSubHub } from './pubsub-hub.ts';
import { SessionOutput } from './session-output.ts';
import { Settings } from './settings.ts';
import { startStore } from './store-runner.ts';
import type { RunningStore } from './store-runner.ts';
import { Traffic } from './traffic.ts';

/** What a node is built from beyond its options; each has a default. */
export interface NodeParts {
  readonly environment?: NodeEnvironment;
  readonly transport?: Transport;
  /** Shoal's version, as INFO shows it. */
  readonly version?: string;
}

export class RunningNode {
  /** The address that is listened on. */
  readonly host: string;
  readonly port: number;
  /** Runtime and transport, for people: `bun 1.4.5, Bun.listen`. */
  readonly description: string;
  private readonly listener: Listener;
  private readonly store: RunningStore;
  private readonly timer: TimerHandle;
  private stopping: Promise<void> | null = null;

  private constructor(listener: Listener, store: RunningStore, timer: TimerHandle, description: string) {
    this.listener = listener;
    this.store = store;
    this.timer = timer;
    this.description = description;
    this.host = listener.host;
    this.port = listener.port;
  }

  /** Rejects with a ShoalError where an option does not fit this machine or the address cannot be listened on. */
  static async start(options: NodeOptions, parts: NodeParts = {}): Promise<RunningNode> {
    const environment = parts.environment ?? systemEnvironment();
    const transport = parts.transport ?? selectTransport(options.transport);
    const runningStore = startStore(options, environment.log);
    const { thread, sweep, services } = assemble(options, environment, runningStore.store, {
      runId: randomBytes(20).toString('hex'),
      startedAtMs: environment.clock.nowMs(),
      processId: process.pid,
      version: parts.version ?? 'unknown',
      transportName: transport.name,
      host: options.host,
      port: options.port,
    });
    let listener: Listener;
    try {
      listener = await transport.listen({ host: options.host, port: options.port }, thread);
    } catch (error) {
      await runningStore.stop();
      throw error;
    }
    services.identity.host = listener.host;
    services.identity.port = listener.port;
    const timer = environment.timers.every(TICK_INTERVAL_MS, () => {
      sweep.tick();
      runningStore.tick(environment.clock.nowMs());
    });
    return new RunningNode(listener, runningStore, timer, `${runtimeText()}, ${transport.name}`);
  }

  /** Stops accepting, closes every connection, stops the janitor. Resolves when the port is free; safe to call again. */
  stop(): Promise<void> {
    this.stopping ??= this.stopAll();
    return this.stopping;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  private async stopAll(): Promise<void> {
    this.timer.stop();
    await this.listener.close();
    await this.store.stop();
  }
}

interface Assembly {
  readonly thread: DataThread;
  readonly sweep: ConnectionSweep;
  readonly services: NodeServices;
}

/** Builds the one data thread and what it works with. */
function assemble(
  options: NodeOptions,
  environment: NodeEnvironment,
  store: StoreApi,
  identity: NodeIdentity,
): Assembly {
  const settings = new Settings(options, environment.descriptorCountMax);
  const { limits } = settings;
  if (limits.connectionCountMax < options.limits.connectionCountMax) {
    environment.log(
      'warn',
      `at most ${limits.connectionCountMax} connections instead of ${options.limits.connectionCountMax}: this process may open ${environment.descriptorCountMax} files; raise that limit (ulimit -n)`,
    );
  }
  const traffic = new Traffic();
  const gate = new NodeGate();
  const respWriter = new RespWriter(limits.outputBufferBytesMax);
  const shoalWriter = new ShoalWriter(limits.outputBufferBytesMax, errorMeaning);
  const output = new SessionOutput(respWriter, limits, traffic, environment.clock, environment.log);
  const table = new CommandTable(ALL_COMMANDS);
  const services: NodeServices = {
    options,
    identity,
    table,
    clients: new ClientRegistry(),
    pubsub: new PubSubHub(output, new RespWriter(Number.MAX_SAFE_INTEGER)),
    monitors: new MonitorFeed(output, gate),
    pause: new ClientPause(gate),
    settings,
    parameters: configParameters(options, settings, identity),
    statistics: new CommandStatistics(table.entries.length),
    traffic,
    itemVersions: new ItemVersions(randomInt32(), randomInt32()),
    clock: environment.clock,
  };
  const context = new MutableContext(store, limits, services, environment.random01);
  const thread = new DataThread({ context, gate, respWriter, shoalWriter, output, environment });
  const sweep = new ConnectionSweep(thread, services, limits, environment.log);
  return { thread, sweep, services };
}

function randomInt32(): number {
  return randomBytes(4).readInt32LE();
}

function runtimeText(): string {
  return currentRuntime() === 'bun' ? `bun ${process.versions['bun']}` : `node ${process.versions.node}`;
}

/**
 * `shoal/server`: a node inside an application or a test.
 *
 *     await using node = await ShoalNode.start({ memory: '64mb' });
 *     const cache = await ShoalClient.connect({ nodes: [node.address] });
 *
 * The public face of `RunningNode`: it checks what people give, and shows no part of the machinery. Loading this module
 * starts nothing.
 */
// Node 20's own types and older targets lack `Symbol.asyncDispose`; who type-checks against the package must not care.
/// <reference lib="esnext.disposable" preserve="true" />
import { ShoalError } from '../base/errors.ts';
import { packageVersion } from '../base/version.ts';
import type { NodeSettings } from '../config/node-settings.ts';
import { readSettings } from '../config/settings.ts';
import { addressText, reachableHost } from '../io/address.ts';
import { currentRuntime } from '../io/select-transport.ts';
import { embeddedEnvironment } from './embedded-environment.ts';
import type { RunningNode } from './running-node.ts';
import { startNode } from './start-node.ts';

/** What {@link ShoalNode.start} takes. */
export type ShoalNodeSettings = NodeSettings;

export class ShoalNode {
  /** The address that is listened on, as the settings named it. */
  readonly host: string;
  /** The port that is listened on: where the settings said 0, the one that was free. */
  readonly port: number;
  /** `host:port` for clients on this machine; `[host]:port` for IPv6. */
  readonly address: string;
  /** Let go of when it has stopped: a node that is kept in a variable must not keep its memory. */
  #running: RunningNode | null;
  #stopping: Promise<void> | null = null;

  private constructor(running: RunningNode) {
    this.#running = running;
    this.host = running.host;
    this.port = running.port;
    this.address = addressText(reachableHost(running.host), running.port);
  }

  /**
   * Starts a node, by default on a free port of 127.0.0.1 with 64 MiB, and resolves once it takes connections: in some
   * milliseconds. Any number of nodes live in one process. Like any server, a node keeps the process alive until it is
   * stopped; its timers do not.
   *
   * Rejects with a `ShoalError`: `InvalidOption` for settings that are not as `NodeSettings` says, all problems in one
   * message, one on each line; `ListenFailed` where the address cannot be listened on; `DataSetFailed` where the data folder cannot be used, is
   * damaged, or holds more than this node has memory for.
   *
   * Fake timers that are installed after this module was loaded leave a node alone, but for a fake `process.nextTick` on
   * Node, which holds up every socket of the process: such a start is refused.
   */
  static async start(settings: NodeSettings = {}): Promise<ShoalNode> {
    const { options, nowMs, log } = readSettings(settings);
    checkSockets();
    const environment = embeddedEnvironment(nowMs, log);
    return new ShoalNode(await startNode(options, { environment, version: packageVersion() }));
  }

  /**
   * Has the slots of a node in a cluster moved to the other nodes, while it serves on; then `stop` loses nothing. Resolves when it has none, when
   * that cannot be had within a minute, and at once where it is in no cluster or has stopped.
   */
  leave(): Promise<void> {
    return this.#running?.leave() ?? Promise.resolve();
  }

  /**
   * Stops accepting, closes every connection at once, writes what is to be kept, and gives the memory back. Resolves when the port is free; safe to
   * call again. What was stored is gone, but for a node with a data folder; rejects with a `ShoalError`, `DataSetFailed`, where not all of it could be
   * written there.
   */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  /** Stops the node at the end of the block that holds it with `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #stop(): Promise<void> {
    try {
      await this.#running?.stop();
    } finally {
      this.#running = null;
    }
  }
}

/** Node's own sockets call `process.nextTick` by that name, so under a fake one the start would never end. */
function checkSockets(): void {
  const nextTick = Reflect.get(process, 'nextTick') as object;
  if (currentRuntime() !== 'node' || !Object.hasOwn(nextTick, 'clock')) return;
  throw new ShoalError(
    'ListenFailed',
    "process.nextTick is a fake, which Node's sockets cannot work with; leave it real, as with install({ toNotFake: ['nextTick'] })",
  );
}

/**
 * What the client keeps, on every runtime and however it was installed: one suite, run over the sources on Bun, over the build on Node, and over
 * the packed tarball on both. It knows the package only through `ClientWorld`.
 */
import type { ShoalError } from '../../src/base/errors.ts';
import type { ShoalClient } from '../../src/client/client.ts';
import type { ClientOptions } from '../../src/client/options.ts';
import { faultCases } from './client-contract-faults.ts';
import { failureCases } from './client-contract-failures.ts';
import { nodeCases } from './client-contract-nodes.ts';
import { valueCases } from './client-contract-values.ts';

/** The package under test. */
export interface ClientWorld {
  readonly ShoalClient: typeof ShoalClient;
  readonly ShoalError: typeof ShoalError;
  /** A node on a free port, or on `port`. */
  startNode(settings?: NodeSettings): Promise<RunningNode>;
}

export interface NodeSettings {
  readonly port?: number;
  readonly password?: string;
  readonly memory?: string;
  readonly eviction?: 'noeviction';
}

export interface RunningNode {
  readonly port: number;
  stop(): Promise<void>;
}

export interface ClientCase {
  readonly name: string;
  run(fixture: ClientFixture): Promise<void>;
}

export type TestApi = (name: string, body: () => Promise<void>) => void;

export function defineClientContract(world: () => Promise<ClientWorld>, test: TestApi): void {
  for (const contractCase of [...valueCases, ...failureCases, ...nodeCases, ...faultCases]) {
    test(contractCase.name, async () => {
      const fixture = new ClientFixture(await world());
      try {
        await contractCase.run(fixture);
      } finally {
        await fixture.finish();
      }
    });
  }
}

/** What a case starts, and what is ended after it. */
export class ClientFixture {
  readonly world: ClientWorld;
  private readonly endings: (() => Promise<unknown> | void)[] = [];

  constructor(world: ClientWorld) {
    this.world = world;
  }

  /** A client of a node of its own. */
  async start<V = unknown>(
    options: Omit<ClientOptions<V>, 'nodes'> = {},
    settings: NodeSettings = {},
  ): Promise<ShoalClient<V>> {
    const node = await this.node(settings);
    return this.connect<V>({ ...options, nodes: [`127.0.0.1:${node.port}`] });
  }

  async node(settings: NodeSettings = {}): Promise<RunningNode> {
    const node = await this.world.startNode(settings);
    this.endings.push(() => node.stop());
    return node;
  }

  async connect<V = unknown>(options: ClientOptions<V>): Promise<ShoalClient<V>> {
    return this.keep(await this.world.ShoalClient.connect<V>(options));
  }

  lazy<V = unknown>(options: ClientOptions<V>): ShoalClient<V> {
    return this.keep(this.world.ShoalClient.lazy<V>(options));
  }

  /** Ends it after the case, before what was started earlier. */
  atEnd(ending: () => Promise<unknown> | void): void {
    this.endings.push(ending);
  }

  async finish(): Promise<void> {
    for (const ending of this.endings.toReversed()) await ending();
  }

  private keep<V>(client: ShoalClient<V>): ShoalClient<V> {
    this.endings.push(() => client.close());
    return client;
  }
}

/**
 * Runs the client contract over the package `shoal` as an application finds it, and prints one JSON line per case. It is bundled and started
 * by client.test.ts.
 */
import { runCases } from '../support/case-runner.ts';
import { type ClientWorld, defineClientContract, type NodeSettings, type RunningNode } from './client-contract.ts';

interface ClientModule {
  readonly ShoalClient: ClientWorld['ShoalClient'];
  readonly ShoalError: ClientWorld['ShoalError'];
}

interface ServerModule {
  readonly ShoalNode: { start(settings?: NodeSettings): Promise<RunningNode> };
}

// The names are no literals for the compiler: this package's own build need not be there when the sources are checked.
const [clientName, serverName]: readonly string[] = ['shoal/client', 'shoal/server'];

async function world(): Promise<ClientWorld> {
  const { ShoalClient, ShoalError } = (await import(clientName!)) as ClientModule;
  const { ShoalNode } = (await import(serverName!)) as ServerModule;
  return { ShoalClient, ShoalError, startNode: (settings) => ShoalNode.start(settings) };
}

await runCases((test) => defineClientContract(world, test));
process.exit(0);

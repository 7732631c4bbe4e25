/** `shoal ping`: asks each node for an answer, and prints how long it took. */
import type { ShoalClient } from '../client/client.ts';
import type { ResolvedAddress } from '../client/address.ts';
import { checkWords } from './arguments.ts';
import { clientCommand } from './client-command.ts';
import { clientFlagLines, helpPage } from './client-flags.ts';
import type { CommandContext, CommandModule } from './command.ts';
import { ExitCode } from './exit-codes.ts';
import { explained } from './explain-error.ts';
import { writeAll } from './streams.ts';

export const pingCommand: CommandModule = clientCommand<null>({
  options: {},
  codec: () => 'bytes',
  prepare: ({ words }) => {
    checkWords(words, [], { min: 0, max: 0 });
    return null;
  },
  run: async ({ client, target, context }) => {
    const answered = await Promise.all(target.nodes.map((node) => pingNode(client, node, context)));
    return answered.every(Boolean) ? ExitCode.ok : ExitCode.fault;
  },
  help: () =>
    helpPage(
      ['Ask each node for an answer. Prints a line for each that gave one, with the time of a round trip.'],
      'ping [options]',
      [
        clientFlagLines(),
        [`Where a node does not answer, stderr says why, and the exit code is ${ExitCode.fault}.`],
        ['Examples', '  shoal ping', '  shoal ping --node 10.0.0.1:7600,10.0.0.2:7600 --timeout 500ms'],
      ],
    ),
});

/** Whether it answered. */
async function pingNode(client: ShoalClient, { id }: ResolvedAddress, context: CommandContext): Promise<boolean> {
  try {
    // The first connects: its time is not that of a round trip.
    await client.ping({ node: id });
    const startMs = context.nowMs();
    await client.ping({ node: id });
    await writeAll(context.streams.output, `${id}  ${(context.nowMs() - startMs).toFixed(2)} ms\n`);
    return true;
  } catch (error) {
    const shown = explained(error);
    context.writeError(`shoal: ${shown instanceof Error ? shown.message : String(shown)}\n`);
    return false;
  }
}

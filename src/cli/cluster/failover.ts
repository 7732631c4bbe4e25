/** `shoal cluster failover NODE`: its replicas take its slots over while it lives, and nothing is lost; it stays, without slots, and copies. */
import { shortNodeId } from '../../topology/short-node-id.ts';
import { checkWords } from '../arguments.ts';
import { helpPage } from '../client-flags.ts';
import type { CommandModule } from '../command.ts';
import { ExitCode } from '../exit-codes.ts';
import { entry } from '../help-layout.ts';
import { followMoves } from './follow-moves.ts';
import { nodeNamed, operate, OPERATOR_HELP } from './operator.ts';

export const failoverCommand: CommandModule = {
  help,
  run: (args, context) =>
    operate(args, context, {
      options: { wait: 'switch' },
      help,
      check: ({ words }) => checkWords(words, ['NODE'], { min: 1, max: 1 }),
      task: async ({ parsed, connection }) => {
        const node = nodeNamed(parsed.words[0]!, await connection.status());
        await connection.failover(node.id);
        context.writeOut(`${node.host}:${node.port} hands its slots over to its replicas\n`);
        context.writeOut(`shoal cluster undrain ${shortNodeId(node.id)} lets it have slots again\n`);
        if (parsed.switches.has('wait')) await followMoves(connection, context);
        return ExitCode.ok;
      },
    }),
};

function help(): string {
  return helpPage(
    [
      'Let the replicas of a node take its slots over. Each slot needs one that is synced; nothing is copied and nothing is lost.',
      'The node stays in the cluster, without slots, and copies those of others; shoal cluster undrain lets it have some again.',
    ],
    'cluster failover NODE [options]',
    [
      ['Options', ...entry('--wait', 'Return once nothing moves any more, and show how far it is.')],
      OPERATOR_HELP,
      ['Examples', '  shoal cluster failover 3f2a', '  shoal cluster failover 127.0.0.1:7601 --wait'],
    ],
  );
}

/** `shoal cluster forget` and `cancel`: what an operator knows better than a coordinator can. */
import { ShoalError } from '../../base/errors.ts';
import type { Status } from '../../protocol/cluster/messages.ts';
import { checkWords } from '../arguments.ts';
import { helpPage } from '../client-flags.ts';
import type { CommandModule } from '../command.ts';
import { ExitCode } from '../exit-codes.ts';
import { operate, OPERATOR_HELP } from './operator.ts';

export const forgetCommand: CommandModule = {
  help: forgetHelp,
  run: (args, context) =>
    operate(args, context, {
      options: {},
      help: forgetHelp,
      check: ({ words }) => checkWords(words, ['NODE'], { min: 1, max: 1 }),
      task: async ({ parsed, connection }) => {
        const node = departedNamed(parsed.words[0]!, await connection.status());
        await connection.forget(node.id);
        context.writeOut(`${node.host}:${node.port} is forgotten\n`);
        return ExitCode.ok;
      },
    }),
};

export const cancelCommand: CommandModule = {
  help: cancelHelp,
  run: (args, context) =>
    operate(args, context, {
      options: {},
      help: cancelHelp,
      check: ({ words }) => checkWords(words, [], { min: 0, max: 0 }),
      task: async ({ connection }) => {
        await connection.cancel();
        context.writeOut('nothing more is moved; shoal cluster limits --concurrent-moves N begins again\n');
        return ExitCode.ok;
      },
    }),
};

/** The removed node that `text` names by the first digits of its id or by its address. Throws `InvalidArgument` where that is none, or several. */
function departedNamed(
  text: string,
  { departed, awaited = [] }: Status,
): Pick<Status['departed'][number], 'id' | 'host' | 'port'> {
  const all = new Map([...departed, ...awaited].map((node) => [node.id, node]));
  const found = [...all.values()].filter(({ id, host, port }) => id.startsWith(text) || `${host}:${port}` === text);
  if (found.length === 1) return found[0]!;
  const which = found.length === 0 ? 'no node that is waited for' : 'more than one node that is waited for';
  throw new ShoalError(
    'InvalidArgument',
    `${which} is called ${JSON.stringify(text)}; see the end of shoal cluster status`,
  );
}

function forgetHelp(): string {
  return helpPage(
    [
      'Say that the process of a removed node has ended. Nodes that are cut off together may serve each other on, and a coordinator',
      'cannot tell that from a crash; so new nodes wait until it knows. Only say so where it is true: two nodes could serve the same slots.',
      'The data that such a node kept on its disk is given up: what nobody else has of its slots begins empty.',
    ],
    'cluster forget NODE [options]',
    [OPERATOR_HELP, ['Examples', '  shoal cluster forget 3f2a', '  shoal cluster forget 10.0.0.7:7600']],
  );
}

function cancelHelp(): string {
  return helpPage(
    ['Give up what is being moved, and move nothing more until limits says so. Slots stay where they are.'],
    'cluster cancel [options]',
    [OPERATOR_HELP, ['Examples', '  shoal cluster cancel', '  shoal cluster limits --concurrent-moves 4']],
  );
}

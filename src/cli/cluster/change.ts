/** `shoal cluster drain`, `undrain`, `weight`, `rebalance`, `limits`: what an operator changes. Each returns once it is stored; slots move after that. */
import { ShoalError } from '../../base/errors.ts';
import { parseSize } from '../../config/units.ts';
import { REPLICAS_MAX } from '../../protocol/cluster/messages.ts';
import { shortNodeId } from '../../topology/short-node-id.ts';
import { checkWords, type ParsedArguments, valueOf } from '../arguments.ts';
import { helpPage } from '../client-flags.ts';
import type { CommandModule } from '../command.ts';
import { ExitCode } from '../exit-codes.ts';
import { entry } from '../help-layout.ts';
import { nodeNamed, operate, OPERATOR_HELP } from './operator.ts';
import { followMoves } from './follow-moves.ts';
import { table } from './status.ts';

const WEIGHT_MAX = 100;
const MOVES_MAX = 1000;
const WAIT_HELP = entry('--wait', 'Return once nothing moves any more, and show how far it is.');

export const drainCommand: CommandModule = nodeCommand('drain', [
  'Move all slots of a node to the others. It goes on serving until it has none.',
]);
export const undrainCommand: CommandModule = nodeCommand('undrain', ['Let a drained node have slots again.']);

function nodeCommand(name: 'drain' | 'undrain', about: readonly string[]): CommandModule {
  const help = (): string =>
    helpPage(about, `cluster ${name} NODE [options]`, [
      ['Options', ...WAIT_HELP],
      OPERATOR_HELP,
      ['Examples', `  shoal cluster ${name} 3f2a`, `  shoal cluster ${name} 127.0.0.1:7601 --wait`],
    ]);
  return {
    help,
    run: (args, context) =>
      operate(args, context, {
        options: { wait: 'switch' },
        help,
        check: ({ words }) => checkWords(words, ['NODE'], { min: 1, max: 1 }),
        task: async ({ parsed, connection }) => {
          const node = nodeNamed(parsed.words[0]!, await connection.status());
          await connection[name](node.id);
          context.writeOut(
            `${node.host}:${node.port} ${name === 'drain' ? 'gives its slots away' : 'may have slots'}\n`,
          );
          if (parsed.switches.has('wait')) await followMoves(connection, context);
          return ExitCode.ok;
        },
      }),
  };
}

export const weightCommand: CommandModule = {
  help: weightHelp,
  run: (args, context) =>
    operate(args, context, {
      options: { wait: 'switch' },
      help: weightHelp,
      check: (parsed) => {
        checkWords(parsed.words, ['NODE', 'WEIGHT'], { min: 2, max: 2 });
        weightOf(parsed);
      },
      task: async ({ parsed, connection }) => {
        const node = nodeNamed(parsed.words[0]!, await connection.status());
        const weight = weightOf(parsed);
        await connection.weight(node.id, weight);
        context.writeOut(`${node.host}:${node.port} has the weight ${weight}\n`);
        if (parsed.switches.has('wait')) await followMoves(connection, context);
        return ExitCode.ok;
      },
    }),
};

function weightOf({ words }: ParsedArguments): number {
  const weight = Number(words[1]);
  if (Number.isInteger(weight) && weight >= 1 && weight <= WEIGHT_MAX) return weight;
  throw new ShoalError(
    'InvalidOption',
    `WEIGHT: "${words[1]}" is not allowed; give a whole number from 1 to ${WEIGHT_MAX}`,
  );
}

function weightHelp(): string {
  return helpPage(
    [
      'Change the part of the slots that a node has, in proportion to the weights of the others. It keeps it when it starts anew.',
    ],
    'cluster weight NODE WEIGHT [options]',
    [['Options', ...WAIT_HELP], OPERATOR_HELP, ['Examples', '  shoal cluster weight 127.0.0.1:7601 2']],
  );
}

export const rebalanceCommand: CommandModule = {
  help: rebalanceHelp,
  run: (args, context) =>
    operate(args, context, {
      options: { 'dry-run': 'switch', wait: 'switch' },
      help: rebalanceHelp,
      check: ({ words }) => checkWords(words, [], { min: 0, max: 0 }),
      task: async ({ parsed, connection }) => {
        const isDry = parsed.switches.has('dry-run');
        const { transfers } = await connection.rebalance(isDry);
        const slots = transfers.reduce((sum, transfer) => sum + transfer.slots, 0);
        if (slots === 0) {
          context.writeOut('nothing to move\n');
          return ExitCode.ok;
        }
        context.writeOut(`${slots} slots ${isDry ? 'would' : 'will'} move\n`);
        const rows = transfers.map((transfer) => [
          transfer.from === null ? 'nobody' : shortNodeId(transfer.from),
          shortNodeId(transfer.to),
          String(transfer.slots),
        ]);
        context.writeOut(`${table([['from', 'to', 'slots'], ...rows]).join('\n')}\n`);
        if (!isDry && parsed.switches.has('wait')) await followMoves(connection, context);
        return ExitCode.ok;
      },
    }),
};

function rebalanceHelp(): string {
  return helpPage(
    ['Place the slots so that each node has its fair part to the slot. Without it, parts may differ by a twentieth.'],
    'cluster rebalance [options]',
    [
      ['Options', ...entry('--dry-run', 'Only show what would move.'), ...WAIT_HELP],
      OPERATOR_HELP,
      ['Examples', '  shoal cluster rebalance --dry-run'],
    ],
  );
}

export const limitsCommand: CommandModule = {
  help: limitsHelp,
  run: (args, context) =>
    operate(args, context, {
      options: { 'concurrent-moves': 'value', 'move-rate': 'value', replicas: 'value' },
      help: limitsHelp,
      check: (parsed) => {
        checkWords(parsed.words, [], { min: 0, max: 0 });
        limitsOf(parsed);
      },
      task: async ({ parsed, connection }) => {
        const { concurrentMoves, bytesPerSecond, replicas } = limitsOf(parsed);
        await connection.limits(concurrentMoves, bytesPerSecond, replicas);
        return ExitCode.ok;
      },
    }),
};

interface GivenLimits {
  readonly concurrentMoves: number | null;
  readonly bytesPerSecond: number | null;
  readonly replicas: number | null;
}

function limitsOf(parsed: ParsedArguments): GivenLimits {
  const moves = valueOf(parsed, 'concurrent-moves');
  const rate = valueOf(parsed, 'move-rate');
  const copies = valueOf(parsed, 'replicas');
  if (moves === undefined && rate === undefined && copies === undefined) {
    throw new ShoalError('InvalidOption', 'give --concurrent-moves, --move-rate, --replicas, or several of them');
  }
  const replicas = copies === undefined ? null : Number(copies);
  if (replicas !== null && !(Number.isInteger(replicas) && replicas >= 0 && replicas <= REPLICAS_MAX)) {
    throw new ShoalError('InvalidOption', `--replicas: give a whole number from 0 to ${REPLICAS_MAX}`);
  }
  const concurrentMoves = moves === undefined ? null : Number(moves);
  const bytesPerSecond = rate === undefined ? null : rate === 'unlimited' ? 0 : parseSize(rate);
  if (
    concurrentMoves !== null &&
    !(Number.isInteger(concurrentMoves) && concurrentMoves >= 0 && concurrentMoves <= MOVES_MAX)
  ) {
    throw new ShoalError('InvalidOption', `--concurrent-moves: give a whole number from 0 to ${MOVES_MAX}`);
  }
  if (rate !== undefined && bytesPerSecond === null) {
    throw new ShoalError('InvalidOption', '--move-rate: give a size, such as 10mb, or unlimited');
  }
  return { concurrentMoves, bytesPerSecond, replicas };
}

function limitsHelp(): string {
  return helpPage(
    ['Change how fast slots move, and how many copies they have, from now on.'],
    'cluster limits [options]',
    [
      [
        'Options',
        ...entry(
          '--concurrent-moves N',
          'Groups of slots that move at once; 0: none is begun, which stops a rebalance.',
        ),
        ...entry(
          '--move-rate SIZE',
          'Bytes a second that each node may send of what moves away from it, or unlimited.',
        ),
        ...entry('--replicas R', `Copies of each slot on other nodes, 0 to ${REPLICAS_MAX}.`),
      ],
      OPERATOR_HELP,
      [
        'Examples',
        '  shoal cluster limits --concurrent-moves 1 --move-rate 10mb',
        '  shoal cluster limits --replicas 1',
      ],
    ],
  );
}

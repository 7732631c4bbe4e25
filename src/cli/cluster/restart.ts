/** `shoal cluster restart`: nodes end and are started again one after the other, while clients see no error and nothing is lost. */
import { ShoalError } from '../../base/errors.ts';
import { parseDuration } from '../../config/units.ts';
import type { NodeStatus, Status } from '../../protocol/cluster/messages.ts';
import { checkWords, invalid, type ParsedArguments, valueOf } from '../arguments.ts';
import { helpPage } from '../client-flags.ts';
import type { CommandContext, CommandModule } from '../command.ts';
import { ExitCode, FORCED_EXIT_CODES } from '../exit-codes.ts';
import { entry } from '../help-layout.ts';
import { onStopSignal } from '../stop-signal.ts';
import type { CoordinatorConnection } from './coordinator-connection.ts';
import { nodeNamed, operate, OPERATOR_HELP, type OperatorTask } from './operator.ts';
import { addressOf, checkRoom, emptyingText, inOrder, thinText } from './restart-plan.ts';
import { RestartRun } from './restart-run.ts';
import { table } from './status.ts';

const TIMEOUT_DEFAULT = '60s';
const NODES_MAX = 16_384;

export const restartCommand: CommandModule = {
  help,
  run: (args, context) =>
    operate(args, context, {
      options: { rolling: 'switch', 'dry-run': 'switch', timeout: 'value' },
      help,
      check: (parsed) => {
        const isRolling = parsed.switches.has('rolling');
        checkWords(parsed.words, isRolling ? [] : ['NODE'], { min: 0, max: isRolling ? 0 : NODES_MAX });
        if (!isRolling && parsed.words.length === 0)
          throw invalid('give one NODE or more, or --rolling for all of them');
        timeoutOf(parsed);
      },
      task,
    }),
};

async function task({ parsed, connection, context }: OperatorTask): Promise<number> {
  const status = await connection.status();
  const nodes = parsed.switches.has('rolling') ? inOrder(status.nodes) : namedNodes(parsed.words, status);
  if (nodes.length === 0) throw new ShoalError('InvalidArgument', 'the cluster has no nodes');
  checkRoom(nodes, status);
  const thin = thinText(status);
  if (parsed.switches.has('dry-run')) {
    const rows = nodes.map((node) => [addressOf(node), node.zone === '' ? '-' : node.zone, emptyingText(node)]);
    context.writeOut(`${table([['node', 'zone', 'before it ends'], ...rows]).join('\n')}\n`);
    if (thin !== null) context.writeOut(`${thin}\n`);
    return ExitCode.ok;
  }
  if (thin !== null) context.writeError(`${thin}\n`);
  return restart(nodes, status, { connection, context, timeoutMs: timeoutOf(parsed) });
}

/** In the order in which they are named, each once. */
function namedNodes(words: readonly string[], status: Status): readonly NodeStatus[] {
  return [...new Set(words.map((word) => nodeNamed(word, status)))];
}

interface RestartContext {
  readonly connection: CoordinatorConnection;
  readonly context: CommandContext;
  readonly timeoutMs: number;
}

async function restart(
  nodes: readonly NodeStatus[],
  status: Status,
  { connection, context, timeoutMs }: RestartContext,
): Promise<number> {
  const hasTerminal = context.errorTerminal !== null;
  const show = (text: string): void => {
    if (hasTerminal) context.writeError(`\r\u001b[K${text}`);
  };
  const run = new RestartRun(nodes, status, {
    status: () => connection.status(),
    restart: (id) => connection.restart(id),
    nowMs: context.nowMs,
    pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    say: (line) => {
      show('');
      context.writeOut(`${line}\n`);
    },
    show,
    timeoutMs,
  });
  const stopped = new Promise<number>((resolve) => {
    onStopSignal(context, (signal) => resolve(FORCED_EXIT_CODES[signal]));
  });
  const done = run.run().then(() => ExitCode.ok);
  try {
    const code = await Promise.race([done, stopped]);
    if (code === ExitCode.ok)
      context.writeOut(`${nodes.length === 1 ? '1 node has' : `${nodes.length} nodes have`} started again\n`);
    else context.writeError(leftText(run));
    return code;
  } catch (error) {
    context.writeError(leftText(run));
    throw error;
  } finally {
    run.stop();
    // What it still waits for is of no interest any more.
    done.catch(() => undefined);
  }
}

/** What a command that ends before its time leaves behind, and how to go on. */
function leftText({ current, left }: RestartRun): string {
  const begun =
    current === null
      ? ''
      : `${current} has been told to start again, and goes on with that; shoal cluster undrain ${current} takes it back while it has not ended\n`;
  return `\n${begun}not known to have started again: ${left.join(' ')}\nshoal cluster restart ${left.join(' ')} goes on from here\n`;
}

function timeoutOf(parsed: ParsedArguments): number {
  const text = valueOf(parsed, 'timeout') ?? TIMEOUT_DEFAULT;
  const timeoutMs = parseDuration(text);
  if (timeoutMs !== null && timeoutMs > 0) return timeoutMs;
  throw invalid(`--timeout: "${text}" is no time; give one such as ${TIMEOUT_DEFAULT}`);
}

function help(): string {
  return helpPage(
    [
      'Start nodes again, one after the other. Each first gives all that it has to others: its replicas take its slots over, and what no replica has is moved;',
      'then its process ends with the exit code 75, something starts it again (systemd Restart=always, a restart policy, shoal cluster up), and the next one',
      'goes once this one has its part of the slots and all copies are whole. Clients see no error. Weights, and what was drained, stay as they are.',
    ],
    'cluster restart NODE… | --rolling [options]',
    [
      [
        'Options',
        ...entry('--rolling', 'All nodes, by zone and address.'),
        ...entry('--dry-run', 'Only show which nodes, in which order, and how each gives its slots away.'),
        ...entry('--timeout TIME', `How long it is waited without anything getting on (default ${TIMEOUT_DEFAULT}).`),
      ],
      OPERATOR_HELP,
      [
        'Examples',
        '  shoal cluster restart --rolling --dry-run',
        '  shoal cluster restart --rolling',
        '  shoal cluster restart 10.0.0.2:7600',
      ],
    ],
  );
}

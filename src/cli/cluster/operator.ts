/** What the commands of an operator have in common: where the coordinator is, and which node is meant. */
import { ShoalError } from '../../base/errors.ts';
import type { NodeStatus, Status } from '../../protocol/cluster/messages.ts';
import { type ArgumentOption, type ParsedArguments, parseArguments, valueOf } from '../arguments.ts';
import type { CommandContext } from '../command.ts';
import { ExitCode } from '../exit-codes.ts';
import { entry } from '../help-layout.ts';
import { CoordinatorConnection } from './coordinator-connection.ts';

const FLAGS: Readonly<Record<string, ArgumentOption>> = {
  coordinator: 'value',
  cluster: 'value',
};

const ADDRESS_DEFAULT = '127.0.0.1:7500';

/** Lines of the help for the options of all these commands. */
export const OPERATOR_HELP: readonly string[] = [
  'Coordinator',
  ...entry(
    '--coordinator ADDRESS',
    `HOST:PORT of a coordinator, or of several with commas. Or SHOAL_COORDINATOR (default ${ADDRESS_DEFAULT}).`,
  ),
  ...entry('--cluster NAME', 'Name of the cluster. Or SHOAL_CLUSTER (default shoal).'),
  ...entry('SHOAL_PASSWORD', 'Its password, where it has one; in the environment, because others can see flags.'),
];

export interface OperatorTask {
  readonly parsed: ParsedArguments;
  readonly connection: CoordinatorConnection;
  readonly context: CommandContext;
}

/** Runs `task` with a connection to the coordinator, or shows `help`. */
export async function operate(
  args: readonly string[],
  context: CommandContext,
  command: {
    readonly options: Readonly<Record<string, ArgumentOption>>;
    readonly help: () => string;
    /** Checks the words before anything is connected. Throws `InvalidOption`. */
    readonly check: (parsed: ParsedArguments) => void;
    readonly task: (task: OperatorTask) => Promise<number>;
  },
): Promise<number> {
  const parsed = parseArguments(args, { ...FLAGS, ...command.options });
  if (parsed.help) {
    context.writeOut(command.help());
    return ExitCode.ok;
  }
  command.check(parsed);
  const { environment } = context;
  const addresses = valueOf(parsed, 'coordinator') ?? environment['SHOAL_COORDINATOR'] ?? ADDRESS_DEFAULT;
  const connection = new CoordinatorConnection({
    address: addresses,
    password: environment['SHOAL_PASSWORD'] ?? '',
    cluster: valueOf(parsed, 'cluster') ?? environment['SHOAL_CLUSTER'] ?? 'shoal',
  });
  try {
    return await command.task({ parsed, connection, context });
  } finally {
    connection.close();
  }
}

/** The node that `text` names by the first digits of its id or by its address. Throws `InvalidArgument` where that is none, or several. */
export function nodeNamed(text: string, status: Status): NodeStatus {
  const found = status.nodes.filter(({ id, host, port }) => id.startsWith(text) || `${host}:${port}` === text);
  if (found.length === 1) return found[0]!;
  const which = found.length === 0 ? 'no node' : 'more than one node';
  throw new ShoalError(
    'InvalidArgument',
    `${which} of the cluster is called ${JSON.stringify(text)}; see shoal cluster status`,
  );
}

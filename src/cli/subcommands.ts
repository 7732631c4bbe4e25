/** A command that is several, each in a word of its own: `shoal cluster status`, `shoal data verify`. */
import { ShoalError } from '../base/errors.ts';
import { suggestion } from '../config/nearest.ts';
import type { CommandContext, CommandModule } from './command.ts';
import { ExitCode } from './exit-codes.ts';
import { entry } from './help-layout.ts';

export interface Subcommand {
  /** Name and arguments, as the help shows them. */
  readonly usage: string;
  readonly summary: string;
  readonly load: () => Promise<CommandModule>;
}

interface SubcommandTexts {
  readonly name: string;
  readonly summary: string;
  /** Below the list of commands in the help. */
  readonly notes: readonly string[];
}

export function commandOf(
  { name, summary, notes }: SubcommandTexts,
  subcommands: Readonly<Record<string, Subcommand>>,
): CommandModule {
  const help = (): string =>
    [
      summary,
      '',
      `Usage: shoal ${name} COMMAND [options]`,
      '',
      'Commands',
      ...Object.values(subcommands).flatMap((subcommand) => entry(subcommand.usage, subcommand.summary)),
      '',
      ...notes,
      '',
    ].join('\n');
  const run = async ([word, ...rest]: readonly string[], context: CommandContext): Promise<number> => {
    if (word === undefined || word === '-h' || word === '--help' || word === 'help') {
      context.writeOut(help());
      return word === undefined ? ExitCode.usage : ExitCode.ok;
    }
    const subcommand = Object.hasOwn(subcommands, word) ? subcommands[word] : undefined;
    if (subcommand === undefined) {
      const near = suggestion(word, Object.keys(subcommands));
      throw new ShoalError('InvalidOption', `"${word}" is not a command of shoal ${name}${near}`);
    }
    return (await subcommand.load()).run(rest, context);
  };
  return { run, help };
}

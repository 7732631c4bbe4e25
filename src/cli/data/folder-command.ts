/** What the commands on a data folder have in common: one folder as their only word, and a help page. */
import { type ArgumentOption, checkWords, type ParsedArguments, parseArguments } from '../arguments.ts';
import type { CommandContext, CommandModule } from '../command.ts';
import { ExitCode } from '../exit-codes.ts';

export interface FolderTask {
  readonly folder: string;
  readonly parsed: ParsedArguments;
  readonly context: CommandContext;
}

export function folderCommand(
  options: Readonly<Record<string, ArgumentOption>>,
  help: () => string,
  /** Resolves to the exit code. */
  task: (task: FolderTask) => number | Promise<number>,
): CommandModule {
  return {
    help,
    async run(args, context) {
      const parsed = parseArguments(args, options);
      if (parsed.help) {
        context.writeOut(help());
        return ExitCode.ok;
      }
      checkWords(parsed.words, ['FOLDER'], { min: 1, max: 1 });
      return task({ folder: parsed.words[0] ?? '', parsed, context });
    },
  };
}

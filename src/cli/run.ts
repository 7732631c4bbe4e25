/** Picks the command and turns what it throws into one clear line each and an exit code. */
import { ShoalError } from '../base/errors.ts';
import { suggestion } from '../config/nearest.ts';
import type { CommandContext } from './command.ts';
import { COMMANDS, findCommand } from './commands.ts';
import { ExitCode } from './exit-codes.ts';
import { mainHelp } from './help.ts';

/** Runs `shoal <args>`; never rejects. Resolves to the exit code. */
export async function run(args: readonly string[], context: CommandContext): Promise<number> {
  try {
    return await runCommand(args, context);
  } catch (error) {
    if (error instanceof ShoalError) {
      for (const line of error.message.split('\n')) context.writeError(`shoal: ${line}\n`);
      if (error.code !== 'InvalidOption') return ExitCode.fault;
      context.writeError(`shoal: see shoal ${args[0] ?? ''} --help\n`);
      return ExitCode.usage;
    }
    // Not an error that anybody foresaw: its stack is what a report of it needs.
    context.writeError(
      `shoal: unexpected fault: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    );
    return ExitCode.fault;
  }
}

async function runCommand([name, ...rest]: readonly string[], context: CommandContext): Promise<number> {
  switch (name) {
    case '-v':
    case '--version':
      context.writeOut(`shoal ${context.version}\n`);
      return ExitCode.ok;
    case 'help':
    case '-h':
    case '--help':
      return showHelp(rest[0], context);
    case undefined:
      context.writeError(mainHelp(context.version, COMMANDS));
      return ExitCode.usage;
    default: {
      const command = findCommand(name);
      if (command === undefined) return unknownCommand(name, context);
      return (await command.load()).run(rest, context);
    }
  }
}

async function showHelp(name: string | undefined, context: CommandContext): Promise<number> {
  if (name === undefined) {
    context.writeOut(mainHelp(context.version, COMMANDS));
    return ExitCode.ok;
  }
  const command = findCommand(name);
  if (command === undefined) return unknownCommand(name, context);
  context.writeOut((await command.load()).help());
  return ExitCode.ok;
}

function unknownCommand(name: string, context: CommandContext): number {
  const kind = name.startsWith('-') ? 'an option of shoal itself' : 'a command';
  const names = [...COMMANDS.map((command) => command.name), 'help'];
  context.writeError(`shoal: "${name}" is not ${kind}${suggestion(name, names)}\nshoal: see shoal --help\n`);
  return ExitCode.usage;
}

/** Picks the command and turns what it throws into one clear line each and an exit code. */
import { ShoalError } from '../base/errors.ts';
import { suggestion } from '../config/nearest.ts';
import { ExitCode } from './exit-codes.ts';
import { mainHelp, serveHelp } from './help.ts';
import { serve, type ServeContext } from './serve.ts';

const COMMANDS = ['serve', 'help'] as const;

/** Runs `shoal <args>`; never rejects. Resolves to the exit code. */
export async function run(args: readonly string[], context: ServeContext): Promise<number> {
  try {
    return await runCommand(args, context);
  } catch (error) {
    if (error instanceof ShoalError) {
      for (const line of error.message.split('\n')) context.writeError(`shoal: ${line}\n`);
      if (error.code !== 'InvalidOption') return ExitCode.fault;
      context.writeError('shoal: see shoal serve --help\n');
      return ExitCode.usage;
    }
    // Not an error that anybody foresaw: its stack is what a report of it needs.
    context.writeError(
      `shoal: unexpected fault: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    );
    return ExitCode.fault;
  }
}

async function runCommand([command, ...rest]: readonly string[], context: ServeContext): Promise<number> {
  switch (command) {
    case 'serve':
      return serve(rest, context);
    case '-v':
    case '--version':
      context.writeOut(`shoal ${context.version}\n`);
      return ExitCode.ok;
    case 'help':
    case '-h':
    case '--help':
      if (rest[0] !== undefined && rest[0] !== 'serve') return unknownCommand(rest[0], context);
      context.writeOut(rest[0] === 'serve' ? serveHelp() : mainHelp(context.version));
      return ExitCode.ok;
    case undefined:
      context.writeError(mainHelp(context.version));
      return ExitCode.usage;
    default:
      return unknownCommand(command, context);
  }
}

function unknownCommand(command: string, context: ServeContext): number {
  const kind = command.startsWith('-') ? 'an option of shoal itself' : 'a command';
  context.writeError(`shoal: "${command}" is not ${kind}${suggestion(command, COMMANDS)}\nshoal: see shoal --help\n`);
  return ExitCode.usage;
}

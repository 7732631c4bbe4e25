/**
 * `shoal serve`: options in, a running node, a clean stop. The first SIGTERM or SIGINT stops the node in order; a second
 * one ends the process at once, whatever it is waiting for. An echo of the first does not count as a second.
 */
import { loadOptions } from '../config/load.ts';
import { OPTION_KEYS, OPTIONS } from '../config/options.ts';
import type { CommandContext, CommandModule } from './command.ts';
import { ExitCode, FORCED_EXIT_CODES, type StopSignal } from './exit-codes.ts';
import { parseFlags } from './flags.ts';
import { exposureWarning, readyText } from './ready-text.ts';
import { serveHelp } from './serve-help.ts';

/**
 * The same signal again within this time is an echo. Ctrl-C under `npm start` comes twice: from the terminal, and from npm,
 * which passes on what it got itself. Nobody can see in so short a time that a stop hangs.
 */
export const SIGNAL_ECHO_MS = 500;

const FLAGS = ['config', ...OPTION_KEYS.map((key) => OPTIONS[key].flag)];
const SIGNALS: readonly StopSignal[] = ['SIGINT', 'SIGTERM'];

export const serveCommand: CommandModule = { run: serve, help: serveHelp };

/** Resolves to the exit code once the node has stopped. Rejects with a `ShoalError` where it cannot start. */
async function serve(args: readonly string[], context: CommandContext): Promise<number> {
  const { help, values } = parseFlags(args, FLAGS);
  if (help) {
    context.writeOut(serveHelp());
    return ExitCode.ok;
  }
  const flags = new Map(values);
  flags.delete('config');
  const { options, warnings } = loadOptions({
    flags,
    configPath: values.get('config'),
    environment: context.environment,
  });
  for (const warning of warnings) context.writeError(`shoal: warning: ${warning}\n`);

  // Listened to before the node starts: a signal that comes while memory is reserved is not lost.
  const stopAsked = firstSignal(context);
  const node = await context.startNode(options);
  context.writeOut(readyText(context.version, node, options));
  const exposure = exposureWarning(options);
  if (exposure !== null) context.writeError(`shoal: ${exposure}\n`);

  await stopAsked;
  context.writeOut('stopping…\n');
  await node.stop();
  return ExitCode.ok;
}

/** Resolves at the first signal, and from then on lets any other one, but for its echo, end the process. */
function firstSignal(context: CommandContext): Promise<void> {
  return new Promise((resolve) => {
    let first: { readonly signal: StopSignal; readonly atMs: number } | null = null;
    for (const signal of SIGNALS) {
      context.onSignal(signal, () => {
        const atMs = context.nowMs();
        if (first === null) {
          first = { signal, atMs };
          resolve();
        } else if (signal !== first.signal || atMs - first.atMs >= SIGNAL_ECHO_MS) {
          context.exit(FORCED_EXIT_CODES[signal]);
        }
      });
    }
  });
}

/** `shoal serve`: options in, a running node, a clean stop at the first signal. */
import { loadOptions } from '../config/load.ts';
import { OPTION_KEYS, OPTIONS } from '../config/options.ts';
import type { CommandContext, CommandModule, ServedNode } from './command.ts';
import { ExitCode } from './exit-codes.ts';
import { parseFlags } from './flags.ts';
import { LoadingProgress } from './loading-progress.ts';
import { exposureWarning, readyText } from './ready-text.ts';
import { serveHelp } from './serve-help.ts';
import { onStopSignal } from './stop-signal.ts';

const FLAGS = ['config', ...OPTION_KEYS.map((key) => OPTIONS[key].flag)];

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
  const stopAsked = new Promise<'save'>((resolve) => onStopSignal(context, () => resolve('save')));
  const loading = new LoadingProgress(context);
  let node: ServedNode;
  try {
    node = await context.startNode(options, (state) => loading.update(state));
  } finally {
    loading.end();
  }
  context.writeOut(readyText(context.version, node, options));
  const exposure = exposureWarning(options);
  if (exposure !== null) context.writeError(`shoal: ${exposure}\n`);

  const restartAsked = node.restartAsked.then(() => 'restart' as const);
  const end = await Promise.race([stopAsked, node.stopAsked, restartAsked, node.failure]);
  if (
    !(end instanceof Error) &&
    end !== 'restart' &&
    options.cluster.coordinators !== '' &&
    options.cluster.leave === 'drain'
  ) {
    context.writeOut('leaving the cluster…\n');
    await node.leave();
  }
  context.writeOut(end === 'restart' ? 'stopping, to be started again…\n' : 'stopping…\n');
  await node.stop(end === 'discard' ? 'discard' : 'save');
  if (end instanceof Error) throw end;
  return end === 'restart' ? ExitCode.restart : ExitCode.ok;
}

/** `shoal coordinator`: keeps a cluster's membership and places its slots, until it is stopped. */
import { addressText } from '../io/address.ts';
import type { CommandContext, CommandModule } from './command.ts';
import { optionHelp } from './command-options.ts';
import { ALL_OPTIONS, readCoordinatorOptions } from './coordinator-options.ts';
import { ExitCode } from './exit-codes.ts';
import { entry } from './help-layout.ts';
import { onStopSignal } from './stop-signal.ts';

export const coordinatorCommand: CommandModule = { run: coordinator, help };

/** Resolves to the exit code once it has stopped. Rejects with a `ShoalError` where it cannot start. */
async function coordinator(args: readonly string[], context: CommandContext): Promise<number> {
  const { help: wantsHelp, values, warnings } = readCoordinatorOptions(args, context.environment);
  if (wantsHelp) {
    context.writeOut(help());
    return ExitCode.ok;
  }
  for (const warning of warnings) context.writeError(`shoal: warning: ${warning}\n`);
  const stopAsked = new Promise<void>((resolve) => onStopSignal(context, () => resolve()));
  const { startCoordinator } = await import('../coordinator/start-coordinator.ts');
  const { openStateStore } = await import('../coordinator/state/open-state-store.ts');
  const { state, ...settings } = values;
  const store = openStateStore(state, { environment: context.environment, cluster: settings.cluster });
  const running = await startCoordinator(settings, {
    store,
    log: (level, message) => {
      const line = `${level === 'info' ? '' : `${level}: `}${message}\n`;
      if (level === 'info') context.writeOut(line);
      else context.writeError(`shoal: ${line}`);
    },
  });
  context.writeOut(`shoal ${context.version} coordinator ready on ${addressText(running.host, running.port)}\n`);
  context.writeOut(`  cluster     ${settings.cluster}, state in ${store.description}\n`);
  const failure = await Promise.race([stopAsked, running.failure]);
  context.writeOut('stopping…\n');
  await running.stop();
  if (failure instanceof Error) throw failure;
  return ExitCode.ok;
}

function help(): string {
  return [
    'Start the coordinator of a cluster: it knows the nodes, and says which of them has which keys.',
    '',
    'Usage: shoal coordinator [options]',
    ...optionHelp(ALL_OPTIONS),
    '',
    'A flag counts before the environment, the environment before the file.',
    '',
    'etcd asks for a login or speaks TLS? Then the environment says',
    ...entry('SHOAL_ETCD_USER, _PASSWORD', 'User and password, both or none.'),
    ...entry('SHOAL_ETCD_CA', 'File of the certificates that sign those of etcd, for https.'),
    ...entry('SHOAL_ETCD_CERT, _KEY', 'Files of the coordinator’s own certificate and key, both or none.'),
    '',
    'Nodes join with shoal serve --coordinator HOST:PORT; shoal cluster status shows them.',
    '',
    'Examples',
    '  shoal coordinator',
    '  shoal coordinator --host 10.0.0.1 --state etcd:http://10.0.0.1:2379,http://10.0.0.2:2379',
    '',
    'SIGTERM or SIGINT stops it in order: nodes go on, and another coordinator takes over.',
    '',
  ].join('\n');
}

/** The entry of the command line: the process's arguments, signals and streams, handed to `run`. Holds no logic. */
import { run } from './run.ts';
import { terminalOf } from './terminal.ts';
import { packageVersion } from '../base/version.ts';

const version = packageVersion();

const exitCode = await run(process.argv.slice(2), {
  version,
  environment: process.env,
  writeOut: (text) => process.stdout.write(text),
  writeError: (text) => process.stderr.write(text),
  streams: {
    get input() {
      return process.stdin;
    },
    get output() {
      return process.stdout;
    },
  },
  errorTerminal: terminalOf(process.stderr, process.env),
  onSignal: (signal, listener) => process.on(signal, listener),
  nowMs: () => performance.now(),
  exit: (code) => process.exit(code),
  startNode: async (options, onLoading) => {
    // Loaded only when a node starts, so that help and version answer at once.
    const { startNode } = await import('../server/start-node.ts');
    return startNode(options, { version, ownThreads: true, onLoading });
  },
});
// An exit code alone would wait for whatever a stopped node left open.
process.exit(exitCode);

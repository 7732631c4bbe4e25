/** The real command line around a node that never finishes stopping: what a second signal is for. */
import { run } from '../../src/cli/run.ts';

function stop(): Promise<never> {
  return Promise.withResolvers<never>().promise;
}

const exitCode = await run(process.argv.slice(2), {
  version: '0.0.0',
  environment: {},
  writeOut: (text) => process.stdout.write(text),
  writeError: (text) => process.stderr.write(text),
  streams: { input: process.stdin, output: process.stdout },
  errorTerminal: null,
  onSignal: (signal, listener) => process.on(signal, listener),
  nowMs: () => performance.now(),
  exit: (code) => process.exit(code),
  startNode: (options) => {
    // Keeps the process alive, as an open port would.
    setInterval(() => undefined, 60_000);
    const failure = Promise.withResolvers<never>().promise;
    return Promise.resolve({
      host: options.host,
      port: options.port,
      description: 'stuck',
      loaded: null,
      failure,
      stopAsked: Promise.withResolvers<never>().promise,
      restartAsked: Promise.withResolvers<never>().promise,
      leave: () => Promise.resolve(),
      stop,
    });
  },
});
process.exit(exitCode);

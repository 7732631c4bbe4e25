/**
 * `shoal repl`: a line editor on a terminal, and without one a script of commands. Which of both it is, the streams say. The
 * editor and what it needs are loaded only when it runs.
 */
import { ShoalError } from '../base/errors.ts';
import { checkWords, invalid, parseArguments } from './arguments.ts';
import { CLIENT_FLAGS, clientFlagLines, type ClientTarget, clientTarget, helpPage } from './client-flags.ts';
import type { CommandContext, CommandModule } from './command.ts';
import { ExitCode, FORCED_EXIT_CODES, type StopSignal } from './exit-codes.ts';
import { withExplanation } from './explain-error.ts';
import { entry } from './help-layout.ts';
import type { SessionOptions } from './repl/session.ts';
import { writeAll } from './streams.ts';
import { terminalOf } from './terminal.ts';

export const replCommand: CommandModule = { run, help };

type Style = 'formatted' | 'raw';

async function run(args: readonly string[], context: CommandContext): Promise<number> {
  const parsed = parseArguments(args, { ...CLIENT_FLAGS, raw: 'switch', 'no-raw': 'switch' });
  if (parsed.help) {
    context.writeOut(help());
    return ExitCode.ok;
  }
  checkWords(parsed.words, [], { min: 0, max: 0 });
  if (parsed.switches.has('raw') && parsed.switches.has('no-raw')) throw invalid('give --raw or --no-raw, not both');
  const target = clientTarget(parsed, context.environment);
  const { input, output } = context.streams;
  const terminal = input.isTTY === true ? terminalOf(output, context.environment) : null;
  const style =
    parsed.switches.has('raw') || (!parsed.switches.has('no-raw') && output.isTTY !== true) ? 'raw' : 'formatted';
  return withExplanation(() =>
    terminal === null ? runScript(target, context, style) : runTerminal(target, context, style, terminal.colors),
  );
}

async function runTerminal(
  target: ClientTarget,
  context: CommandContext,
  style: Style,
  colors: boolean,
): Promise<number> {
  const [{ TerminalShell }, { ReplSession }, { HistoryFile, historyPath }, { openTcpLink }] = await Promise.all([
    import('./repl/terminal-shell.ts'),
    import('./repl/session.ts'),
    import('./repl/history.ts'),
    import('./repl/link.ts'),
  ]);
  const shell = new TerminalShell(
    {
      input: context.streams.input,
      output: context.streams.output,
      colors,
      style,
      history: new HistoryFile(historyPath(context.environment)),
      nowMs: context.nowMs,
      random01: Math.random,
    },
    (events) => new ReplSession(sessionOptions(target, null), openTcpLink, events),
  );
  const stopped = onStop(context, () => shell.close());
  await shell.run();
  return stopped() ?? ExitCode.ok;
}

async function runScript(target: ClientTarget, context: CommandContext, style: Style): Promise<number> {
  const [{ ScriptShell }, { ReplSession }, { openTcpLink }] = await Promise.all([
    import('./repl/script-shell.ts'),
    import('./repl/session.ts'),
    import('./repl/link.ts'),
  ]);
  const { input, output } = context.streams;
  const shell = new ScriptShell(
    { input, style, writeOut: (bytes) => writeAll(output, bytes), writeError: context.writeError },
    (events) => new ReplSession(sessionOptions(target, target.timeoutMs), openTcpLink, events),
  );
  const stopped = onStop(context, () => {
    shell.close();
    input.destroy();
  });
  const failureCount = await shell.run();
  return stopped() ?? (failureCount === 0 ? ExitCode.ok : ExitCode.fault);
}

function sessionOptions(target: ClientTarget, commandTimeoutMs: number | null): SessionOptions {
  const [node, second] = target.nodes;
  if (node === undefined || second !== undefined) {
    throw new ShoalError('InvalidOption', 'repl talks to one node: give one --node, or one in SHOAL_NODES');
  }
  const { host, port } = node;
  const { user, password, database, timeoutMs } = target;
  return { host, port, credentials: { user, password }, database, connectTimeoutMs: timeoutMs, commandTimeoutMs };
}

/** Calls `stop` at the first signal; what it returns tells the exit code of that signal, if one came. */
function onStop(context: CommandContext, stop: () => void): () => number | null {
  let code: number | null = null;
  for (const signal of ['SIGINT', 'SIGTERM'] satisfies readonly StopSignal[]) {
    context.onSignal(signal, () => {
      // A second one does not wait for anything.
      if (code !== null) context.exit(FORCED_EXIT_CODES[signal]);
      code ??= FORCED_EXIT_CODES[signal];
      stop();
    });
  }
  return () => code;
}

function help(): string {
  return helpPage(
    [
      'Talk to a node, or to any server of the Redis protocol, a command a line: with history,',
      'completion and hints on a terminal; without one it runs the commands that stdin holds.',
    ],
    'repl [options]',
    [
      [
        'Output',
        ...entry('--raw', 'Replies as bare texts (default where stdout is no terminal).'),
        ...entry('--no-raw', 'Replies numbered and typed, as redis-cli prints them (default on a terminal).'),
      ],
      clientFlagLines(),
      [
        'In the editor',
        ...entry('help COMMAND', 'What it does and takes; help alone tells the keys.'),
        ...entry('clear, exit', 'Clear the screen; leave. Ctrl-D leaves too.'),
        ...entry('Ctrl-C', 'Drops the line, or stops waiting for the command that runs.'),
      ],
      [
        'The history is kept in ~/.shoal_history, or in XDG_STATE_HOME; SHOAL_HISTORY names another file,',
        'or is off. Lines with passwords are not kept. --timeout is for connecting, and in a script for',
        'each command as well.',
        '',
        `A script goes on after a command that failed, tells it on stderr with its line, and ends with exit`,
        `code ${ExitCode.fault}. Lines that begin with # are comments.`,
      ],
      ['Examples', '  shoal repl', '  shoal repl --node 10.0.0.1:7600 --database 1', '  shoal repl < warm-up.txt'],
    ],
  );
}

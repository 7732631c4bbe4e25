import { describe, expect, test } from 'bun:test';
import { PassThrough } from 'node:stream';
import { ShoalError } from '../base/errors.ts';
import type { NodeOptions } from '../config/node-options.ts';
import { OPTION_KEYS, specOf } from '../config/options.ts';
import type { CommandContext, ServedNode } from './command.ts';
import type { StopSignal } from './exit-codes.ts';
import type { LoadingState } from './loading-progress.ts';
import { run } from './run.ts';
import { SIGNAL_ECHO_MS } from './stop-signal.ts';
import type { StandardStreams } from './streams.ts';

/** The process around the command line, held in memory. */
class FakeProcess implements CommandContext {
  readonly version = '1.2.3';
  environment: Record<string, string> = {};
  readonly errorTerminal = null;
  readonly streams: StandardStreams = { input: new PassThrough(), output: new PassThrough() };
  out = '';
  error = '';
  readonly exits: number[] = [];
  started: NodeOptions | null = null;
  startError: unknown = null;
  /** How far loading is, each 1.5 s later than the one before. */
  loading: readonly LoadingState[] = [];
  stopCount = 0;
  timeMs = 0;
  /** Ends the node's stop. */
  finishStop = (): void => undefined;
  /** Lets the node die. */
  failNode = (_error: Error): void => undefined;
  /** Settles when something was written that contains what is waited for. */
  readonly #waiters: { readonly text: string; readonly resolve: () => void }[] = [];
  readonly #listeners = new Map<StopSignal, () => void>();

  readonly writeOut = (text: string): void => {
    this.out += text;
    for (const waiter of this.#waiters) if (this.out.includes(waiter.text)) waiter.resolve();
  };
  readonly writeError = (text: string): void => {
    this.error += text;
  };
  readonly nowMs = (): number => this.timeMs;
  readonly exit = (code: number): void => {
    this.exits.push(code);
  };
  readonly onSignal = (signal: StopSignal, listener: () => void): void => {
    this.#listeners.set(signal, listener);
  };
  readonly startNode = (options: NodeOptions, onLoading: (state: LoadingState) => void): Promise<ServedNode> => {
    this.started = options;
    for (const state of this.loading) {
      this.timeMs += 1500;
      onLoading(state);
    }
    if (this.startError !== null) return Promise.reject(this.startError);
    const stop = (): Promise<void> => {
      this.stopCount += 1;
      return new Promise((resolve) => {
        this.finishStop = resolve;
      });
    };
    const failure = new Promise<Error>((resolve) => {
      this.failNode = resolve;
    });
    return Promise.resolve({
      host: options.host,
      port: options.port || 4321,
      description: 'a test',
      loaded: this.loading.length === 0 ? null : { itemCount: 1000, durationMs: 4500 },
      failure,
      stopAsked: new Promise(() => undefined),
      restartAsked: new Promise(() => undefined),
      leave: () => Promise.resolve(),
      stop,
    });
  };

  signal(signal: StopSignal): void {
    this.#listeners.get(signal)?.();
  }

  written(text: string): Promise<void> {
    return new Promise((resolve) => {
      this.#waiters.push({ text, resolve });
      if (this.out.includes(text)) resolve();
    });
  }
}

describe('commands', () => {
  test.each([['--version'], ['-v']])('%s', async (flag) => {
    const fake = new FakeProcess();
    expect(await run([flag], fake)).toBe(0);
    expect(fake.out).toBe('shoal 1.2.3\n');
  });

  test.each([[['--help']], [['-h']], [['help']]])('%p shows the page', async (args) => {
    const fake = new FakeProcess();
    expect(await run(args, fake)).toBe(0);
    expect(fake.out).toContain('Usage: shoal <command>');
    expect(fake.error).toBe('');
  });

  test('without a command the page goes to stderr, and it is an error', async () => {
    const fake = new FakeProcess();
    expect(await run([], fake)).toBe(2);
    expect(fake.out).toBe('');
    expect(fake.error).toContain('Usage: shoal <command>');
  });

  test.each([
    [['sevre'], '"sevre" is not a command; did you mean serve?'],
    [['shards'], '"shards" is not a command\n'],
    [['help', 'sevre'], '"sevre" is not a command; did you mean serve?'],
    [['--port', '1'], '"--port" is not an option of shoal itself\n'],
  ])('%p is refused', async (args, message) => {
    const fake = new FakeProcess();
    expect(await run(args, fake)).toBe(2);
    expect(fake.error).toContain(message);
  });

  test.each([[['serve', '--help']], [['serve', '-h']], [['help', 'serve']]])(
    '%p tells every option with its default, in lines that fit a terminal',
    async (args) => {
      const fake = new FakeProcess();
      expect(await run(args, fake)).toBe(0);
      expect(fake.started).toBeNull();
      for (const key of OPTION_KEYS) expect(fake.out).toContain(`--${specOf(key).flag} `);
      expect(fake.out).toContain('(default 512mb; from 4mb to 256gb)');
      expect(Math.max(...fake.out.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
    },
  );
});

describe('serve', () => {
  test('starts a node from flags and environment, says how to reach it, and stops at a signal', async () => {
    const fake = new FakeProcess();
    fake.environment['SHOAL_MEMORY'] = '1gb';
    const exitCode = run(['serve', '--port', '0', '--eviction=noeviction'], fake);
    await fake.written('runtime');
    expect(fake.started).toMatchObject({ port: 0, memoryBytes: 1024 ** 3, eviction: 'noeviction' });
    expect(fake.out).toBe(
      [
        'shoal 1.2.3 ready on 127.0.0.1:4321',
        "  client      ShoalClient.connect({ nodes: ['127.0.0.1:4321'] })",
        '  redis-cli   redis-cli -p 4321',
        "  ioredis     new Redis('redis://127.0.0.1:4321')",
        '  memory      1gb, eviction noeviction',
        '  runtime     a test',
        '',
      ].join('\n'),
    );
    fake.signal('SIGTERM');
    await fake.written('stopping…\n');
    expect(fake.stopCount).toBe(1);
    fake.finishStop();
    expect(await exitCode).toBe(0);
    expect(fake.exits).toEqual([]);
    expect(fake.error).toBe('');
  });

  test('says how far it is while it loads what is on disk, and what that was', async () => {
    const fake = new FakeProcess();
    const totalBytes = 30 * 1024 ** 2;
    fake.loading = [
      { bytes: 0, totalBytes, itemCount: 0 },
      { bytes: 10 * 1024 ** 2, totalBytes, itemCount: 300 },
      { bytes: totalBytes, totalBytes, itemCount: 1000 },
    ];
    void run(['serve', '--data-dir', '/var/lib/shoal', '--fsync', 'always'], fake);
    await fake.written('runtime');
    expect(fake.error).toBe('shoal: loading: 33% of 30mb, 300 items\n');
    expect(fake.out).toStartWith('shoal 1.2.3 ready on ');
    expect(fake.out).toContain('\n  data        /var/lib/shoal, log, fsync always; 1000 items loaded in 4.5 s\n');
  });

  test('a node that dies is stopped, and its error ends the process', async () => {
    const fake = new FakeProcess();
    const exitCode = run(['serve'], fake);
    await fake.written('runtime');
    fake.failNode(new Error('a data thread died'));
    await fake.written('stopping…\n');
    fake.finishStop();
    expect(await exitCode).not.toBe(0);
    expect(fake.error).toContain('a data thread died');
  });

  test.each([
    ['SIGTERM', 'SIGINT', 130],
    ['SIGINT', 'SIGTERM', 143],
  ] as const)('%s, then %s while it stops: exits at once with %d', async (first, second, code) => {
    const fake = new FakeProcess();
    const exitCode = run(['serve'], fake);
    await fake.written('runtime');
    fake.signal(first);
    await fake.written('stopping…\n');
    expect(fake.exits).toEqual([]);
    fake.signal(second);
    expect(fake.exits).toEqual([code]);
    fake.finishStop();
    await exitCode;
  });

  test('the same signal again counts as a second one only after the time of an echo', async () => {
    const fake = new FakeProcess();
    const exitCode = run(['serve'], fake);
    await fake.written('runtime');
    fake.timeMs = 1000;
    fake.signal('SIGINT');
    await fake.written('stopping…\n');
    fake.timeMs += SIGNAL_ECHO_MS - 1;
    fake.signal('SIGINT');
    expect(fake.exits).toEqual([]);
    fake.timeMs += 1;
    fake.signal('SIGINT');
    expect(fake.exits).toEqual([130]);
    fake.finishStop();
    await exitCode;
  });

  test.each([
    [['--host', '::1'], 'redis-cli -h ::1 -p 7600', 'redis://[::1]:7600', 'ready on [::1]:7600'],
    [['--host', '0.0.0.0'], 'redis-cli -p 7600', 'redis://127.0.0.1:7600', 'ready on 0.0.0.0:7600'],
    [['--password', 'secret'], 'redis-cli -p 7600 --askpass', 'redis://:PASSWORD@127.0.0.1:7600', 'ready on'],
  ])('with %p', async (args, cli, url, ready) => {
    const fake = new FakeProcess();
    const exitCode = run(['serve', ...args], fake);
    await fake.written('runtime');
    for (const text of [cli, url, ready]) expect(fake.out).toContain(text);
    expect(fake.out + fake.error).not.toContain('secret');
    fake.signal('SIGINT');
    await fake.written('stopping…\n');
    fake.finishStop();
    expect(await exitCode).toBe(0);
  });

  test.each([
    [['--host', '0.0.0.0'], true],
    [['--host', '::'], true],
    [['--host', '192.168.1.5'], true],
    [['--host', '0.0.0.0', '--password', 'p'], false],
    [['--host', 'localhost'], false],
    [['--host', '::1'], false],
    [['--host', '127.1.2.3'], false],
  ])('%p: warns of an open cache: %p', async (args, warns) => {
    const fake = new FakeProcess();
    const exitCode = run(['serve', ...args], fake);
    await fake.written('runtime');
    fake.signal('SIGINT');
    await fake.written('stopping…\n');
    fake.finishStop();
    await exitCode;
    expect(fake.error.includes('warning: anyone who reaches')).toBe(warns);
  });

  test('wrong options: each problem on a line, and exit code 2', async () => {
    const fake = new FakeProcess();
    expect(await run(['serve', '--port', 'x', '--memory', '1kb'], fake)).toBe(2);
    expect(fake.started).toBeNull();
    expect(fake.error.split('\n')).toEqual([
      'shoal: --port: "x" is not allowed; give a whole number from 0 to 65535',
      expect.stringContaining('shoal: --memory: "1kb" is not allowed'),
      'shoal: see shoal serve --help',
      '',
    ]);
  });

  test('a fault at the start: one line, and exit code 1', async () => {
    const fake = new FakeProcess();
    fake.startError = new ShoalError('ListenFailed', 'port 7600 is in use');
    expect(await run(['serve'], fake)).toBe(1);
    expect(fake.error).toBe('shoal: port 7600 is in use\n');
  });

  test('a bug at the start: its stack, and exit code 1', async () => {
    const fake = new FakeProcess();
    fake.startError = new TypeError('oops');
    expect(await run(['serve'], fake)).toBe(1);
    expect(fake.error).toContain('unexpected fault: TypeError: oops\n    at ');
  });
});

#!/usr/bin/env node
/**
 * Runs Redis's own TCL test suite against a node, in the suite's external mode, one unit after the other, and prints
 * for each unit what passed, failed and was left out, with the reason of every failure.
 *
 * The suite is not part of this repository. It needs `tclsh` (apt-get install tcl) and a checkout:
 *   git clone --depth 1 --branch 7.2.4 https://github.com/redis/redis /elsewhere/redis
 *   node scripts/redis-suite.mjs --suite /elsewhere/redis
 *
 * Options: --port N        test the server that listens there (default: start a node and stop it afterwards)
 *          --unit NAME     only this unit; may be repeated
 *          --tags=LIST     replaces the tags that are left out, e.g. --tags="-needs:repl -needs:debug"
 *          --only NAME     only tests of this name (or /pattern); may be repeated
 *          --json FILE     write the results there
 *          --markdown FILE write the tables for docs/COMPATIBILITY.md there
 *          --verbose       print the messages of failures whose reason is known, too
 * Exits 0 when each failure has a known reason and each unit passes as many tests as `LEAST_PASSED` says.
 *
 * Invariant: whatever happens, the runner's process group and the node started here are ended before this script.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { LEFT_OUT, notRunReason, reasonOf } from './redis-suite-reasons.mjs';

const UNITS = [
  'unit/type/string',
  'unit/type/incr',
  'unit/expire',
  'unit/keyspace',
  'unit/scan',
  'unit/protocol',
  'unit/multi',
  'unit/pubsub',
  'unit/tracking',
  'unit/querybuf',
  'unit/quit',
  'unit/introspection',
];

/** As many as passed when the reasons were written; fewer is a step back. */
const LEAST_PASSED = {
  'unit/type/string': 60,
  'unit/type/incr': 28,
  'unit/expire': 59,
  'unit/keyspace': 43,
  'unit/scan': 5,
  'unit/protocol': 21,
  'unit/multi': 37,
  'unit/pubsub': 18,
  'unit/tracking': 52,
  'unit/quit': 3,
  'unit/introspection': 25,
};

/** `noeviction` is what Redis does by default, and what the suite expects. */
const NODE_OPTIONS = ['--memory', '512mb', '--eviction', 'noeviction', '--debug-command', 'local'];
/** `TAG_REASONS` in the other file says why. */
const TAGS_DENIED = '-needs:repl';
const BETWEEN_TESTS = 'code between the tests';
/** Without a word from the runner for this long, a test waits for what never comes. The longest silent one takes 15 s. */
const SILENCE_TIMEOUT_MS = 60_000;
const START_TIMEOUT_MS = 15_000;
const REPOSITORY = dirname(dirname(fileURLToPath(import.meta.url)));

const { values: options } = parseArgs({
  options: {
    suite: { type: 'string' },
    port: { type: 'string' },
    unit: { type: 'string', multiple: true },
    tags: { type: 'string', default: TAGS_DENIED },
    only: { type: 'string', multiple: true, default: [] },
    json: { type: 'string' },
    markdown: { type: 'string' },
    verbose: { type: 'boolean', default: false },
  },
});

if (options.suite === undefined || !existsSync(join(options.suite, 'runtest'))) {
  console.error('--suite must name a checkout of redis/redis at tag 7.2.4 (the folder that holds runtest).');
  process.exit(2);
}

/** A port on 127.0.0.1 that nobody listens on now. */
async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return port;
}

/** Sends one inline command and resolves with all that came back until `until` matches. */
function ask(port, line, until) {
  return new Promise((resolvePromise, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(line));
    let text = '';
    socket.setTimeout(START_TIMEOUT_MS, () => socket.destroy(new Error(`no answer to ${line.trim()} on port ${port}`)));
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      if (until.test(text)) {
        socket.destroy();
        resolvePromise(text);
      }
    });
    socket.on('error', reject);
    socket.on('close', () => reject(new Error(`the server on port ${port} closed the connection`)));
  });
}

async function startNode() {
  const port = await freePort();
  const child = spawn(join(REPOSITORY, 'bin/shoal'), ['serve', '--port', String(port), ...NODE_OPTIONS], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await Promise.race([
    once(child.stdout, 'data'),
    once(child, 'exit').then(() => {
      throw new Error('the node ended before it was ready');
    }),
  ]);
  child.stdout.resume();
  process.once('exit', () => child.kill('SIGKILL'));
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    child.kill('SIGTERM');
    await once(child, 'exit');
    return child.exitCode;
  };
  return { port, stop, ended: () => child.exitCode !== null || child.signalCode !== null };
}

/**
 * The runner prints one line for each test, `[ok]: name (3 ms)`, and for a failure the message on the lines that
 * follow. After "The End" it repeats the failures.
 */
function parseOutput(text) {
  const result = { passed: [], failed: [], skipped: [], aborted: false };
  let failure;
  for (const line of text.split('\n')) {
    if (/^\s+The End\s*$/.test(line)) break;
    const match = /^\[(ok|err|skip|ignore|exception|\d+\/\d+ done|TIMEOUT)\]: ?(.*)$/.exec(line);
    if (match === null) {
      if (failure !== undefined && !/^(Testing|\[|Cleanup)/.test(line)) failure.message += `${line}\n`;
      continue;
    }
    const [, status, rest] = match;
    failure = undefined;
    if (status === 'ok') result.passed.push(rest.replace(/ \(\d+ ms\)$/, ''));
    else if (status === 'skip') result.skipped.push({ name: rest.trim(), why: 'left out by name' });
    else if (status === 'ignore') {
      const named = /^(?:(.*): )?(Tag: .*|Not supported .*|large memory .*)$/.exec(rest);
      result.skipped.push({ name: named?.[1] ?? 'a whole block of tests', why: named?.[2] ?? rest });
    } else if (status === 'err' || status === 'exception' || status === 'TIMEOUT') {
      if (status !== 'err') result.aborted = true;
      const named = /^(.*) in tests\/[\w/.-]+\.tcl$/.exec(rest);
      // An error between two tests ends their block: the tests after it do not run.
      failure = named === null ? { name: BETWEEN_TESTS, message: `${rest}\n` } : { name: named[1], message: '' };
      result.failed.push(failure);
    }
  }
  return result;
}

async function runUnit(unit, port) {
  const controlPort = await freePort();
  const args = [
    '--host',
    '127.0.0.1',
    '--port',
    String(port),
    '--clients',
    '1',
    '--durable',
    '--single',
    unit,
    // The runner listens on a port a little below this one, for its own workers.
    '--baseport',
    String(Math.min(controlPort, 50_000) + 32),
    '--tags',
    options.tags,
    ...options.only.flatMap((name) => ['--only', name]),
    ...(LEFT_OUT[unit] ?? []).flatMap(([name]) => ['--skiptest', name]),
  ];
  const started = performance.now();
  const runner = spawn('./runtest', args, {
    cwd: resolve(options.suite),
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, TERM: 'dumb' },
  });
  const endGroup = () => {
    if (runner.pid === undefined) return;
    try {
      process.kill(-runner.pid, 'SIGKILL');
    } catch {
      /* It ended by itself. */
    }
  };
  process.once('exit', endGroup);
  let silent = false;
  const timer = setTimeout(() => {
    silent = true;
    endGroup();
  }, SILENCE_TIMEOUT_MS);
  let text = '';
  for (const stream of [runner.stdout, runner.stderr]) {
    stream.on('data', (chunk) => {
      text += chunk.toString('latin1');
      timer.refresh();
    });
  }
  await once(runner, 'close');
  clearTimeout(timer);
  endGroup();
  process.removeListener('exit', endGroup);

  const result = parseOutput(text);
  if (silent || (!/^\s+The End\s*$/m.test(text) && !result.aborted)) {
    result.aborted = true;
    result.failed.push({
      name: silent ? 'the unit hung, and the tests after this one did not run' : 'the unit stopped early',
      message: text.slice(-2000),
    });
  }
  return { unit, seconds: Math.round((performance.now() - started) / 100) / 10, ...result };
}

function firstLine(message) {
  return (
    message
      .split('\n')
      .find((line) => line.trim() !== '')
      ?.slice(0, 300) ?? ''
  );
}

function markdown(results) {
  const lines = ['| unit | passed | failed | not run |', '|---|---|---|---|'];
  for (const result of results) {
    lines.push(`| \`${result.unit}\` | ${result.passed.length} | ${result.failed.length} | ${result.skipped.length} |`);
  }
  for (const result of results) {
    if (result.failed.length === 0) continue;
    lines.push('', `### ${result.unit}`, '', '| test that fails | why |', '|---|---|');
    for (const failure of result.failed) {
      const reason = reasonOf(result.unit, failure) ?? `not explained: ${firstLine(failure.message)}`;
      lines.push(`| ${failure.name.replaceAll('|', '\\|')} | ${reason} |`);
    }
  }
  lines.push('', '### Not run', '', '| unit | test | why |', '|---|---|---|');
  for (const result of results) {
    for (const { name, why } of result.skipped) {
      lines.push(`| \`${result.unit}\` | ${name.replaceAll('|', '\\|')} | ${notRunReason(result.unit, name, why)} |`);
    }
  }
  return `${lines.join('\n')}\n`;
}

// A signal ends a process without its `exit` event, by which what was started here is ended.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

const own = options.port === undefined ? await startNode() : undefined;
const port = own?.port ?? Number(options.port);
const results = [];
let wanting = 0;
try {
  const info = await ask(port, 'INFO server\r\n', /redis_version:\S+[\s\S]*\r\n$/);
  const version = readFileSync(join(options.suite, 'src/version.h'), 'latin1').match(/REDIS_VERSION "([^"]+)"/)?.[1];
  console.log(
    `suite ${version}, server on port ${port} calls itself ${/redis_version:(\S+)/.exec(info)[1]}, left out: ${options.tags}`,
  );
  for (const unit of options.unit ?? UNITS) {
    const result = await runUnit(unit, port);
    results.push(result);
    const least = options.only.length === 0 ? LEAST_PASSED[unit] : undefined;
    console.log(
      `${unit.padEnd(18)} passed ${String(result.passed.length).padStart(3)}${least === undefined ? '' : ` (least ${least})`}  failed ${result.failed.length}  not run ${result.skipped.length}  in ${result.seconds} s`,
    );
    if (least !== undefined && result.passed.length < least) wanting++;
    for (const failure of result.failed) {
      const reason = reasonOf(unit, failure);
      if (reason === undefined) wanting++;
      console.log(
        `  ${reason === undefined ? 'NOT EXPLAINED' : 'known'}: ${failure.name}${reason === undefined ? '' : `: ${reason}`}`,
      );
      if (reason === undefined || options.verbose) console.log(failure.message.replace(/^/gm, '      ').trimEnd());
    }
    if (own?.ended()) throw new Error(`the node ended during ${unit}`);
  }
  if (options.json !== undefined)
    writeFileSync(options.json, `${JSON.stringify({ suite: version, tags: options.tags, results }, null, 2)}\n`);
  if (options.markdown !== undefined) writeFileSync(options.markdown, markdown(results));
} finally {
  await own?.stop();
}
process.exitCode = wanting === 0 ? 0 : 1;

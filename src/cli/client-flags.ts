/**
 * The options that all commands share which talk to a node: where it is, who asks, how long to wait. From flags, then the
 * environment, then defaults; validated here, so that what the client is given is right.
 */
import { NUMBER_OPTIONS } from '../client/options.ts';
import { DEFAULT_PORT, type ResolvedAddress, resolveAddress } from '../client/address.ts';
import { parseDuration } from '../config/units.ts';
import { type ArgumentOption, invalid, type ParsedArguments, valueOf } from './arguments.ts';
import { entry } from './help-layout.ts';

export const CLIENT_FLAGS = {
  node: 'values',
  user: 'value',
  password: 'value',
  database: 'value',
  timeout: 'value',
} as const satisfies Record<string, ArgumentOption>;

/** Which nodes, and how to talk to them. */
export interface ClientTarget {
  /** At least one. */
  readonly nodes: readonly ResolvedAddress[];
  /** Empty: the default one. */
  readonly user: string;
  /** Empty: none is given. */
  readonly password: string;
  /** 0–15. */
  readonly database: number;
  /** For connecting, and for each request: 1 ms to a day. */
  readonly timeoutMs: number;
}

/** Throws `InvalidOption` with the flag or variable that is wrong. */
export function clientTarget(
  parsed: ParsedArguments,
  environment: Readonly<Record<string, string | undefined>>,
): ClientTarget {
  const flagged = parsed.values.get('node');
  const fromEnvironment = environment['SHOAL_NODES'] ?? '';
  const [source, texts] =
    flagged === undefined ? ['SHOAL_NODES', [fromEnvironment || DEFAULT_NODE]] : ['--node', flagged];
  return {
    nodes: parseNodes(source, texts),
    user: valueOf(parsed, 'user') ?? '',
    password: valueOf(parsed, 'password') ?? environment['SHOAL_PASSWORD'] ?? '',
    database: parseDatabase(valueOf(parsed, 'database')),
    timeoutMs: parseTimeout(valueOf(parsed, 'timeout')),
  };
}

/** The lines of a help page. */
export function clientFlagLines(): readonly string[] {
  return [
    'Node',
    ...entry(
      '--node HOST:PORT',
      `Where it listens (default SHOAL_NODES, else ${DEFAULT_NODE}). Several share the keys: give it again, or a list with commas.`,
    ),
    ...entry(
      '--password TEXT',
      'What the node asks for (default SHOAL_PASSWORD, which is better: other users can see flags).',
    ),
    ...entry('--user NAME', 'Who asks (default: the default user).'),
    ...entry('--database N', `Which database (default 0; from 0 to ${NUMBER_OPTIONS.database.max}).`),
    ...entry('--timeout TIME', 'How long to wait for an answer: 500ms, 2s, 1m (default 5s).'),
    ...entry('-h, --help', 'Show this page.'),
  ];
}

/** The main lines of a help page: what it does, how it is called, and the options of its own. */
export function helpPage(summary: readonly string[], usage: string, sections: readonly (readonly string[])[]): string {
  const blocks = [summary, [`Usage: shoal ${usage}`], ...sections];
  return `${blocks.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

function parseNodes(source: string, texts: readonly string[]): readonly ResolvedAddress[] {
  const parts = texts
    .flatMap((text) => text.split(','))
    .map((text) => text.trim())
    .filter((text) => text !== '');
  if (parts.length === 0) throw invalid(`${source} names no node; write host:port`);
  const nodes = parts.map((text) => {
    try {
      return resolveAddress(text);
    } catch {
      throw invalid(`${source}: "${text}" is no address; write host:port, or [address]:port for IPv6`);
    }
  });
  const twice = nodes.find(({ id }, index) => nodes.findIndex((other) => other.id === id) !== index);
  if (twice !== undefined) throw invalid(`${source}: ${twice.id} is given twice`);
  return nodes;
}

function parseDatabase(text: string | undefined): number {
  if (text === undefined) return 0;
  const { max } = NUMBER_OPTIONS.database;
  if (/^\d{1,2}$/.test(text) && Number(text) <= max) return Number(text);
  throw invalid(`--database: "${text}" is not allowed; give a whole number from 0 to ${max}`);
}

function parseTimeout(text: string | undefined): number {
  if (text === undefined) return NUMBER_OPTIONS.requestTimeoutMs.default;
  const timeoutMs = parseDuration(text);
  const { max } = NUMBER_OPTIONS.requestTimeoutMs;
  if (timeoutMs !== null && timeoutMs >= 1 && timeoutMs <= max) return timeoutMs;
  throw invalid(`--timeout: "${text}" is not allowed; give a time from 1ms to 1d, such as 500ms or 2s`);
}

const DEFAULT_NODE = `127.0.0.1:${DEFAULT_PORT}`;

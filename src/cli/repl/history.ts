/**
 * The lines that were entered, kept in a file between sessions. Lines with passwords never get there. The file is its owner's alone, is only ever
 * added to, so that two sessions do not undo each other, and is cut when a session begins that finds it too long.
 */
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { splitLine } from './words.ts';

/** Lines that a session knows; the file is cut to them once it holds twice as many. */
export const HISTORY_LINES_MAX = 1000;
/** A longer line is data rather than something to enter again. */
export const HISTORY_LINE_CHARS_MAX = 4096;
/** A file that is longer was not written by us: it is left alone, and so is the history. */
const HISTORY_FILE_BYTES_MAX = 2 * HISTORY_LINES_MAX * HISTORY_LINE_CHARS_MAX * 4;

const OWNER_ONLY = 0o600;
const OWNER_ONLY_FOLDER = 0o700;

/**
 * Where the history is kept; null: nowhere. SHOAL_HISTORY names the file, or is `off`; else it is in XDG_STATE_HOME, or in the home
 * folder.
 */
export function historyPath(environment: Readonly<Record<string, string | undefined>>): string | null {
  const given = environment['SHOAL_HISTORY'];
  if (given !== undefined) return given === '' || given === 'off' || given === '/dev/null' ? null : given;
  const state = environment['XDG_STATE_HOME'] ?? '';
  if (isAbsolute(state)) return join(state, 'shoal', 'history');
  const home = environment['HOME'] ?? environment['USERPROFILE'] ?? '';
  return home === '' ? null : join(home, '.shoal_history');
}

/** Whether a line holds, or may hold, a password. When in doubt it does. */
export function isSecret(line: string): boolean {
  const { words } = splitLine(Buffer.from(line));
  // A line that cannot be split is not sent; what it begins with still tells.
  const texts = (words?.map((word) => Buffer.from(word).toString()) ?? line.trim().split(/[\s"']+/)).map((text) =>
    text.toUpperCase(),
  );
  const [command, subcommand] = texts;
  if (command === 'AUTH') return true;
  if (command === 'HELLO') return texts.includes('AUTH');
  if (command === 'CONFIG') return subcommand === 'SET' && texts.some((text) => SECRET_PARAMETERS.has(text));
  if (command === 'ACL') return subcommand === 'SETUSER' && texts.some((text) => /^[><#!]/.test(text));
  return command === 'MIGRATE' && (texts.includes('AUTH') || texts.includes('AUTH2'));
}

const SECRET_PARAMETERS: ReadonlySet<string> = new Set([
  'REQUIREPASS',
  'MASTERAUTH',
  'PRIMARYAUTH',
  'TLS-KEY-FILE-PASS',
  'TLS-CLIENT-KEY-FILE-PASS',
]);

/** The history of one session over one file. A file that cannot be read or written costs the history, never the session. */
export class HistoryFile {
  /** What went wrong, once; null where nothing did. */
  problem: string | null = null;
  private readonly path: string | null;
  private last = '';

  /** null: nothing is kept. */
  constructor(path: string | null) {
    this.path = path;
  }

  /** The lines that are kept, the newest first; at most HISTORY_LINES_MAX. */
  load(): string[] {
    const { path } = this;
    if (path === null) return [];
    try {
      const status = statSync(path);
      const { size, mode } = status;
      if (!status.isFile()) throw new Error('it is no file');
      if (size > HISTORY_FILE_BYTES_MAX) throw new Error('it is too long to be a history');
      if ((mode & 0o077) !== 0) chmodSync(path, OWNER_ONLY);
      const lines = readFileSync(path, 'utf8')
        .split('\n')
        .filter((line) => line !== '');
      const kept = lines.slice(-HISTORY_LINES_MAX);
      if (lines.length > 2 * HISTORY_LINES_MAX) replaceFile(path, kept);
      this.last = kept.at(-1) ?? '';
      return kept.toReversed();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') this.fail('read', error);
      return [];
    }
  }

  /** Keeps `line`, unless it is secret, empty, too long, or the same as the one before. Whether it may be kept in memory too. */
  add(line: string): boolean {
    const text = line.trim();
    if (text === '' || text.length > HISTORY_LINE_CHARS_MAX || isSecret(text)) return false;
    if (text === this.last) return true;
    this.last = text;
    const { path } = this;
    if (path === null || this.problem !== null) return true;
    try {
      mkdirSync(dirname(path), { recursive: true, mode: OWNER_ONLY_FOLDER });
      appendFileSync(path, `${text}\n`, { mode: OWNER_ONLY });
    } catch (error) {
      this.fail('written', error);
    }
    return true;
  }

  private fail(what: 'read' | 'written', error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.problem = `the history ${this.path} cannot be ${what}: ${reason}; SHOAL_HISTORY names another file, or off`;
  }
}

/** A reader sees the old file or the new one, whole. */
function replaceFile(path: string, lines: readonly string[]): void {
  const temporary = `${path}.${process.pid}`;
  try {
    writeFileSync(temporary, `${lines.join('\n')}\n`, { mode: OWNER_ONLY });
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

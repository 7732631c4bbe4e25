/**
 * `shoal set KEY VALUE`: stores text, bytes from stdin, or JSON. Text and bytes are stored as they are, for any client to read. Says OK on a
 * terminal and nothing to a program, which has the exit code.
 */
import type { SetOptions } from '../client/call-options.ts';
import { parseDuration } from '../config/units.ts';
import { TTL_MS_MAX } from '../protocol/shoal/frame.ts';
import { checkWords, invalid, type ParsedArguments, valueOf } from './arguments.ts';
import { type ClientTask, clientCommand } from './client-command.ts';
import { clientFlagLines, helpPage } from './client-flags.ts';
import type { CommandModule } from './command.ts';
import { ExitCode } from './exit-codes.ts';
import { entry } from './help-layout.ts';
import { parseJson } from './json-input.ts';
import { readAll, writeAll } from './streams.ts';

interface Asked {
  readonly key: string;
  /** null: it comes from stdin. */
  readonly text: string | null;
  readonly form: 'bytes' | 'json';
  readonly options: SetOptions;
}

/** The longest value that any node takes is shorter. */
const STDIN_BYTES_MAX = 512 * 1024 * 1024;

export const setCommand: CommandModule = clientCommand<Asked>({
  options: { ttl: 'value', 'keep-ttl': 'switch', 'if-absent': 'switch', 'if-present': 'switch', json: 'switch' },
  codec: ({ form }) => (form === 'json' ? 'typed' : 'bytes'),
  prepare,
  run,
  help: () =>
    helpPage(
      ['Store a value. It says OK on a terminal, and nothing where stdout is no terminal.'],
      'set KEY VALUE [options]',
      [
        [
          'Value',
          ...entry('VALUE', 'A text, stored as its bytes; - reads the bytes from stdin, and stores them untouched.'),
          ...entry('--json', 'The value is JSON, and stored so that applications get a value: \'{"name":"Ada"}\'.'),
          ...entry('--ttl TIME', 'How long it lives: 500ms, 60s, 5m, 2h, 1d (default: until it is removed).'),
          ...entry('--keep-ttl', 'It lives as long as the value that it replaces.'),
          ...entry('--if-absent', 'Only if there is no such key.'),
          ...entry('--if-present', 'Only if there is such a key.'),
        ],
        clientFlagLines(),
        [`Where the condition does not hold, nothing is stored, and the exit code is ${ExitCode.miss}.`],
        [
          'Examples',
          '  shoal set greeting hello --ttl 60s',
          '  shoal set photo - < photo.jpg',
          '  shoal set lock "$HOSTNAME" --if-absent --ttl 30s',
          '  shoal set offset -- -5',
        ],
      ],
    ),
});

function prepare(parsed: ParsedArguments): Asked {
  const { words, switches } = parsed;
  checkWords(words, ['KEY', 'VALUE'], { min: 2, max: 2 });
  const [key = '', value = ''] = words;
  if (switches.has('if-absent') && switches.has('if-present'))
    throw invalid('give --if-absent or --if-present, not both');
  const ttl = valueOf(parsed, 'ttl');
  if (ttl !== undefined && switches.has('keep-ttl')) throw invalid('give --ttl or --keep-ttl, not both');
  const form = switches.has('json') ? 'json' : 'bytes';
  const text = value === '-' ? null : value;
  // A slip is told before anything is connected.
  if (form === 'json' && text !== null) parseJson(text);
  return {
    key,
    text,
    form,
    options: {
      ...(ttl === undefined ? {} : { ttlMs: parseTtl(ttl) }),
      ...(switches.has('keep-ttl') ? { keepTtl: true } : {}),
      ...(switches.has('if-absent') ? { onlyIf: 'absent' } : {}),
      ...(switches.has('if-present') ? { onlyIf: 'present' } : {}),
    },
  };
}

function parseTtl(text: string): number {
  const ttlMs = parseDuration(text);
  if (ttlMs !== null && ttlMs >= 1 && ttlMs <= TTL_MS_MAX) return ttlMs;
  const unit = /^\d+$/.test(text) && text !== '0' ? `; did you mean ${text}s?` : '';
  throw invalid(`--ttl: "${text}" is not allowed; give a time from 1ms on, such as 500ms, 60s or 2h${unit}`);
}

async function run({ client, prepared, context }: ClientTask<Asked>): Promise<number> {
  const { key, text, form, options } = prepared;
  const { input, output } = context.streams;
  if (text === null && input.isTTY === true) {
    context.writeError('shoal: the value is what you type now; Ctrl-D on a line of its own ends it\n');
  }
  const bytes = text === null ? await readAll(input, STDIN_BYTES_MAX) : Buffer.from(text);
  const value = form === 'json' ? parseJson(text ?? utf8Text(bytes)) : bytes;
  const stored = await client.set(key, value, options);
  if (!stored) {
    const reason = options.onlyIf === 'absent' ? 'exists already' : 'does not exist';
    context.writeError(`shoal: not stored: the key ${JSON.stringify(key)} ${reason}\n`);
    return ExitCode.miss;
  }
  if (output.isTTY === true) await writeAll(output, 'OK\n');
  return ExitCode.ok;
}

function utf8Text(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw invalid('the value is not JSON: it is not even UTF-8');
  }
}

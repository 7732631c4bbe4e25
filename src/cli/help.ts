/** The help texts. That of `serve` is made from the option table, so no option can lack its line. */
import { unreachable } from '../base/assert.ts';
import { environmentVariable, OPTION_GROUPS, type OptionSpec } from '../config/option-spec.ts';
import { OPTION_KEYS, specOf } from '../config/options.ts';
import { formatOption, formatRange } from '../config/validate.ts';

const LINE_WIDTH = 100;
const DESCRIPTION_COLUMN = 32;

export function mainHelp(version: string): string {
  return `shoal ${version}: a distributed in-memory cache that any Redis client can use.

Usage: shoal <command> [options]

Commands
  serve             Start a cache node.
  help [command]    Show this page, or that of a command.

Options
  -h, --help        Show this page. After a command: show its own.
  -v, --version     Show the version.

First steps
  shoal serve                                  # on 127.0.0.1:7600, with 512mb
  redis-cli -p 7600 set greeting hello

Exit codes
  0  done, or stopped by SIGTERM or SIGINT
  1  a fault, such as a port in use
  2  a wrong command, option or configuration
`;
}

export function serveHelp(): string {
  const lines = [
    'Start a cache node that Redis clients can use.',
    '',
    'Usage: shoal serve [options]',
    '',
    'Configuration',
    ...entry('--config FILE', 'A JSON file with the names below: { "memory": "1gb", "limits": { "idle": "5m" } }.'),
    ...entry('-h, --help', 'Show this page.'),
  ];
  for (const group of OPTION_GROUPS) {
    lines.push('', group);
    for (const key of OPTION_KEYS) {
      const spec = specOf(key);
      if (spec.group === group) lines.push(...entry(`--${spec.flag} ${placeholder(spec)}`, describe(spec)));
    }
  }
  const example = environmentVariable(specOf('limits.idleTimeoutMs'));
  lines.push(
    '',
    'Sizes are bytes, or count in 1024s with kb, mb, gb and in 1000s with k, m, g. Durations name their',
    'unit: ms, s, m, h or d.',
    '',
    `Each option is also an environment variable (--limit-idle is ${example}) and a name in the`,
    'file, where the limits may stand together in "limits". A flag counts before the environment, the',
    'environment before the file.',
    '',
    'Examples',
    '  shoal serve',
    '  shoal serve --port 7601 --memory 2gb',
    '  SHOAL_PASSWORD=secret shoal serve --host 0.0.0.0 --config /etc/shoal.json',
    '',
    'SIGTERM or SIGINT stops the node in order; a second one stops it at once (exit code 143 or 130).',
    '',
  );
  return lines.join('\n');
}

function placeholder(spec: OptionSpec): string {
  switch (spec.kind) {
    case 'text':
      return spec.placeholder;
    case 'choice':
      return spec.choices.join('|');
    case 'size':
      return 'SIZE';
    case 'duration':
      return 'TIME';
    case 'count':
      return 'N';
    default:
      return unreachable(spec);
  }
}

function describe(spec: OptionSpec): string {
  const range = formatRange(spec);
  const notes = [`default ${formatOption(spec, spec.default) || 'none'}`];
  if (range !== '') notes.push(range);
  return `${spec.summary} (${notes.join('; ')})`;
}

/** A name and its wrapped description, on one line where both fit their columns. */
function entry(name: string, description: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of description.split(' ')) {
    if (line !== '' && DESCRIPTION_COLUMN + line.length + 1 + word.length > LINE_WIDTH) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  lines.push(line);
  const indented = lines.map((text) => ' '.repeat(DESCRIPTION_COLUMN) + text);
  const heading = `  ${name}`;
  if (heading.length + 2 > DESCRIPTION_COLUMN) return [heading, ...indented];
  return [heading.padEnd(DESCRIPTION_COLUMN) + (lines[0] ?? ''), ...indented.slice(1)];
}

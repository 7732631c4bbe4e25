/** The help of `serve`, made from the option table, so no option can lack its line. */
import { environmentVariable, OPTION_GROUPS } from '../config/option-spec.ts';
import { OPTION_KEYS, specOf } from '../config/options.ts';
import { entry } from './help-layout.ts';
import { describe, placeholder } from './option-text.ts';

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
    '  shoal serve --data-dir /var/lib/shoal',
    '  SHOAL_PASSWORD=secret shoal serve --host 0.0.0.0 --config /etc/shoal.json',
    '',
    'SIGTERM or SIGINT stops the node in order; a second one stops it at once (exit code 143 or 130).',
    'Exit code 75: the node is to be started again (shoal cluster restart), by whatever supervises it.',
    '',
  );
  return lines.join('\n');
}

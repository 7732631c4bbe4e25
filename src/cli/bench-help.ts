/** The help of `shoal bench`, made from its option table. */
import { BENCH_OPTIONS } from './bench-options.ts';
import { optionHelp } from './command-options.ts';
import { entry } from './help-layout.ts';

export function benchHelp(): string {
  return [
    'Measure a server under load: any that speaks RESP, the Shoal protocol, or memcached text.',
    '',
    'Usage: shoal bench [options]',
    '',
    ...entry('-h, --help', 'Show this page.'),
    ...optionHelp(BENCH_OPTIONS),
    '',
    'Every reply is checked: a value must be that of its key, and as long as it was written, and one',
    'in 64 is compared byte by byte. Refusals, wrong values and lost connections are counted by kind.',
    'The keys under --key-prefix are overwritten.',
    '',
    'A progress bar is drawn where stderr is a terminal. Ctrl-C ends the run and prints its figures.',
    '',
    'Examples',
    '  shoal bench                                   # the node of shoal serve, as fast as it answers',
    '  shoal bench --preset seed',
    '  shoal bench --port 6379 --connections 1000 --duration 30s --json',
    '  shoal bench --rate 20000 --duration 1m --distribution zipf --value-size 100-10kb',
    '',
    'Exit codes',
    '  0    no error',
    '  1    errors were counted, or the server could not be reached',
    '  2    a wrong option',
    '  130  interrupted (143 by SIGTERM)',
    '',
  ].join('\n');
}

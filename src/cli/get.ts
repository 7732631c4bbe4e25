/**
 * `shoal get KEY`: the value's bytes, exactly; on a terminal with a newline behind them, so that the prompt stands on a line of its own. A value that
 * an application set as JSON is its JSON text.
 */
import { ShoalError } from '../base/errors.ts';
import type { ShoalClient } from '../client/client.ts';
import { checkWords } from './arguments.ts';
import { type ClientTask, clientCommand } from './client-command.ts';
import { clientFlagLines, helpPage } from './client-flags.ts';
import type { CommandModule } from './command.ts';
import { ExitCode } from './exit-codes.ts';
import { entry } from './help-layout.ts';
import { writeAll } from './streams.ts';

interface Asked {
  readonly key: string;
  readonly form: 'plain' | 'raw' | 'json';
}

export const getCommand: CommandModule = clientCommand<Asked>({
  options: { raw: 'switch', json: 'switch' },
  codec: () => 'typed',
  prepare: ({ words, switches }) => {
    checkWords(words, ['KEY'], { min: 1, max: 1 });
    if (switches.has('raw') && switches.has('json'))
      throw new ShoalError('InvalidOption', 'give --raw or --json, not both');
    return { key: words[0] ?? '', form: switches.has('json') ? 'json' : switches.has('raw') ? 'raw' : 'plain' };
  },
  run,
  help: () =>
    helpPage(
      ['Print the value of a key: exactly its bytes, and on a terminal a newline behind them.'],
      'get KEY [options]',
      [
        [
          'Output',
          ...entry('--json', 'The value as JSON: a text in quotes, bytes that are no text as {"base64":"…"}.'),
          ...entry('--raw', 'No newline on a terminal either.'),
        ],
        clientFlagLines(),
        [`Without such a key nothing is printed on stdout, and the exit code is ${ExitCode.miss}.`],
        ['Examples', '  shoal get greeting', '  shoal get photo > photo.jpg', '  shoal get user:1 --json | jq .name'],
      ],
    ),
});

async function run({ client, prepared: { key, form }, context }: ClientTask<Asked>): Promise<number> {
  const { output } = context.streams;
  const found = form === 'json' ? await jsonOf(client, key) : await client.getBytes(key);
  if (found === undefined) {
    context.writeError(`shoal: there is no key ${JSON.stringify(key)}\n`);
    return ExitCode.miss;
  }
  await writeAll(output, found);
  if (form === 'plain' && output.isTTY === true) await writeAll(output, '\n');
  return ExitCode.ok;
}

/** The value as a line of JSON; undefined where there is none. */
async function jsonOf(client: ShoalClient, key: string): Promise<string | undefined> {
  let value: unknown;
  try {
    value = await client.get(key);
  } catch (error) {
    if (!(error instanceof ShoalError) || error.code !== 'CodecFailed') throw error;
    // No text: what is there are bytes.
    value = await client.getBytes(key);
  }
  if (value === undefined) return undefined;
  return `${JSON.stringify(value instanceof Uint8Array ? { base64: Buffer.from(value).toString('base64') } : value)}\n`;
}

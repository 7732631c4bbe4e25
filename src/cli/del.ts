/** `shoal del KEY…`: removes keys, and prints how many were there. */
import { checkWords } from './arguments.ts';
import { clientCommand } from './client-command.ts';
import { clientFlagLines, helpPage } from './client-flags.ts';
import type { CommandModule } from './command.ts';
import { ExitCode } from './exit-codes.ts';
import { writeAll } from './streams.ts';

export const delCommand: CommandModule = clientCommand<readonly string[]>({
  options: {},
  codec: () => 'bytes',
  prepare: ({ words }) => {
    checkWords(words, ['KEY'], { min: 1, max: Number.POSITIVE_INFINITY });
    return words;
  },
  run: async ({ client, prepared: keys, context }) => {
    const count = await client.deleteMany(keys);
    await writeAll(context.streams.output, `${count}\n`);
    return ExitCode.ok;
  },
  help: () =>
    helpPage(['Remove keys. Prints how many of them were there; none is no error.'], 'del KEY… [options]', [
      clientFlagLines(),
      ['Examples', '  shoal del greeting', '  shoal del user:1 user:2'],
    ]),
});

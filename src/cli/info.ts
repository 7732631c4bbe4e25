/** `shoal info [SECTION]`: what a node says of itself, as it says it. */
import { ShoalError } from '../base/errors.ts';
import { checkWords } from './arguments.ts';
import { clientCommand, type ClientTask } from './client-command.ts';
import { clientFlagLines, helpPage } from './client-flags.ts';
import type { CommandModule } from './command.ts';
import { ExitCode } from './exit-codes.ts';
import { writeAll } from './streams.ts';

export const infoCommand: CommandModule = clientCommand<readonly string[]>({
  options: {},
  codec: () => 'bytes',
  prepare: ({ words }) => {
    checkWords(words, ['SECTION'], { min: 0, max: Number.POSITIVE_INFINITY });
    return words;
  },
  run,
  help: () =>
    helpPage(
      ['Print what a node says of itself: version, memory, traffic, hits and misses, keys.'],
      'info [SECTION…] [options]',
      [
        clientFlagLines(),
        ['With several nodes, a line "# Node HOST:PORT" stands before what each says.'],
        ['Examples', '  shoal info', '  shoal info memory stats', '  shoal info | grep ^keyspace_'],
      ],
    ),
});

async function run({ client, target, prepared: sections, context }: ClientTask<readonly string[]>): Promise<number> {
  const { output } = context.streams;
  const isTerminal = output.isTTY === true;
  for (const { id } of target.nodes) {
    const text = await client.call(['INFO', ...sections], { node: id });
    if (typeof text !== 'string') {
      throw new ShoalError('UnexpectedResponse', `${id} answered INFO with something that is no text`, { node: id });
    }
    if (text === '' && sections.length > 0) {
      context.writeError(`shoal: ${id} has no section ${sections.join(' or ')}; shoal info shows all\n`);
      return ExitCode.miss;
    }
    if (target.nodes.length > 1) await writeAll(output, `# Node ${id}\n`);
    // On a terminal the carriage returns of the protocol are only in the way.
    await writeAll(output, isTerminal ? text.replaceAll('\r\n', '\n') : text);
  }
  return ExitCode.ok;
}

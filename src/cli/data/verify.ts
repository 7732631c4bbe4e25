/** `shoal data verify FOLDER`: reads all of a data folder, and says what of it a node would load. */
import { SYSTEM_DISK } from '../../io/disk.ts';
import { type FileReport, verifyDataSet, type VerifyReport } from '../../persistence/verify.ts';
import { helpPage } from '../client-flags.ts';
import { ExitCode } from '../exit-codes.ts';
import { entry } from '../help-layout.ts';
import { folderCommand } from './folder-command.ts';

export const verifyCommand = folderCommand({ json: 'switch' }, help, ({ folder, parsed, context }) => {
  const report = verifyDataSet(SYSTEM_DISK, folder);
  context.writeOut(parsed.switches.has('json') ? `${JSON.stringify(report, null, 2)}\n` : verifyText(report));
  return report.isLoadable ? ExitCode.ok : ExitCode.miss;
});

function help(): string {
  return helpPage(
    ['Check each byte of a data folder against its checksums. Changes nothing.'],
    'data verify FOLDER [options]',
    [
      ['Options', ...entry('--json', 'Everything, as JSON.')],
      [
        'Exit codes',
        '  0  a node would load it; the end of the last log may be torn, which it cuts off',
        '  1  the folder cannot be read, or holds no data',
        '  3  it is damaged: shoal data salvage copies the rest',
      ],
      ['Examples', '  shoal data verify /var/lib/shoal'],
    ],
  );
}

/** The report as people read it. */
export function verifyText({ folder, manifestProblem, files, leftOvers, isLoadable }: VerifyReport): string {
  const lines: string[] = [];
  if (manifestProblem !== null) lines.push(manifestProblem);
  for (const file of files) lines.push(...fileLines(file));
  for (const name of leftOvers) lines.push(`${name}: left over, nobody reads it`);
  if (isLoadable) lines.push(`${folder} can be loaded`);
  else lines.push(`${folder} is damaged: shoal data salvage ${folder} --to NEW copies all that is whole`);
  return `${lines.join('\n')}\n`;
}

function fileLines({
  name,
  condition,
  bytes,
  recordCount,
  itemCount,
  problem,
  damaged,
}: FileReport): readonly string[] {
  if (condition === 'missing') return [`${name} ${problem ?? 'is missing'}`];
  const lines = [`${name}: ${condition}, ${bytes} bytes, ${recordCount} records, ${itemCount} of items`];
  if (problem !== null) lines.push(`  it ${problem}`);
  for (const part of damaged) lines.push(`  byte ${part.offset}: ${part.bytes} bytes cannot be used: ${part.reason}`);
  return lines;
}

/** `shoal data salvage FOLDER --to NEW`: a new data folder with all that is whole in a damaged one. */
import { randomBytes } from 'node:crypto';
import { SYSTEM_DISK } from '../../io/disk.ts';
import { salvageDataSet, type SalvageReport } from '../../persistence/salvage.ts';
import { invalid, valueOf } from '../arguments.ts';
import { helpPage } from '../client-flags.ts';
import { ExitCode } from '../exit-codes.ts';
import { entry } from '../help-layout.ts';
import { folderCommand } from './folder-command.ts';

export const salvageCommand = folderCommand({ to: 'value', json: 'switch' }, help, ({ folder, parsed, context }) => {
  const to = valueOf(parsed, 'to');
  if (to === undefined) throw invalid('--to is missing: name a new folder to copy to');
  const seed = randomBytes(8);
  const report = salvageDataSet(SYSTEM_DISK, folder, to, {
    itemVersionSeed: [seed.readInt32LE(0), seed.readInt32LE(4)],
    address: 'shoal data salvage',
  });
  context.writeOut(parsed.switches.has('json') ? `${JSON.stringify(report, null, 2)}\n` : salvageText(report, to));
  return ExitCode.ok;
});

function help(): string {
  return helpPage(
    [
      'Copy all that is whole in a damaged data folder to a new one, which a node can be started on. The',
      'old one stays as it is. Of a key whose newest value is damaged an older one may come back.',
    ],
    'data salvage FOLDER --to NEW [options]',
    [
      [
        'Options',
        ...entry('--to NEW', 'Folder to copy to; it is made, or empty.'),
        ...entry('--json', 'What was copied and left out, as JSON.'),
      ],
      [
        'Examples',
        '  shoal data salvage /var/lib/shoal --to /var/lib/rescued',
        '  shoal serve --data-dir /var/lib/rescued',
      ],
    ],
  );
}

/** The report as people read it. */
export function salvageText({ recordCount, itemCount, leftOut, missing }: SalvageReport, to: string): string {
  const lines = [`${recordCount} records, ${itemCount} of items, are in ${to}`];
  for (const name of missing) lines.push(`${name} is missing`);
  for (const { name, offset, bytes, reason } of leftOut)
    lines.push(`${name}, byte ${offset}: ${bytes} bytes are left out: ${reason}`);
  if (missing.length === 0 && leftOut.length === 0) lines.push('nothing was left out');
  return `${lines.join('\n')}\n`;
}

/** The columns of a help page. Imports nothing, so that the pages that need no option table show at once. */

const LINE_WIDTH = 100;
const DESCRIPTION_COLUMN = 32;

/** A name and its wrapped description, on one line where both fit their columns. */
export function entry(name: string, description: string): string[] {
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

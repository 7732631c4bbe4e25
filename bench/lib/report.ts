/** Prints results as a table for people and writes them as JSON for programs. */
import { writeFileSync } from 'node:fs';

export type Cell = string | number;

/** The first row holds the titles. Numbers stand to the right. */
export function printTable(rows: readonly (readonly Cell[])[]): void {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, String(cell).length)));
  rows.forEach((row, index) => {
    const cells = row.map((cell, i) =>
      typeof cell === 'number' || (index === 0 && typeof rows[1]?.[i] === 'number')
        ? String(cell).padStart(widths[i] as number)
        : cell.padEnd(widths[i] as number),
    );
    console.log(cells.join('  ').trimEnd());
    if (index === 0) console.log(widths.map((width) => '-'.repeat(width)).join('  '));
  });
  console.log('');
}

/** Rounded to `digits` decimals, still a number. */
export function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

export function megabytes(bytes: number): number {
  return rounded(bytes / 1e6, 1);
}

/** Writes `result` to `path`; nothing where no path was given. */
export function writeJson(path: string | undefined, result: unknown): void {
  if (path === undefined) return;
  writeFileSync(path, `${JSON.stringify(result, null, 2)}\n`);
  console.log(`JSON written to ${path}`);
}

/** Prints progress on one line of a terminal; silent where the output is a file. */
export function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

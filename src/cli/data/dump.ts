/** `shoal data dump FOLDER`: the records of a data folder, a line each, for people or as JSON. */
import { unreachable } from '../../base/assert.ts';
import { SYSTEM_DISK } from '../../io/disk.ts';
import { dumpDataSet, type DumpEntry } from '../../persistence/dump.ts';
import { helpPage } from '../client-flags.ts';
import { ExitCode } from '../exit-codes.ts';
import { entry } from '../help-layout.ts';
import { folderCommand } from './folder-command.ts';
import { LineOutput, NobodyReads } from './line-output.ts';

/** Of a value, in the form for people. */
const SHOWN_BYTES = 60;

export const dumpCommand = folderCommand({ json: 'switch' }, help, ({ folder, parsed, context }) => {
  const output = new LineOutput(context.streams.output);
  const lineOf = parsed.switches.has('json') ? jsonOf : textOf;
  try {
    dumpDataSet(SYSTEM_DISK, folder, (record) => output.write(lineOf(record)));
    output.flush();
  } catch (error) {
    if (!(error instanceof NobodyReads)) throw error;
  }
  return ExitCode.ok;
});

function help(): string {
  return helpPage(
    [
      'Print the records of a data folder, in the order in which they were written: the last one of a key',
      'counts. Databases are name spaces here; a mapping says which is which. Damaged parts have lines too.',
    ],
    'data dump FOLDER [options]',
    [
      [
        'Options',
        ...entry('--json', 'An object on each line, with whole values; bytes that are no text as {"base64":"…"}.'),
      ],
      ['Examples', '  shoal data dump /var/lib/shoal | less', '  shoal data dump /var/lib/shoal --json | jq -r .key'],
    ],
  );
}

/** A record as an object of JSON. */
export function jsonOf(record: DumpEntry): string {
  const { kind, file, offset } = record;
  const place = { file, offset, kind };
  switch (kind) {
    case 'item': {
      const { namespace, key, value, expiresAtMs } = record;
      const expiresAt = expiresAtMs === 0 ? null : new Date(expiresAtMs).toISOString();
      return JSON.stringify({ ...place, namespace, key: jsonBytes(key), value: jsonBytes(value), expiresAt });
    }
    case 'removed':
      return JSON.stringify({ ...place, namespace: record.namespace, key: jsonBytes(record.key) });
    case 'flushed':
      return JSON.stringify({ ...place, namespace: record.namespace });
    case 'mapping':
      return JSON.stringify({ ...place, namespaces: record.namespaces });
    case 'end':
      return JSON.stringify({ ...place, items: record.itemCount });
    case 'cluster':
      return JSON.stringify({ ...place, name: record.name });
    case 'cleared':
    case 'emptied':
      return JSON.stringify({ ...place, namespace: record.namespace, slots: record.slots });
    case 'claimed':
      return JSON.stringify({ ...place, time: record.time, isTaken: record.isTaken, slots: record.slots });
    case 'damaged':
      return JSON.stringify({ ...place, bytes: record.bytes, reason: record.reason });
    default:
      return unreachable(kind);
  }
}

/** A record as people read it. */
export function textOf(record: DumpEntry): string {
  const place = `${record.file} ${record.offset}`;
  switch (record.kind) {
    case 'item': {
      const { namespace, key, value, expiresAtMs } = record;
      const expires = expiresAtMs === 0 ? '' : `, expires ${new Date(expiresAtMs).toISOString()}`;
      const cut = value.length > SHOWN_BYTES ? '…' : '';
      return `${place} item ${namespace} ${shown(key)} = ${shown(value.subarray(0, SHOWN_BYTES))}${cut} (${value.length} bytes${expires})`;
    }
    case 'removed':
      return `${place} removed ${record.namespace} ${shown(record.key)}`;
    case 'flushed':
      return `${place} flushed ${record.namespace === null ? 'all' : record.namespace}`;
    case 'mapping':
      return `${place} mapping ${record.namespaces.join(' ')}`;
    case 'end':
      return `${place} end, ${record.itemCount} items`;
    case 'cluster':
      return `${place} cluster ${record.name}`;
    case 'cleared':
    case 'emptied':
      return `${place} ${record.kind} ${record.namespace === null ? 'all' : record.namespace} of slots ${rangesText(record.slots)}`;
    case 'claimed':
      return `${place} claimed ${record.isTaken ? 'after' : 'as of'} epoch ${record.time}: slots ${rangesText(record.slots)}`;
    case 'damaged':
      return `${place} damaged, ${record.bytes} bytes: ${record.reason}`;
    default:
      return unreachable(record);
  }
}

function rangesText(bounds: readonly number[]): string {
  const ranges: string[] = [];
  for (let at = 0; at < bounds.length; at += 2)
    ranges.push(bounds[at] === bounds[at + 1] ? String(bounds[at]) : `${bounds[at]}-${bounds[at + 1]}`);
  return ranges.join(' ');
}

function jsonBytes(bytes: Buffer): string | { readonly base64: string } {
  const text = bytes.toString('utf8');
  return Buffer.from(text, 'utf8').equals(bytes) ? text : { base64: bytes.toString('base64') };
}

/** In quotes, with all that is not plain ASCII escaped. */
function shown(bytes: Buffer): string {
  let text = '';
  for (const byte of bytes) {
    if (byte === 0x22 || byte === 0x5c) text += `\\${String.fromCharCode(byte)}`;
    else if (byte >= 0x20 && byte < 0x7f) text += String.fromCharCode(byte);
    else text += `\\x${byte.toString(16).padStart(2, '0')}`;
  }
  return `"${text}"`;
}

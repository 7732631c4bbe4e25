/** `shoal top`: what the nodes do at this moment, a line each, again and again. In a cluster, one node is enough: the client learns the others. */
import type { ShoalClient } from '../client/client.ts';
import type { NodeHealth } from '../client/node-health.ts';
import { formatSize, parseDuration } from '../config/units.ts';
import { checkWords, invalid, valueOf } from './arguments.ts';
import { clientCommand, type ClientTask } from './client-command.ts';
import { clientFlagLines, helpPage } from './client-flags.ts';
import { table } from './cluster/status.ts';
import type { CommandModule } from './command.ts';
import { ExitCode } from './exit-codes.ts';
import { explained } from './explain-error.ts';
import { entry } from './help-layout.ts';
import { onStopSignal } from './stop-signal.ts';

const INTERVAL_DEFAULT = '1s';
const INTERVAL_MS_MIN = 100;
const CLEAR_SCREEN = '\u001b[H\u001b[2J';
const COLUMNS = ['node', 'ops/s', 'hit %', 'items', 'memory', 'limit', 'evicted/s', 'clients', 'in', 'out', 'state'];

interface TopOptions {
  readonly intervalMs: number;
  readonly once: boolean;
}

export const topCommand: CommandModule = clientCommand<TopOptions>({
  options: { interval: 'value', once: 'switch' },
  codec: () => 'bytes',
  prepare: (parsed) => {
    checkWords(parsed.words, [], { min: 0, max: 0 });
    const text = valueOf(parsed, 'interval') ?? INTERVAL_DEFAULT;
    const intervalMs = parseDuration(text);
    if (intervalMs === null || intervalMs < INTERVAL_MS_MIN) {
      throw invalid(
        `--interval: "${text}" is not allowed; give a duration of at least ${INTERVAL_MS_MIN}ms, with its unit`,
      );
    }
    return { intervalMs, once: parsed.switches.has('once') };
  },
  run,
  help: () =>
    helpPage(
      [
        'Show what the nodes do, a line each: requests, hits, memory, clients. Of a cluster, any of its nodes is enough.',
      ],
      'top [options]',
      [
        [
          'Options',
          ...entry('--interval TIME', `How often (default ${INTERVAL_DEFAULT}).`),
          ...entry('--once', 'Show one interval and end.'),
        ],
        clientFlagLines(),
        ['Examples', '  shoal top', '  shoal top --node 10.0.0.1:7600 --interval 5s'],
      ],
    ),
});

/** What is counted since the node began; the differences of two are what is shown. */
interface Sample {
  readonly atMs: number;
  readonly fields: ReadonlyMap<string, string>;
}

async function run({ client, prepared, context }: ClientTask<TopOptions>): Promise<number> {
  const { intervalMs, once } = prepared;
  let wake: () => void = () => {};
  const stop = { asked: false };
  onStopSignal(context, () => {
    stop.asked = true;
    wake();
  });
  const before = new Map<string, Sample>();
  // The first question also tells a client of a cluster who the others are.
  await client.ping();
  for (let round = 0; !stop.asked; round += 1) {
    const rows = await Promise.all(client.nodes.map((node) => rowOf(client, node, before, context.nowMs())));
    if (round > 0) {
      const text = `${table([COLUMNS, ...rows]).join('\n')}\n`;
      context.writeOut(context.errorTerminal === null || once ? text : `${CLEAR_SCREEN}${text}`);
      if (once) return ExitCode.ok;
    }
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, intervalMs);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
  return ExitCode.ok;
}

/** The node's line, from the difference to its sample in `before`, which is replaced. */
async function rowOf(
  client: ShoalClient,
  { id, address }: NodeHealth,
  before: Map<string, Sample>,
  nowMs: number,
): Promise<readonly string[]> {
  let text: unknown;
  try {
    text = await client.call(['INFO'], { node: id });
  } catch (error) {
    before.delete(id);
    const shown = explained(error);
    return [address, ...COLUMNS.slice(2).map(() => '-'), shown instanceof Error ? shown.message : String(shown)];
  }
  const sample: Sample = { atMs: nowMs, fields: fieldsOf(String(text)) };
  const last = before.get(id);
  before.set(id, sample);
  return rowBetween(address, last ?? sample, sample);
}

/** What happened at a node between two samples. */
export function rowBetween(address: string, last: Sample, now: Sample): readonly string[] {
  const seconds = Math.max((now.atMs - last.atMs) / 1000, 1e-3);
  const number = ({ fields }: Sample, name: string): number => Number(fields.get(name) ?? 0);
  const grown = (name: string): number => Math.max(0, number(now, name) - number(last, name));
  const hits = grown('keyspace_hits');
  const looks = hits + grown('keyspace_misses');
  const items = [...now.fields].reduce(
    (sum, [name, value]) => (/^db\d+$/.test(name) ? sum + Number(/keys=(\d+)/.exec(value)?.[1] ?? 0) : sum),
    0,
  );
  return [
    address,
    String(Math.round(grown('total_commands_processed') / seconds)),
    looks === 0 ? '-' : ((hits * 100) / looks).toFixed(1),
    String(items),
    formatSize(number(now, 'used_memory')),
    formatSize(number(now, 'maxmemory')),
    String(Math.round(grown('evicted_keys') / seconds)),
    String(number(now, 'connected_clients')),
    `${formatSize(Math.round(grown('total_net_input_bytes') / seconds))}/s`,
    `${formatSize(Math.round(grown('total_net_output_bytes') / seconds))}/s`,
    now.fields.get('redis_mode') ?? '-',
  ];
}

/** INFO's `name:value` lines. */
export function fieldsOf(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1).trimEnd());
  }
  return fields;
}

/**
 * A coordinator's state store in a process of its own, to be killed or stopped: takes a store, an address and options, prints each news as a line of
 * JSON, and, where the options say so, writes as fast as it can while it is elected, saying each value before and after.
 */
import { openStateStore, type OpenStateStoreOptions } from '../../src/coordinator/state/open-state-store.ts';
import type { StoredState } from '../../src/coordinator/state/state-store.ts';

export interface ProcessOptions {
  readonly store?: OpenStateStoreOptions;
  /** Length of the values that it writes; absent: it writes nothing. */
  readonly writes?: number;
}

/** A value that tells its number, of the given length. */
export function numberedValue(number: number, length: number): Uint8Array {
  const value = Buffer.alloc(length, `${number},`);
  return value;
}

export function numberOf(value: Uint8Array): number {
  return Number(/^\d+/.exec(Buffer.from(value).toString('latin1'))?.[0] ?? 0);
}

function say(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

async function main(spec: string, address: string, { store: options, writes }: ProcessOptions): Promise<void> {
  const store = openStateStore(spec, options);
  const write = async (state: StoredState, length: number): Promise<void> => {
    let { revision } = state;
    for (let number = numberOf(state.value) + 1; ; number += 1) {
      say({ kind: 'writing', number });
      const outcome = await store.write(numberedValue(number, length), revision);
      if (outcome.kind !== 'written') return;
      revision = outcome.revision;
      say({ kind: 'written', number });
    }
  };
  await store.start(address, {
    onElected: (state) => {
      say({ kind: 'elected', number: numberOf(state.value), bytes: state.value.length });
      if (writes !== undefined) void write(state, writes);
    },
    onDeposed: (reason, leader) => say({ kind: 'deposed', reason, leader }),
    onLeader: (leader) => say({ kind: 'leader', leader }),
    onTrouble: (text) => say({ kind: 'trouble', text }),
  });
  say({ kind: 'started' });
  process.once('SIGTERM', () => void store.close().then(() => process.exit(0)));
}

if (import.meta.main) {
  const [spec = '', address = '', options = '{}'] = process.argv.slice(2);
  await main(spec, address, JSON.parse(options) as ProcessOptions);
}

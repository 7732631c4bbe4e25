/**
 * What a data set may hold after a crash: every value that each key has had, with its place in the change log, noted as the store changes. A recovery may
 * find of each key the newest value before a place that was said to be kept, or any later one, and nothing else.
 */
import { type ChangeConsumer, type ChangeLog, ChangeReading, ChangeRecord } from '../src/changes/change-log.ts';
import { ChangeOperation, EVERY_NAMESPACE } from '../src/store/change-ring.ts';
import { ANY_NAMESPACE, scanBucket } from '../src/store/iteration.ts';
import { KeyBatch } from '../src/store/key-batch.ts';
import { databaseOf, namespaceOf } from '../src/store/namespaces.ts';
import type { Store } from '../src/store/store.ts';
import { DATABASE_COUNT, ItemSnapshot, Key } from '../src/store/types.ts';

/** A key as it was from `since` on: null for not there. */
interface Version {
  readonly since: number;
  readonly value: string | null;
  readonly expiresAtMs: number;
  readonly raw: boolean;
}

interface Mapping {
  readonly since: number;
  readonly namespaces: string;
}

const ABSENT = { value: null, expiresAtMs: 0, raw: false };

export class KeptHistory {
  private readonly store: Store;
  private readonly consumer: ChangeConsumer;
  private readonly record = new ChangeRecord();
  private readonly item = new ItemSnapshot();
  private readonly key = new Key();
  private readonly versions = new Map<string, Version[]>();
  private readonly mappings: Mapping[];

  /** Begins with what `store` holds, which is kept. */
  constructor(store: Store, log: ChangeLog, wallMs: number) {
    this.store = store;
    this.consumer = log.open(null)!;
    this.mappings = [{ since: log.sequence, namespaces: mappingOf(store) }];
    for (const key of keysOf(store, wallMs)) this.note(key, log.sequence, wallMs);
  }

  /** Notes what was changed since the last call. The change log holds it all, so call it often. */
  observe(wallMs: number): void {
    for (;;) {
      const reading = this.consumer.read(this.record);
      if (reading === ChangeReading.none) return;
      if (reading === ChangeReading.lost) throw new Error('the history was not told in time');
      const { record } = this;
      const since = this.consumer.position;
      if (record.operation === ChangeOperation.swapped) {
        this.mappings.push({ since, namespaces: mappingOf(this.store) });
      } else if (record.operation === ChangeOperation.flushed) {
        for (const [key, versions] of this.versions) {
          if (record.namespace === EVERY_NAMESPACE || key.charCodeAt(0) === record.namespace)
            versions.push({ since, ...ABSENT });
        }
      } else {
        const key = String.fromCharCode(record.namespace) + record.bytes.toString('latin1', 0, record.length);
        this.note(key, since, wallMs);
      }
    }
  }

  get position(): number {
    return this.consumer.position;
  }

  /** What `recovered` holds that it must not, or lacks that it must hold, if all before `kept` was said to be kept; null: nothing. */
  problem(
    recovered: Store,
    kept: number,
    wallMs: number,
  ): { readonly kind: 'lost' | 'wrong'; readonly text: string } | null {
    const mapping = mappingOf(recovered);
    const isMapping = ({ namespaces }: Mapping): boolean => namespaces === mapping;
    if (!entriesFrom(this.mappings, kept).some(isMapping)) {
      const kind = this.mappings.some(isMapping) ? 'lost' : 'wrong';
      return { kind, text: `the databases are ${mapping}` };
    }
    const found = new Set(keysOf(recovered, wallMs));
    for (const key of found) {
      if (!this.versions.has(key)) return { kind: 'wrong', text: `${show(key)} was never there` };
    }
    for (const [key, versions] of this.versions) {
      const now = this.read(recovered, key, wallMs);
      const allowed = entriesFrom(versions, kept);
      if (allowed.some((version) => isSame(atTime(version, wallMs), now))) continue;
      const before = versions.some((version) => isSame(atTime(version, wallMs), now));
      const text = `${show(key)} is ${show(now.value ?? 'absent')}, and ${allowed.length} later values are allowed, from ${allowed[0]?.since} on (kept: ${kept})`;
      return { kind: before ? 'lost' : 'wrong', text };
    }
    return null;
  }

  private note(key: string, position: number, wallMs: number): void {
    const version = { since: position, ...this.read(this.store, key, wallMs) };
    const versions = this.versions.get(key);
    if (versions === undefined) this.versions.set(key, [{ since: Number.NEGATIVE_INFINITY, ...ABSENT }, version]);
    else versions.push(version);
  }

  private read(store: Store, key: string, wallMs: number): Omit<Version, 'since'> {
    const bytes = Buffer.from(key.slice(1), 'latin1');
    this.key.assign(bytes, 0, bytes.length, databaseOf(store.parts.memory, key.charCodeAt(0)));
    if (!store.read(this.key, this.item, wallMs)) return ABSENT;
    const { expiresAtMs, raw, length } = this.item;
    return { value: Buffer.from(this.item.bytes.subarray(0, length)).toString('latin1'), expiresAtMs, raw };
  }
}

/** The last entry at or before `kept`, and all behind it. */
function entriesFrom<Entry extends { readonly since: number }>(
  entries: readonly Entry[],
  kept: number,
): readonly Entry[] {
  const first = entries.findLastIndex((entry) => entry.since <= kept);
  return entries.slice(Math.max(0, first));
}

function atTime(version: Omit<Version, 'since'>, wallMs: number): Omit<Version, 'since'> {
  return version.expiresAtMs !== 0 && version.expiresAtMs <= wallMs ? ABSENT : version;
}

function isSame(left: Omit<Version, 'since'>, right: Omit<Version, 'since'>): boolean {
  return left.value === right.value && left.expiresAtMs === right.expiresAtMs && left.raw === right.raw;
}

function mappingOf(store: Store): string {
  return Array.from({ length: DATABASE_COUNT }, (_unused, database) =>
    namespaceOf(store.parts.memory, database),
  ).join();
}

/** Name space, as a character, and bytes of each key. */
function keysOf(store: Store, wallMs: number): readonly string[] {
  const keys: string[] = [];
  const batch = new KeyBatch();
  let cursor = 0;
  do {
    cursor = scanBucket(store.parts, cursor, { namespace: ANY_NAMESPACE, slots: null }, batch, wallMs);
    for (let index = 0; index < batch.count; index += 1) {
      const start = batch.starts[index]!;
      const bytes = Buffer.from(batch.bytes.subarray(start, start + batch.lengths[index]!));
      keys.push(String.fromCharCode(batch.namespaces[index]!) + bytes.toString('latin1'));
    }
  } while (cursor !== 0);
  return keys;
}

function show(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}… (${text.length})` : text);
}

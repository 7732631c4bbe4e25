/** Tells data threads what this node has copies of: what the streams from its sources say, put into the `CopyTable` whenever that is another. */
import { type CopyTable, type CopiedSlots, SOURCE_COUNT_MAX } from './copy-table.ts';
import type { StreamTarget } from './stream-target.ts';

interface Source {
  /** In the table. */
  readonly number: number;
  readonly target: StreamTarget;
  /** Of the target, when the table was last written. */
  version: number;
}

export class CopyPublisher {
  private readonly table: CopyTable;
  private sources = new Map<string, Source>();

  constructor(table: CopyTable) {
    this.table = table;
  }

  /** `targets`: all streams to this node, by their sources. To be called before anything is deleted of what is no copy any more. */
  publish(targets: ReadonlyMap<string, StreamTarget>): void {
    if (this.isOld(targets)) this.renew(targets);
    for (const { number, target } of this.sources.values()) this.table.setFresh(number, target.freshAtMs);
  }

  private isOld(targets: ReadonlyMap<string, StreamTarget>): boolean {
    if (targets.size !== this.sources.size) return true;
    for (const [id, target] of targets) {
      const source = this.sources.get(id);
      if (source?.target !== target || source.version !== target.version) return true;
    }
    return false;
  }

  private renew(targets: ReadonlyMap<string, StreamTarget>): void {
    const before = this.sources;
    this.sources = new Map();
    const used = new Set([...before].filter(([id]) => targets.has(id)).map(([, { number }]) => number));
    const copies: CopiedSlots[] = [];
    for (const [id, target] of targets) {
      const number = before.get(id)?.number ?? freeNumber(used);
      // More sources than have room are not read from.
      if (number === null) continue;
      used.add(number);
      // Whoever had the number before may have been fresher.
      if (before.get(id)?.target !== target) this.table.setFresh(number, Number.NEGATIVE_INFINITY);
      this.sources.set(id, { number, target, version: target.version });
      copies.push({ source: number, slots: target.syncedSlots(), isFollowed: (slot) => target.isFollowed(slot) });
    }
    this.table.setCopies(copies);
  }
}

function freeNumber(used: ReadonlySet<number>): number | null {
  for (let number = 0; number < SOURCE_COUNT_MAX; number += 1) if (!used.has(number)) return number;
  return null;
}

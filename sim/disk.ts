/**
 * A disk in memory that forgets what a real one may forget (disk-bytes.ts has the bytes): each name is, after the power was lost, what it was at the last
 * sync of its folder or at any time since, whatever became of the others. Each call is a step, at which the process can be ended, or the call fail.
 */
import { dirname } from 'node:path';
import type { Disk, DiskFile } from '../src/io/disk.ts';
import { DiskBytes, SECTOR_BYTES } from './disk-bytes.ts';

export type DiskCall =
  | 'makeFolder'
  | 'list'
  | 'create'
  | 'open'
  | 'rename'
  | 'remove'
  | 'syncFolder'
  | 'size'
  | 'read'
  | 'write'
  | 'sync'
  | 'truncate'
  | 'close';

/** Calls that change what is on the disk: what a read-only one refuses. */
const CHANGES: ReadonlySet<DiskCall> = new Set<DiskCall>(['create', 'rename', 'remove', 'write', 'truncate']);

/** Thrown by the call at which the process ends, and by each one after it. */
export class ProcessEnded extends Error {}

/** What a name leads to: null for nothing. */
type Target = DiskBytes | null;

export class SimulatedDisk implements Disk {
  /** Calls made. */
  calls = 0;
  /** The process ends at the call of this number. */
  endAt: number = Number.POSITIVE_INFINITY;
  /** Called before each call; the code that it returns is what the call fails with. A write that fails may have been done in part. */
  onCall: (call: DiskCall, path: string) => string | null = () => null;
  /** All bytes that fit; what is written beyond fails with ENOSPC. */
  capacityBytes: number = Number.POSITIVE_INFINITY;
  isReadOnly = false;
  /** Says that it has synced, and has not. */
  liesAboutSync = false;
  /** The same of folders alone. */
  liesAboutFolders = false;
  private readonly names: Map<string, DiskBytes>;
  /** By path: what it led to at the last sync of its folder, then at each change since. Only of paths that have changed. */
  private readonly changedNames = new Map<string, Target[]>();

  constructor(names: ReadonlyMap<string, DiskBytes> = new Map()) {
    this.names = new Map(names);
  }

  /** The disk that the next process finds after this one ended; the power stayed. */
  afterProcessEnd(): SimulatedDisk {
    const next = new SimulatedDisk(this.names);
    for (const [path, targets] of this.changedNames) next.changedNames.set(path, [...targets]);
    return next;
  }

  /** A disk that may be found after the power was lost now. */
  afterPowerLoss(random: () => number): SimulatedDisk {
    const names = new Map(this.names);
    const all = random() < 0.3;
    for (const [path, targets] of this.changedNames) {
      const target = targets[all ? 0 : Math.floor(random() * targets.length)]!;
      if (target === null) names.delete(path);
      else names.set(path, target);
    }
    const copies = new Map<DiskBytes, DiskBytes>();
    for (const [path, bytes] of names) {
      const copy = copies.get(bytes) ?? bytes.afterPowerLoss(random);
      copies.set(bytes, copy);
      names.set(path, copy);
    }
    return new SimulatedDisk(names);
  }

  /** The same disk, all of it synced, on its own. */
  copy(): SimulatedDisk {
    return new SimulatedDisk(new Map([...this.names].map(([path, bytes]) => [path, new DiskBytes(bytes.content())])));
  }

  /** Content of a file; null where there is none. No call of the process. */
  contentOf(path: string): Buffer | null {
    return this.names.get(path)?.content() ?? null;
  }

  /** Puts a file there, synced. No call of the process. */
  put(path: string, content: Uint8Array): void {
    this.names.set(path, new DiskBytes(content));
  }

  paths(): readonly string[] {
    return [...this.names.keys()].toSorted();
  }

  makeFolder(path: string): void {
    this.step('makeFolder', path);
  }

  list(folder: string): readonly string[] {
    this.step('list', folder);
    return this.paths()
      .filter((path) => dirname(path) === folder)
      .map((path) => path.slice(folder.length + 1));
  }

  create(path: string): DiskFile {
    this.step('create', path);
    const there = this.names.get(path);
    if (there === undefined) this.setName(path, new DiskBytes());
    else there.truncate(0);
    return this.opened(path);
  }

  open(path: string): DiskFile {
    this.step('open', path);
    this.bytesOf(path);
    return this.opened(path);
  }

  rename(from: string, to: string): void {
    this.step('rename', from);
    const bytes = this.bytesOf(from);
    this.setName(to, bytes);
    this.setName(from, null);
  }

  remove(path: string): void {
    this.step('remove', path);
    if (this.names.has(path)) this.setName(path, null);
  }

  syncFolder(path: string): void {
    this.step('syncFolder', path);
    if (this.liesAboutSync || this.liesAboutFolders) return;
    for (const name of this.changedNames.keys()) if (dirname(name) === path) this.changedNames.delete(name);
  }

  private opened(path: string): DiskFile {
    const bytes = this.bytesOf(path);
    return {
      size: () => {
        this.step('size', path);
        return bytes.size;
      },
      read: (to, start, length, position) => {
        this.step('read', path);
        return bytes.read(to, start, length, position);
      },
      write: (from, start, length, position) => {
        const part = from.subarray(start, start + length);
        // In two parts: the process may end, or the call fail, between them. The system copies whole pages, so no sector is written by halves.
        const half = Math.min(length, wholeSectors(position, Math.ceil(length / 2) + SECTOR_BYTES - 1));
        this.write(path, bytes, part.subarray(0, half), position);
        if (half < length) this.write(path, bytes, part.subarray(half), position + half);
      },
      sync: () => {
        this.step('sync', path);
        if (!this.liesAboutSync) bytes.sync();
      },
      truncate: (size) => {
        this.step('truncate', path);
        bytes.truncate(size);
      },
      close: () => this.step('close', path),
    };
  }

  private write(path: string, bytes: DiskBytes, part: Uint8Array, position: number): void {
    this.step('write', path);
    const room = this.capacityBytes - this.usedBytes() + Math.max(0, bytes.size - position);
    if (part.length <= room) {
      bytes.write(part, position);
      return;
    }
    const fitting = wholeSectors(position, room);
    if (fitting > 0) bytes.write(part.subarray(0, fitting), position);
    throw systemError('ENOSPC', path);
  }

  private usedBytes(): number {
    let sum = 0;
    for (const bytes of new Set(this.names.values())) sum += bytes.size;
    return sum;
  }

  private setName(path: string, target: Target): void {
    const targets = this.changedNames.get(path) ?? [this.names.get(path) ?? null];
    targets.push(target);
    this.changedNames.set(path, targets);
    if (target === null) this.names.delete(path);
    else this.names.set(path, target);
  }

  private bytesOf(path: string): DiskBytes {
    const bytes = this.names.get(path);
    if (bytes === undefined) throw systemError('ENOENT', path);
    return bytes;
  }

  private step(call: DiskCall, path: string): void {
    if (this.calls >= this.endAt) throw new ProcessEnded(`ended at ${call} of ${path}`);
    this.calls += 1;
    if (this.isReadOnly && CHANGES.has(call)) throw systemError('EROFS', path);
    const code = this.onCall(call, path);
    if (code !== null) throw systemError(code, path);
  }
}

/** Of `length` bytes at `position` those up to the last end of a sector. */
function wholeSectors(position: number, length: number): number {
  const end = position + Math.max(0, length);
  return Math.max(0, end - (end % SECTOR_BYTES) - position);
}

export function systemError(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}

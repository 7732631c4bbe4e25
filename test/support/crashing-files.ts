/**
 * A file system in memory that forgets what a real one may forget. Each call of `StateFileSystem` is one step; the process
 * can be ended at any of them, and so can the power.
 *
 * What a process did is seen by the next one, whole or not. What the power takes is everything that was not synced: of a
 * file its bytes since its last `sync`, of a folder the names since its last `syncFolder`, each name and each file for
 * itself, in any mixture. `afterPowerLoss` gives all mixtures.
 */
import { dirname } from 'node:path';
import type { OpenFile, StateFileSystem } from '../../src/coordinator/state/file-system.ts';

interface Inode {
  live: Uint8Array;
  durable: Uint8Array;
}

export type FileStep =
  | 'makeFolder'
  | 'list'
  | 'read'
  | 'create'
  | 'update'
  | 'write'
  | 'sync'
  | 'close'
  | 'rename'
  | 'remove'
  | 'syncFolder';

/** Thrown by the step at which the process ends, and by each one after it. */
export class ProcessEnded extends Error {}

const NONE = new Uint8Array(0);
const MIXTURES_MAX = 4096;

export class CrashingFiles implements StateFileSystem {
  private readonly live: Map<string, Inode>;
  private readonly durable: Map<string, Inode>;
  /** Steps that were taken. */
  steps = 0;
  /** The process ends at this step. */
  endAt = Infinity;
  /** Called before each step; what it throws is what the step fails with. */
  onStep: (step: FileStep, path: string) => void = () => undefined;
  /** Waited for before each step. */
  turn: () => Promise<void> = () => Promise.resolve();
  /** A disk that says that it has synced, and has not. */
  liesAboutSync = false;

  constructor(live: Map<string, Inode> = new Map(), durable: Map<string, Inode> = new Map()) {
    this.live = live;
    this.durable = durable;
  }

  /** What the next process finds; what was not synced may still be lost with the power. */
  afterProcessEnd(): CrashingFiles {
    const copies = new Map<Inode, Inode>();
    const copyOf = (inode: Inode): Inode => {
      const copy = copies.get(inode) ?? { ...inode };
      copies.set(inode, copy);
      return copy;
    };
    const copyNames = (names: Map<string, Inode>): Map<string, Inode> =>
      new Map([...names].map(([path, inode]) => [path, copyOf(inode)]));
    return new CrashingFiles(copyNames(this.live), copyNames(this.durable));
  }

  /** Each file system that may be found after the power was lost now. */
  *afterPowerLoss(): Generator<CrashingFiles> {
    const paths = [...new Set([...this.live.keys(), ...this.durable.keys()])];
    const choices = paths.map((path) => contentsOf(this.durable.get(path), this.live.get(path)));
    const count = choices.reduce((product, { length }) => product * length, 1);
    if (count > MIXTURES_MAX) throw new Error(`${count} mixtures are too many to try`);
    for (let number = 0; number < count; number += 1) {
      const names = new Map<string, Inode>();
      let rest = number;
      for (const [index, path] of paths.entries()) {
        const contents = choices[index] ?? [];
        const content = contents[rest % contents.length];
        rest = Math.floor(rest / contents.length);
        if (content !== null && content !== undefined) names.set(path, { live: content, durable: content });
      }
      yield new CrashingFiles(names, new Map(names));
    }
  }

  /** Puts a file there, synced. */
  put(path: string, content: Uint8Array): void {
    const inode = { live: content.slice(), durable: content.slice() };
    this.live.set(path, inode);
    this.durable.set(path, inode);
  }

  contentOf(path: string): Uint8Array | null {
    return this.live.get(path)?.live ?? null;
  }

  names(): readonly string[] {
    return [...this.live.keys()];
  }

  makeFolder(path: string): Promise<void> {
    return this.step('makeFolder', path, () => undefined);
  }

  list(folder: string): Promise<readonly string[]> {
    return this.step('list', folder, () =>
      [...this.live.keys()].filter((path) => dirname(path) === folder).map((path) => path.slice(folder.length + 1)),
    );
  }

  read(path: string, bytesMax: number): Promise<Uint8Array | null> {
    return this.step('read', path, () => this.live.get(path)?.live.slice(0, bytesMax) ?? null);
  }

  create(path: string): Promise<OpenFile> {
    return this.step('create', path, () => {
      const inode = this.live.get(path) ?? { live: NONE, durable: NONE };
      inode.live = NONE;
      this.live.set(path, inode);
      return this.opened(path, inode);
    });
  }

  update(path: string): Promise<OpenFile> {
    return this.step('update', path, () => this.opened(path, this.inodeOf(path)));
  }

  rename(from: string, to: string): Promise<void> {
    return this.step('rename', from, () => {
      this.live.set(to, this.inodeOf(from));
      this.live.delete(from);
    });
  }

  remove(path: string): Promise<void> {
    return this.step('remove', path, () => {
      this.live.delete(path);
    });
  }

  syncFolder(path: string): Promise<void> {
    return this.step('syncFolder', path, () => {
      if (this.liesAboutSync) return;
      for (const name of new Set([...this.live.keys(), ...this.durable.keys()])) {
        if (dirname(name) !== path) continue;
        const inode = this.live.get(name);
        if (inode === undefined) this.durable.delete(name);
        else this.durable.set(name, inode);
      }
    });
  }

  private opened(path: string, inode: Inode): OpenFile {
    return {
      // Half of the bytes at a time: a process may end between the halves.
      write: (bytes, position) =>
        this.step('write', path, () => {
          const count = Math.ceil(bytes.length / 2);
          const grown = new Uint8Array(Math.max(inode.live.length, position + count));
          grown.set(inode.live);
          grown.set(bytes.subarray(0, count), position);
          inode.live = grown;
          return count;
        }),
      sync: () =>
        this.step('sync', path, () => {
          if (!this.liesAboutSync) inode.durable = inode.live.slice();
        }),
      close: () => this.step('close', path, () => undefined),
    };
  }

  private inodeOf(path: string): Inode {
    const inode = this.live.get(path);
    if (inode === undefined) throw systemError('ENOENT', path);
    return inode;
  }

  private async step<T>(step: FileStep, path: string, act: () => T): Promise<T> {
    // In a turn of its own, as real calls are.
    await this.turn();
    if (this.steps >= this.endAt) throw new ProcessEnded(`ended at ${step} of ${path}`);
    this.steps += 1;
    this.onStep(step, path);
    return act();
  }
}

export function systemError(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}

/** What a name may lead to: null for nothing. */
function contentsOf(durable: Inode | undefined, live: Inode | undefined): readonly (Uint8Array | null)[] {
  const found: (Uint8Array | null)[] = [];
  const add = (content: Uint8Array | null): void => {
    const isKnown = found.some((other) =>
      other === null || content === null ? other === content : Buffer.compare(other, content) === 0,
    );
    if (!isKnown) found.push(content);
  };
  for (const inode of new Set([durable, live])) {
    if (inode === undefined) {
      add(null);
      continue;
    }
    add(inode.durable);
    if (Buffer.compare(inode.durable, inode.live) === 0) continue;
    add(inode.live);
    add(inode.live.slice(0, Math.floor(inode.live.length / 2)));
  }
  return found;
}

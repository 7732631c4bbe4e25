/**
 * A folder on LazyFS (github.com/dsrhaslab/lazyfs), a file system that keeps what is written in a cache of its own until it is synced, and drops
 * the rest when it is told to: a loss of power without losing the machine. It has to be built by whoever wants this; needs FUSE and the right to mount.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const POLL_MS = 20;
const MOUNT_MS_MAX = 10_000;

export class LazyFolder implements AsyncDisposable {
  /** Where files are lost. */
  readonly path: string;
  private readonly place: string;
  private readonly child: ChildProcess;

  private constructor(place: string, child: ChildProcess) {
    this.place = place;
    this.path = join(place, 'mounted');
    this.child = child;
  }

  /** `program`: the file `lazyfs` of its build. */
  static async mount(program: string): Promise<LazyFolder> {
    const place = mkdtempSync(join(tmpdir(), 'shoal-lazyfs-'));
    for (const name of ['mounted', 'root']) mkdirSync(join(place, name));
    const config = join(place, 'config.toml');
    writeFileSync(
      config,
      `[faults]
fifo_path="${join(place, 'faults')}"
fifo_path_completed="${join(place, 'done')}"
[cache]
apply_eviction=false
[cache.simple]
custom_size="1gb"
blocks_per_page=1
[filesystem]
log_all_operations=false
logfile="${join(place, 'log')}"
`,
    );
    const options = ['-o', 'allow_other', '-o', 'modules=subdir', '-o', `subdir=${join(place, 'root')}`, '-f'];
    const child = spawn(program, [join(place, 'mounted'), '--config-path', config, ...options], { stdio: 'ignore' });
    const folder = new LazyFolder(place, child);
    const deadlineMs = performance.now() + MOUNT_MS_MAX;
    while (!readFileSync('/proc/self/mounts', 'utf8').includes(folder.path) || !existsSync(join(place, 'faults'))) {
      if (child.exitCode !== null || performance.now() > deadlineMs) {
        await folder[Symbol.asyncDispose]();
        throw new Error(`${program} does not mount ${folder.path}`);
      }
      await pause(POLL_MS);
    }
    return folder;
  }

  /** What was not synced is gone. */
  async cutPower(): Promise<void> {
    const done = open(join(this.place, 'done'), 'r');
    const faults = await open(join(this.place, 'faults'), 'w');
    await faults.write('lazyfs::clear-cache\n');
    await faults.close();
    const answer = await done;
    await answer.read(Buffer.alloc(64), 0, 64);
    await answer.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.child, 'exit');
    if (spawnSync('fusermount3', ['-u', this.path]).status !== 0) this.child.kill('SIGKILL');
    if (this.child.exitCode === null && this.child.signalCode === null) await ended;
    spawnSync('umount', ['-l', this.path], { stdio: 'ignore' });
    rmSync(this.place, { recursive: true, force: true });
  }
}

/** A node on a file system of its own in memory, small or read-only, which goes with the process: mounted in a name space that nobody else sees. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { REPOSITORY_ROOT, ShoalProcess } from './shoal-process.ts';

const MOUNT = 'mount -t tmpfs -o "$1" tmpfs "$2" && shift 2 && exec "$@"';

/** Why no such file system can be had here; null: it can. */
export function smallDiskProblem(): string | null {
  const { status, error } = spawnSync('unshare', ['-m', 'sh', '-c', MOUNT, 'sh', 'size=1m', '/mnt', 'true']);
  if (error !== undefined) return `unshare cannot be run: ${error.message}`;
  return status === 0 ? null : 'this user may not mount file systems';
}

/** `mountOptions`: of tmpfs, such as `size=16m` or `ro`. `folder`: where it is mounted, an empty folder that is there. */
export function serveOnSmallDisk(mountOptions: string, folder: string, args: readonly string[]): ShoalProcess {
  const shoal = [join(REPOSITORY_ROOT, 'bin', 'shoal'), 'serve', '--port', '0', ...args];
  return new ShoalProcess(['-m', 'sh', '-c', MOUNT, 'sh', mountOptions, folder, ...shoal], { program: 'unshare' });
}

/** A path inside of what the process sees. */
export function pathInside(shoal: ShoalProcess, path: string): string {
  return `/proc/${shoal.processId}/root${path}`;
}

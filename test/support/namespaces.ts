/**
 * Hosts that can be cut off from each other: network namespaces on one bridge. Needs root and `ip`; `namespacesMissing` says why there are none.
 * A cut is a route into nowhere, so packets of one direction are dropped without a word, as by a broken switch.
 */
import { spawnSync } from 'node:child_process';

const NAME = `shoal${process.pid}`;
const NETWORK = `10.${(process.pid >> 8) & 0xff || 1}.${process.pid & 0xff}`;

/** Why no namespaces can be made here, with what to do about it; null where they can. */
export function namespacesMissing(): string | null {
  const probe = `${NAME}p`;
  const made = spawnSync('ip', ['netns', 'add', probe]);
  if (made.error !== undefined) return 'there is no ip command (apt-get install iproute2)';
  if (made.status !== 0) return `network namespaces are not permitted: ${made.stderr.toString().trim()}`;
  spawnSync('ip', ['netns', 'del', probe]);
  const bridge = spawnSync('ip', ['link', 'add', probe, 'type', 'bridge']);
  if (bridge.status !== 0) return `bridges are not permitted: ${bridge.stderr.toString().trim()}`;
  spawnSync('ip', ['link', 'del', probe]);
  return null;
}

function ip(...args: readonly string[]): void {
  const done = spawnSync('ip', [...args]);
  if (done.status !== 0) throw new Error(`ip ${args.join(' ')}: ${done.stderr.toString().trim()}`);
}

/** Host 0 is this process's own namespace, at `address(0)`; hosts from 1 on are namespaces. */
export class Namespaces implements Disposable {
  private readonly count: number;

  constructor(count: number) {
    this.count = count;
    ip('link', 'add', NAME, 'type', 'bridge');
    ip('addr', 'add', `${this.address(0)}/24`, 'dev', NAME);
    ip('link', 'set', NAME, 'up');
    for (let host = 1; host <= count; host += 1) {
      const inside = `${NAME}i${host}`;
      ip('netns', 'add', this.name(host));
      ip('link', 'add', this.link(host), 'type', 'veth', 'peer', 'name', inside);
      ip('link', 'set', this.link(host), 'master', NAME, 'up');
      ip('link', 'set', inside, 'netns', this.name(host));
      ip('-n', this.name(host), 'addr', 'add', `${this.address(host)}/24`, 'dev', inside);
      ip('-n', this.name(host), 'link', 'set', inside, 'up');
      ip('-n', this.name(host), 'link', 'set', 'lo', 'up');
    }
  }

  address(host: number): string {
    return `${NETWORK}.${host + 1}`;
  }

  /** The words before a command that run it on `host`. */
  prefix(host: number): readonly string[] {
    return host === 0 ? [] : ['ip', 'netns', 'exec', this.name(host)];
  }

  /** Nothing gets from `from` to `to` any more; the other direction stays. `from` is not host 0. */
  cut(from: number, to: number): void {
    ip('-n', this.name(from), 'route', 'add', 'blackhole', `${this.address(to)}/32`);
  }

  mend(from: number, to: number): void {
    ip('-n', this.name(from), 'route', 'del', 'blackhole', `${this.address(to)}/32`);
  }

  /** Takes the host's cable out, or puts it back. */
  plug(host: number, isIn: boolean): void {
    ip('link', 'set', this.link(host), isIn ? 'up' : 'down');
  }

  [Symbol.dispose](): void {
    for (let host = 1; host <= this.count; host += 1) {
      // A namespace that has connections to close goes later, and its link with it.
      spawnSync('ip', ['link', 'del', this.link(host)]);
      spawnSync('ip', ['netns', 'del', this.name(host)]);
    }
    spawnSync('ip', ['link', 'del', NAME]);
  }

  private name(host: number): string {
    return `${NAME}-${host}`;
  }

  private link(host: number): string {
    return `${NAME}o${host}`;
  }
}

/**
 * Numeric addresses of nodes that announce themselves by a name. Data threads whose loop is a reactor cannot look names up, so the control thread
 * does it for all, when a topology brings a name and every REFRESH_MS after that, and tells them with the news of the cluster.
 * IPv4 comes first, where a name has both: nodes listen there unless they are told otherwise.
 */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { decodeTopology } from '../../topology/encoding.ts';
import type { TimerHandle, Timers } from '../environment.ts';
import type { ClusterNews } from './thread-cluster.ts';

/** How soon a name that leads elsewhere by now, or could not be looked up, is looked up again. */
const REFRESH_MS = 5000;

/** The numeric address of a name. Rejects where it has none. */
export type HostLookup = (host: string) => Promise<string>;

const systemLookup: HostLookup = async (host) => (await lookup(host, { order: 'ipv4first' })).address;

export class NamedHosts {
  private readonly tell: (news: ClusterNews) => void;
  private readonly lookup: HostLookup;
  private readonly timer: TimerHandle;
  private names: readonly string[] = [];
  private readonly addresses = new Map<string, string>();
  private readonly asked = new Set<string>();
  private last: ClusterNews | null = null;

  constructor(tell: (news: ClusterNews) => void, timers: Timers, hostLookup: HostLookup = systemLookup) {
    this.tell = tell;
    this.lookup = hostLookup;
    this.timer = timers.every(REFRESH_MS, () => this.ask());
  }

  /** Passes the news on, and looks the names of its topology up. */
  pass(news: ClusterNews): void {
    this.last = news;
    this.tell({ ...news, addresses: [...this.addresses] });
    if (news.topology === null) return;
    const hosts = decodeTopology(news.topology).nodes.map(({ host }) => host);
    this.names = [...new Set(hosts)].filter((host) => isIP(host) === 0);
    for (const name of this.addresses.keys()) if (!this.names.includes(name)) this.addresses.delete(name);
    this.ask();
  }

  stop(): void {
    this.timer.stop();
    this.names = [];
  }

  private ask(): void {
    for (const name of this.names) {
      if (this.asked.has(name)) continue;
      this.asked.add(name);
      // A name that cannot be looked up keeps the address that it had.
      this.lookup(name).then(
        (address) => this.found(name, address),
        () => this.asked.delete(name),
      );
    }
  }

  private found(name: string, address: string): void {
    this.asked.delete(name);
    if (!this.names.includes(name) || this.addresses.get(name) === address) return;
    this.addresses.set(name, address);
    if (this.last !== null) this.tell({ ...this.last, topology: null, addresses: [...this.addresses] });
  }
}

/**
 * The links of one data thread to the data ports of other nodes: one to each address, made when it is first asked for. One and not several, because a
 * link keeps the order of requests.
 */
import { PeerLink, type PeerLinkOptions } from '../../cluster/peer-link.ts';
import type { ClusterNode, Topology } from '../../topology/topology.ts';

export type LinkPoolOptions = Omit<PeerLinkOptions, 'host' | 'port'>;

export class LinkPool {
  private readonly options: LinkPoolOptions;
  private readonly links = new Map<string, PeerLink>();
  /** The same links by the nodes of the topology, which costs no text. */
  private byNode = new Map<ClusterNode, PeerLink>();
  /** Links over which something was sent that has not left. */
  private unflushed: PeerLink[] = [];

  constructor(options: LinkPoolOptions) {
    this.options = options;
  }

  get areIdle(): boolean {
    for (const link of this.links.values()) if (!link.isIdle) return false;
    return true;
  }

  to(node: ClusterNode): PeerLink {
    let link = this.byNode.get(node);
    if (link === undefined) {
      link = this.at(node.host, node.port);
      this.byNode.set(node, link);
    }
    return link;
  }

  at(host: string, port: number): PeerLink {
    const address = `${host} ${port}`;
    let link = this.links.get(address);
    if (link === undefined) {
      link = new PeerLink({ ...this.options, host, port });
      this.links.set(address, link);
    }
    return link;
  }

  noteSent(link: PeerLink): void {
    if (this.unflushed.at(-1) !== link && !this.unflushed.includes(link)) this.unflushed.push(link);
  }

  flush(): void {
    if (this.unflushed.length === 0) return;
    const { unflushed } = this;
    this.unflushed = [];
    for (const link of unflushed) link.flush();
  }

  tick(): void {
    for (const link of this.links.values()) link.tick();
  }

  /** Closes the links to addresses that no node of `topology` has. */
  keepOnly(topology: Topology): void {
    this.byNode.clear();
    const known = new Set(topology.nodes.map(({ host, port }) => `${host} ${port}`));
    for (const [address, link] of this.links) {
      if (known.has(address)) continue;
      this.links.delete(address);
      link.close('the node has left the cluster');
    }
  }

  close(reason: string): void {
    for (const link of this.links.values()) link.close(reason);
    this.links.clear();
    this.byNode.clear();
  }
}

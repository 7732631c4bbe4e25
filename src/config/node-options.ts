/**
 * What a node is made from, after validation. Every default stands in `options.ts`, with unit, range and reason.
 */
export interface NodeOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Limit for items, index and ghosts together. */
  readonly memoryBytes: number;
  readonly eviction: EvictionPolicy;
  /** Unit of memory reclamation, a power of two; 0: chosen from `memoryBytes`. */
  readonly segmentBytes: number;
  /** What AUTH must give; empty: no password. */
  readonly password: string;
  /** Whether DEBUG is answered, and to whom. */
  readonly debugCommand: 'no' | 'local' | 'yes';
  readonly transport: 'auto' | 'io_uring' | 'epoll' | 'bun' | 'node';
  /** Data threads; 0: one for each core. */
  readonly threadCount: number;
  /** Where the background drain runs: a thread of its own, or the data thread between batches. */
  readonly janitor: 'thread' | 'inline';
  readonly persistence: PersistenceOptions;
  readonly cluster: ClusterOptions;
  readonly limits: Limits;
}

/** What a node keeps on disk. */
export interface PersistenceOptions {
  /** Empty: none. */
  readonly dataDir: string;
  /** `auto`: `log` where there is a folder, else `off`; see `effectiveMode`. */
  readonly mode: 'auto' | 'off' | 'snapshot' | 'log';
  /** When what was appended to the log is made to survive a loss of power. */
  readonly fsync: 'never' | 'everysec' | 'always';
  /** Between the beginnings of two snapshots; 0: never. */
  readonly snapshotIntervalMs: number;
  /** What becomes of writes while the disk takes none. */
  readonly onFailure: 'refuse-writes' | 'go-on';
}

/** What a node in a cluster is given; a node without coordinators is by itself. */
export interface ClusterOptions {
  /** `HOST:PORT`, several separated by commas; empty: the node is in no cluster. */
  readonly coordinators: string;
  /** A coordinator of a cluster of another name refuses the node. */
  readonly name: string;
  /** `HOST` or `HOST:PORT` under which others reach the node; empty: what it listens on. */
  readonly announce: string;
  /** Where nodes talk to each other; 0: any free port. */
  readonly peerPort: number;
  /** Replicas stand in other zones than what they copy; empty: none. */
  readonly zone: string;
  /** The node's part of the slots, beside the other nodes' weights. */
  readonly weight: number;
  /** What a command gets whose keys another node has: the address of that node, its answer, or what suits the client. */
  readonly redirect: 'auto' | 'moved' | 'forward';
  /** How many replicas have what a command did, or has seen, before it is answered; 0: nobody waits. */
  readonly ackReplicas: number;
  /** How long an answer waits for that. */
  readonly ackTimeoutMs: number;
  /** What becomes of the node's slots when it is stopped in order. */
  readonly leave: 'drain' | 'at-once';
}

export type EvictionPolicy = 's3fifo' | 'noeviction';

/** Each limit has a stated reply; see docs/COMPATIBILITY.md. Some can be changed while the node runs (CONFIG SET). */
export interface Limits {
  /** Open client connections; one more is answered `-ERR max number of clients reached` and closed. */
  connectionCountMax: number;
  /** Arguments of one command (Redis's multibulk length). */
  argumentCountMax: number;
  /** Longest argument, so also the longest value taken over the wire (proto-max-bulk-len). */
  bulkBytesMax: number;
  /** Longest inline command, and longest length line. */
  inlineBytesMax: number;
  keyBytesMax: number;
  valueBytesMax: number;
  /** Unprocessed bytes kept for one connection (client-query-buffer-limit); over it the connection is closed. */
  inputBufferBytesMax: number;
  /** Unsent reply bytes above which no more requests of that connection are processed until it reads. */
  outputPauseBytes: number;
  /** Unsent bytes above which the connection is closed. */
  outputBufferBytesMax: number;
  /** A connection paused by `outputPauseBytes` that reads nothing for this long is closed. */
  outputStallTimeoutMs: number;
  /** A connection without a request for this long is closed; 0: never. */
  idleTimeoutMs: number;
  /** Bytes of commands queued by one MULTI. */
  transactionBytesMax: number;
  /** Keys of which the node knows that clients cache them (tracking-table-max-keys); 0: as many as there can be. */
  trackedKeyCountMax: number;
}

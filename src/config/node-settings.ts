/**
 * What an application gives to `ShoalNode.start`, for editors and compilers: the names, units and checks of the
 * configuration file (`options.ts` has defaults, ranges and reasons), and what only code can give. That each name and kind
 * of value is that of the option table is proved in `settings.test.ts`.
 */

/** Bytes: a number, or a text such as `64mb`: kb, mb, gb count in 1024s, k, m, g in 1000s. */
export type SizeSetting = number | string;

/** A text with its unit, such as `500ms`, `30s`, `5m`, `2h` or `1d`; or 0. A bare number could mean seconds or milliseconds. */
export type DurationSetting = string | 0;

export interface NodeSettings {
  /** Address to listen on; 127.0.0.1 by default, which only this machine can reach. */
  readonly host?: string | undefined;
  /** TCP port; 0, the default here, takes any free one: see `ShoalNode.port`. */
  readonly port?: number | undefined;
  /** Memory for items and their index, from 4mb to 256gb; 64mb by default here. It is taken as it is used. */
  readonly memory?: SizeSetting | undefined;
  /** When memory is full: forget what is used least (`s3fifo`, the default), or refuse writes (`noeviction`). */
  readonly eviction?: 's3fifo' | 'noeviction' | undefined;
  /** Unit in which memory is reclaimed, a power of two; `auto` by default. */
  readonly segment?: SizeSetting | undefined;
  /** Password that clients must give; empty, the default: none. */
  readonly password?: string | undefined;
  /** Who may use the DEBUG command; `no` by default: nobody. */
  readonly 'debug-command'?: 'no' | 'local' | 'yes' | undefined;
  /** Network layer; `auto`, the default, takes the fastest that the runtime has. */
  readonly transport?: 'auto' | 'io_uring' | 'epoll' | 'bun' | 'node' | undefined;
  /**
   * Threads that serve clients; 0: one for each core. 1, the default here, is the caller's own thread. More of them, and any with the
   * `epoll` and `io_uring` transports, are threads of their own, for which the node needs Bun.
   */
  readonly threads?: number | undefined;
  /** Where expired and dead data is cleared: between requests (`inline`, the default here), or in a `thread` of its own. */
  readonly janitor?: 'thread' | 'inline' | undefined;
  /** Folder in which the data is kept; made if it is not there. One node uses it at a time. By default there is none. */
  readonly 'data-dir'?: string | undefined;
  /**
   * What is kept there: nothing (`off`), a copy of everything from time to time (`snapshot`), or each change (`log`); `auto`, the default, is
   * `log` where there is a folder.
   */
  readonly persistence?: 'auto' | 'off' | 'snapshot' | 'log' | undefined;
  /** When the log is made to survive a loss of power: at the system's leisure, each second (the default), or before a write is answered. */
  readonly fsync?: 'never' | 'everysec' | 'always' | undefined;
  /** Time between two snapshots where nothing else is kept; 5m by default. */
  readonly 'snapshot-interval'?: DurationSetting | undefined;
  /** What becomes of writes while the disk takes none: they are refused (`refuse-writes`, the default), or not kept (`go-on`). */
  readonly 'persistence-failure'?: 'refuse-writes' | 'go-on' | undefined;
  /** Addresses of the coordinators, as `HOST:PORT`, separated by commas: makes this a node of their cluster. */
  readonly coordinator?: string | undefined;
  /** Name of the cluster; `shoal` by default. */
  readonly cluster?: string | undefined;
  /** Host, or `HOST:PORT`, under which clients and other nodes reach this node; by default what it listens on. */
  readonly announce?: string | undefined;
  /** TCP port on which other nodes reach this one; 0, the default, takes any free one. */
  readonly 'peer-port'?: number | undefined;
  /** What this node may be lost together with: a rack, a data centre. */
  readonly zone?: string | undefined;
  /** Part of the keys that this node takes, in proportion to the weights of the others; 1 by default. */
  readonly weight?: number | undefined;
  /** What a command gets whose keys another node has: its address (`moved`), its answer (`forward`), or what suits the client (`auto`, the default). */
  readonly redirect?: 'auto' | 'moved' | 'forward' | undefined;
  /** Replicas that have what a command did, or has seen, before it is answered; 0, the default: nobody waits. At most 4. */
  readonly ack?: number | undefined;
  /** How long an answer waits for that; 1s by default. Then it is an error that says that the command was done, and how many replicas have it. */
  readonly 'ack-timeout'?: DurationSetting | undefined;
  /** What a node that leaves in order does with its slots: moves them to the others first (`drain`, the default), or not (`at-once`). */
  readonly leave?: 'drain' | 'at-once' | undefined;
  readonly limits?: LimitSettings | undefined;
  /**
   * The node's wall clock: ms since 1970. Expiries follow it, so a test that gives its own clock decides when they come:
   * `nowMs: () => Date.now()` follows fake timers, which a node ignores otherwise. Called for each batch of requests.
   * A value that is no finite number is ignored: time then stands where it stood. Needs the `inline` janitor,
   * no data on disk, and no thread of the node's own. While it tells
   * a time before November 2023, what has expired is cleared when it is asked for, and not by itself.
   */
  readonly nowMs?: (() => number) | undefined;
  /** Takes what the node has to say; by default warnings and errors go to standard error. Must not throw. */
  readonly log?: ((level: 'debug' | 'info' | 'warn' | 'error', message: string) => void) | undefined;
}

/** Each limit has a stated reply, see docs/COMPATIBILITY.md. Defaults are those of `shoal serve`. */
export interface LimitSettings {
  /** Open client connections; one more is refused. */
  readonly connections?: number | undefined;
  /** Arguments of one command. */
  readonly arguments?: number | undefined;
  /** Longest argument of a command. */
  readonly bulk?: SizeSetting | undefined;
  /** Longest command typed as plain text. */
  readonly inline?: SizeSetting | undefined;
  /** Longest key, at most 65535 bytes. */
  readonly key?: SizeSetting | undefined;
  /** Longest value, at most 64mb. */
  readonly value?: SizeSetting | undefined;
  /** Bytes of unfinished commands kept for one connection, which is closed above it. */
  readonly 'input-buffer'?: SizeSetting | undefined;
  /** Unread replies of a connection above which its next commands wait. */
  readonly 'output-pause'?: SizeSetting | undefined;
  /** Unread replies of a connection above which it is closed. */
  readonly 'output-buffer'?: SizeSetting | undefined;
  /** A connection whose commands wait for it to read is closed when it reads nothing for this long; 0 or `never`. */
  readonly 'output-stall'?: DurationSetting | undefined;
  /** A connection that sends nothing for this long is closed; 0 or `never`, the default: it is not. */
  readonly idle?: DurationSetting | undefined;
  /** Bytes of the commands that one MULTI may queue. */
  readonly transaction?: SizeSetting | undefined;
  /** Keys that the node remembers for clients that cache (CLIENT TRACKING); 0: as many as there can be. */
  readonly 'tracked-keys'?: number | undefined;
}

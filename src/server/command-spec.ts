/**
 * One row per command: what it is called, where its keys are, what it may do, and the handler. The one table that
 * dispatch, COMMAND, access control and the docs read.
 */
import type { Command } from '../protocol/command.ts';
import type { Reply } from '../protocol/reply.ts';
import type { Opcode } from '../protocol/shoal/frame.ts';
import type { Operation } from '../protocol/shoal/operation.ts';
import type { OperationReply } from '../protocol/shoal/operation-reply.ts';
import type { ExecutionContext } from './execution-context.ts';

/** Redis's command flags, as COMMAND INFO shows them. */
export type CommandFlag =
  | 'write'
  | 'readonly'
  | 'denyoom'
  | 'admin'
  | 'pubsub'
  | 'noscript'
  | 'blocking'
  | 'loading'
  | 'stale'
  | 'skip_monitor'
  | 'skip_slowlog'
  | 'asking'
  | 'fast'
  | 'no_auth'
  | 'no_multi'
  | 'no_async_loading'
  | 'may_replicate'
  | 'movablekeys'
  | 'allow_busy';

export type CommandGroup = 'string' | 'generic' | 'transactions' | 'pubsub' | 'connection' | 'server' | 'cluster';

/**
 * Answers `command` into `reply`, with exactly one reply (pub/sub confirmations aside). Never throws on what a peer sent. Arity was checked.
 */
export type CommandHandler = (context: ExecutionContext, command: Command, reply: Reply) => void;

/** As `CommandHandler`, for the command's form in the Shoal protocol. The frame's flags and lengths were checked. */
export type OperationHandler = (context: ExecutionContext, operation: Operation, reply: OperationReply) => void;

/** The form that a command has in the Shoal protocol: it shares all else of the row. */
export interface OperationSpec {
  readonly opcode: Opcode;
  readonly handler: OperationHandler;
}

export interface CommandSpec {
  /** Lower case; a subcommand's own word only, e.g. `setname`. */
  readonly name: string;
  /** Redis's sense: exact count of arguments with the name (and container's name) included, or the negative of the least count. */
  readonly arity: number;
  readonly flags: readonly CommandFlag[];
  /** Position of the first key, of the last (negative: from the end), and the step; zeros where there are none. */
  readonly firstKey: number;
  readonly lastKey: number;
  readonly keyStep: number;
  /** ACL categories without `@`, beyond those that follow from the flags. */
  readonly categories: readonly string[];
  readonly group: CommandGroup;
  /** Redis version that brought the command. */
  readonly since: string;
  /** One sentence in our own words. */
  readonly summary: string;
  readonly complexity: string;
  /** Arguments in the notation of Redis's documentation, e.g. `key value [NX | XX] [GET]`, for hints. */
  readonly syntax: string;
  readonly handler: CommandHandler;
  readonly operation?: OperationSpec;
  /** It changes what the connection is (MULTI, SUBSCRIBE, SELECT, …): refused as the words of a Shoal `call`. */
  readonly changesConnection?: boolean;
  /** Its handler may call `ConnectionControl.block`. */
  readonly mayBlock?: boolean;
  /** CLIENT, CONFIG, OBJECT, …: rows for the second word. `handler` then answers an unknown one. */
  readonly subcommands?: readonly CommandSpec[];
}

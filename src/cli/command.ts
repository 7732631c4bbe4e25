/**
 * What a command of `shoal` is, and all that it may touch of the process around it. A command is one row of the table in
 * `commands.ts` and one module, which is loaded only when the command is run or its help is shown: the help and the version
 * answer at once, however much a command needs.
 */
import type { NodeOptions } from '../config/node-options.ts';
import type { StopSignal } from './exit-codes.ts';
import type { LoadingState } from './loading-progress.ts';
import type { ReadyNode } from './ready-text.ts';
import type { StandardStreams } from './streams.ts';

export interface CommandModule {
  /** Runs it; resolves to the exit code. A `ShoalError` that it rejects with is shown as one line and ends with `fault` or `usage`. */
  readonly run: (args: readonly string[], context: CommandContext) => Promise<number>;
  /** Its help page, ending in a newline. */
  readonly help: () => string;
}

export interface CommandEntry {
  readonly name: string;
  /** Name and arguments, as the main help shows them. */
  readonly usage: string;
  /** One sentence. */
  readonly summary: string;
  readonly load: () => Promise<CommandModule>;
}

export interface ServedNode extends ReadyNode {
  /** Resolves where the node cannot go on: a bug. */
  readonly failure: Promise<Error>;
  /** Resolves where a client asks it to stop, and whether what is not saved yet is to be. */
  readonly stopAsked: Promise<'save' | 'discard'>;
  /** Resolves where an operator has it start again, once it has left its cluster: its process is to end with `ExitCode.restart`. */
  readonly restartAsked: Promise<void>;
  /** Has what it serves in a cluster moved to other nodes. */
  leave(): Promise<void>;
  stop(last: 'save' | 'discard'): Promise<void>;
}

/** A stream that people see while the command runs. */
export interface Terminal {
  /** Characters in a line. May change while it is used. */
  readonly columns: number;
  /** Whether it may be coloured. */
  readonly colors: boolean;
}

/** The process around a command. */
export interface CommandContext {
  readonly version: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly writeOut: (text: string) => void;
  readonly writeError: (text: string) => void;
  /** For commands that read, or that write bytes. Touched only by them: a stream that is looked at keeps a process alive. */
  readonly streams: StandardStreams;
  /** What `writeError` writes to, where that is a terminal that can move its cursor; else null. */
  readonly errorTerminal: Terminal | null;
  readonly onSignal: (signal: StopSignal, listener: () => void) => void;
  /** Milliseconds on a clock that never goes back. */
  readonly nowMs: () => number;
  /** Ends the process at once. */
  readonly exit: (code: number) => void;
  /** `onLoading`: called while what is on disk is loaded. */
  readonly startNode: (options: NodeOptions, onLoading: (state: LoadingState) => void) => Promise<ServedNode>;
}

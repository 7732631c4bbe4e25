/** What the commands that talk to a node through the client have in common: options in, an open client, explained errors, the client closed. */
import type { ShoalClient } from '../client/client.ts';
import { type ArgumentOption, type ParsedArguments, parseArguments } from './arguments.ts';
import { CLIENT_FLAGS, type ClientTarget, clientTarget } from './client-flags.ts';
import type { CommandContext, CommandModule } from './command.ts';
import { ExitCode } from './exit-codes.ts';
import { withExplanation } from './explain-error.ts';

export interface ClientCommandSpec<P> {
  /** Its own options, beside those of all client commands. */
  readonly options: Readonly<Record<string, ArgumentOption>>;
  /** Checks words and options before anything is connected. Throws `InvalidOption`. */
  readonly prepare: (parsed: ParsedArguments) => P;
  /** How values become bytes. */
  readonly codec: (prepared: P) => 'typed' | 'bytes';
  /** Resolves to the exit code. */
  readonly run: (task: ClientTask<P>) => Promise<number>;
  readonly help: () => string;
}

export interface ClientTask<P> {
  readonly client: ShoalClient;
  readonly target: ClientTarget;
  /** What `prepare` made of the words. */
  readonly prepared: P;
  readonly context: CommandContext;
}

export function clientCommand<P>(spec: ClientCommandSpec<P>): CommandModule {
  return {
    help: spec.help,
    run: async (args, context) => {
      const parsed = parseArguments(args, { ...CLIENT_FLAGS, ...spec.options });
      if (parsed.help) {
        context.writeOut(spec.help());
        return ExitCode.ok;
      }
      const prepared = spec.prepare(parsed);
      const target = clientTarget(parsed, context.environment);
      // Loaded only now: help and wrong options answer at once.
      const { ShoalClient: Client } = await import('../client/client.ts');
      const client = Client.lazy({
        nodes: target.nodes,
        user: target.user,
        password: target.password,
        database: target.database,
        connectTimeoutMs: target.timeoutMs,
        requestTimeoutMs: target.timeoutMs,
        // Somebody waits at a terminal: a node that cannot be reached is told at once.
        breakerFailures: 1,
        connectionsPerNode: 1,
        codec: spec.codec(prepared),
        // What is set here can be read with any Redis client.
        compression: 'none',
      });
      try {
        return await withExplanation(() => spec.run({ client, target, prepared, context }));
      } finally {
        await client.close();
      }
    },
  };
}

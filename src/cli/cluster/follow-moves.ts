/** Shows how far the moves of a cluster are, until there are none. */
import type { CommandContext } from '../command.ts';
import type { CoordinatorConnection } from './coordinator-connection.ts';

const ASK_AGAIN_MS = 200;

/** Resolves once nothing moves and nothing is to. Rejects as a question to the coordinator does. */
export async function followMoves(connection: CoordinatorConnection, context: CommandContext): Promise<void> {
  let total = 0;
  for (;;) {
    const { plannedSlots, moves } = await connection.status();
    total = Math.max(total, plannedSlots);
    if (context.errorTerminal !== null) {
      context.writeError(`\r\u001b[K${total - plannedSlots} of ${total} slots moved, ${moves.length} moves run`);
    }
    if (plannedSlots === 0 && moves.length === 0) break;
    await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
  }
  if (context.errorTerminal !== null) context.writeError('\r\u001b[K');
  context.writeOut(total === 0 ? 'nothing moves\n' : `${total} slots moved\n`);
}

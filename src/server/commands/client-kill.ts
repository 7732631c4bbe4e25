/**
 * CLIENT KILL, in its old form (an address; kills oneself too) and its new one (filters that must all match; spares oneself unless
 * told otherwise). Whoever kills itself still gets the reply.
 */
import type { Command } from '../../protocol/command.ts';
import { isNotInteger } from '../../protocol/numbers.ts';
import type { Reply } from '../../protocol/reply.ts';
import { clientTypeNamed } from '../client-registry.ts';
import type { ExecutionContext } from '../execution-context.ts';
import type { KillFilter } from '../threads/questions.ts';
import { saturatedArgument } from './arguments.ts';
import { ErrorText } from './error-text.ts';

/** A filter that is being put together. */
type Draft = { -readonly [Field in keyof KillFilter]: KillFilter[Field] };

export function clientKillCommand(context: ExecutionContext, command: Command, reply: Reply): void {
  const filter: Draft = {
    id: null,
    type: null,
    address: null,
    localAddress: null,
    killerId: context.session.id,
    sparesKiller: true,
  };
  const oldForm = command.count === 3;
  if (oldForm) {
    filter.address = command.text(2);
    filter.sparesKiller = false;
  } else {
    const problem = readFilter(command, filter);
    if (problem !== null) {
      reply.error(problem);
      return;
    }
  }
  const counts = context.node.threads.everywhereAtOnce('kill', filter);
  const count = counts.reduce((sum, each) => sum + each, 0);
  if (!oldForm) reply.integer(count);
  else if (count === 0) reply.error('ERR No such client');
  else reply.ok();
}

/** Reads the pairs of the new form; returns what is wrong, or null. */
function readFilter(command: Command, filter: Draft): string | null {
  for (let index = 2; index < command.count; index += 2) {
    const valueIndex = index + 1;
    if (valueIndex >= command.count) return ErrorText.syntax;
    if (command.is(index, 'ID')) {
      const id = saturatedArgument(command, valueIndex);
      if (isNotInteger(id) || id < 1) return 'ERR client-id should be greater than 0';
      filter.id = id;
    } else if (command.is(index, 'TYPE')) {
      const word = command.text(valueIndex);
      filter.type = clientTypeNamed(word);
      if (filter.type === null) return `ERR Unknown client type '${word}'`;
    } else if (command.is(index, 'ADDR')) {
      filter.address = command.text(valueIndex);
    } else if (command.is(index, 'LADDR')) {
      filter.localAddress = command.text(valueIndex);
    } else if (command.is(index, 'USER')) {
      // There is one user; naming it narrows nothing.
      const user = command.text(valueIndex);
      if (user !== 'default') return `ERR No such user '${user}'`;
    } else if (command.is(index, 'SKIPME')) {
      if (command.is(valueIndex, 'YES')) filter.sparesKiller = true;
      else if (command.is(valueIndex, 'NO')) filter.sparesKiller = false;
      else return ErrorText.syntax;
    } else {
      return ErrorText.syntax;
    }
  }
  return null;
}

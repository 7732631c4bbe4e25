/**
 * A process of the load generator: it takes one order after the other from its parent, does nothing else meanwhile, and answers each.
 * It ends when its parent does.
 */
import { unreachable } from '../../src/base/assert.ts';
import { LoadEngine } from './load-engine.ts';
import type { GeneratorAnswer, GeneratorOrder } from './generators.ts';

const engines = new Map<number, LoadEngine>();

function obey(order: GeneratorOrder): GeneratorAnswer {
  if (order.kind === 'open') {
    engines.set(order.load, new LoadEngine(order.options));
    return { kind: 'done' };
  }
  const engine = engines.get(order.load);
  if (engine === undefined) throw new Error(`there is no load ${order.load}`);
  switch (order.kind) {
    case 'fill':
      engine.fill(order.from, order.to);
      return { kind: 'done' };
    case 'closed':
      return { kind: 'figures', figures: engine.runClosed(order.seconds) };
    case 'paced':
      return { kind: 'figures', figures: engine.runOpen(order.seconds, order.batchesPerSecond) };
    case 'close':
      engines.delete(order.load);
      engine.close();
      return { kind: 'done' };
    default:
      return unreachable(order);
  }
}

process.on('message', (order: GeneratorOrder) => {
  let answer: GeneratorAnswer;
  try {
    answer = obey(order);
  } catch (error) {
    answer = { kind: 'failed', message: error instanceof Error ? error.message : String(error) };
  }
  process.send?.(answer);
});
process.on('disconnect', () => process.exit(0));

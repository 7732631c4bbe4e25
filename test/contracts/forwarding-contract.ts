/**
 * What a client gets whose requests go to nodes that have not its keys, whatever moves the bytes: exact replies in the order of its requests, also while slots
 * move, nodes die, and limits are reached. One suite over each transport, on each runtime.
 */
import type { Transport } from '../../src/io/transport.ts';
import { ForwardingNodes, type ForwardingOptions } from '../support/forwarding-nodes.ts';
import { faultCases } from './forwarding-contract-faults.ts';
import { orderCases } from './forwarding-contract-order.ts';
import { replicaCases } from './forwarding-contract-replicas.ts';
import { shoalCases } from './forwarding-contract-shoal.ts';

export interface ForwardingFixture {
  start(count: number, options?: ForwardingOptions): Promise<ForwardingNodes>;
}

export interface ForwardingCase {
  readonly name: string;
  run(fixture: ForwardingFixture): Promise<void>;
}

export type TestApi = (name: string, body: () => Promise<void>) => void;

export function defineForwardingContract(makeTransport: () => Transport, test: TestApi): void {
  for (const contractCase of [...orderCases, ...shoalCases, ...replicaCases, ...faultCases]) {
    test(contractCase.name, async () => {
      const started: ForwardingNodes[] = [];
      const fixture: ForwardingFixture = {
        async start(count, options) {
          const cluster = await ForwardingNodes.start(makeTransport, count, options);
          started.push(cluster);
          return cluster;
        },
      };
      try {
        await contractCase.run(fixture);
      } finally {
        for (const cluster of started) await cluster[Symbol.asyncDispose]();
      }
    });
  }
}

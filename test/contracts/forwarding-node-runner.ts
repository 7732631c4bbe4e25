/** Runs the forwarding contract over `node:net` on real Node, and prints one JSON line per case. It is bundled and started by forwarding.test.ts. */
import { NodeTransport } from '../../src/io/node-transport.ts';
import { runCases } from '../support/case-runner.ts';
import { defineForwardingContract } from './forwarding-contract.ts';

if (process.versions['bun'] !== undefined) throw new Error('this runner is for Node; it was started by Bun');

await runCases((test) => defineForwardingContract(() => new NodeTransport(), test));
process.exit(0);

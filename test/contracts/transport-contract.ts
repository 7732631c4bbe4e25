/**
 * What every transport keeps, whatever moves its bytes (src/io/transport.ts): one suite, run over each
 * implementation and on each runtime.
 */
import { TransportFixture, type TransportFactory } from '../support/transport-fixture.ts';
import { byteCases } from './transport-contract-bytes.ts';
import { closingCases } from './transport-contract-closing.ts';
import { connectingCases } from './transport-contract-connecting.ts';
import { listeningCases } from './transport-contract-listening.ts';

export interface ContractCase {
  readonly name: string;
  run(fixture: TransportFixture): Promise<void>;
}

/** The little that the suite asks of a test runner. */
export type TestApi = (name: string, body: () => Promise<void>) => void;

export function defineTransportContract(makeTransport: TransportFactory, test: TestApi): void {
  for (const contractCase of [...byteCases, ...closingCases, ...listeningCases, ...connectingCases]) {
    test(contractCase.name, async () => {
      const fixture = new TransportFixture(makeTransport);
      try {
        await contractCase.run(fixture);
      } finally {
        await fixture.finish();
      }
    });
  }
}

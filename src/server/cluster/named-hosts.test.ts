import { expect, test } from 'bun:test';
import { encodeTopology } from '../../topology/encoding.ts';
import { SLOT_COUNT } from '../../topology/slots.ts';
import { NO_NODE, Topology } from '../../topology/topology.ts';
import { ManualEnvironment } from '../../../test/support/manual-environment.ts';
import { NamedHosts } from './named-hosts.ts';
import type { ClusterNews } from './thread-cluster.ts';

function topologyOf(hosts: readonly string[]): Uint8Array {
  return encodeTopology(
    Topology.of({
      cluster: 'test',
      epoch: 1,
      nodes: hosts.map((host, serial) => ({
        id: String(serial).padStart(40, '0'),
        host,
        port: 7600,
        peerPort: 7601,
        zone: '',
        weight: 1,
        state: 'active',
      })),
      owners: new Uint16Array(SLOT_COUNT).fill(NO_NODE),
      replicaCount: 0,
      replicas: new Uint16Array(0),
      moves: [],
    }),
  );
}

test('names are looked up once a topology has them, again after a while, and told when they lead elsewhere', async () => {
  const environment = new ManualEnvironment();
  const told: ClusterNews[] = [];
  const known = new Map([['one.test', '192.0.2.1']]);
  const asked: string[] = [];
  const hosts = new NamedHosts(
    (news) => told.push(news),
    environment.timers,
    (host) => {
      asked.push(host);
      const address = known.get(host);
      return address === undefined ? Promise.reject(new Error('not found')) : Promise.resolve(address);
    },
  );
  const addresses = (): unknown => told.at(-1)?.addresses;
  hosts.pass({ nodeId: 'n', topology: topologyOf(['one.test', '192.0.2.9', 'two.test']), trouble: null });
  expect(addresses()).toEqual([]);
  await Promise.resolve();
  await Promise.resolve();
  expect(asked).toEqual(['one.test', 'two.test']);
  expect(told.at(-1)).toEqual({ nodeId: 'n', topology: null, trouble: null, addresses: [['one.test', '192.0.2.1']] });

  known.set('one.test', '192.0.2.7').set('two.test', '192.0.2.2');
  environment.advance(5000);
  await Promise.resolve();
  await Promise.resolve();
  expect(addresses()).toEqual([
    ['one.test', '192.0.2.7'],
    ['two.test', '192.0.2.2'],
  ]);
  const count = told.length;
  environment.advance(5000);
  await Promise.resolve();
  await Promise.resolve();
  expect(told).toHaveLength(count);

  hosts.pass({ nodeId: 'n', topology: topologyOf(['two.test']), trouble: 'none' });
  hosts.pass({ nodeId: 'n', topology: null, trouble: null });
  expect(addresses()).toEqual([['two.test', '192.0.2.2']]);
  asked.length = 0;
  hosts.stop();
  environment.advance(60_000);
  expect(asked).toEqual([]);
});

/** The contract of the state store, over a folder and over a real etcd. */
import { afterAll, beforeAll, describe, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStateStore } from '../../src/coordinator/state/open-state-store.ts';
import { SYSTEM_CLOCK } from '../../src/coordinator/state/state-clock.ts';
import { ETCD_INSTALL_HINT, type EtcdCluster, etcdPath, startEtcd } from '../support/etcd-server.ts';
import { defineStateStoreContract, type StateWorld } from './state-store-contract.ts';

const nowMs = SYSTEM_CLOCK.monotonicMs;

describe('a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-state-'));
  let worlds = 0;
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  defineStateStoreContract(
    {
      newWorld: () => {
        const world = join(folder, `world-${(worlds += 1)}`, 'of', 'its', 'own');
        return { open: () => openStateStore(`file:${world}`), nowMs };
      },
      several: false,
    },
    test,
  );
});

const isMissing = etcdPath() === null;

describe.skipIf(isMissing)(isMissing ? ETCD_INSTALL_HINT : 'etcd', () => {
  let etcd: EtcdCluster;
  let worlds = 0;
  beforeAll(async () => {
    etcd = await startEtcd();
  });
  afterAll(() => etcd.stop());

  defineStateStoreContract(
    {
      newWorld: (): StateWorld => {
        const cluster = `world ${(worlds += 1)}`;
        return { open: () => openStateStore(`etcd:${etcd.endpoints}`, { cluster }), nowMs };
      },
      several: true,
    },
    test,
  );
});

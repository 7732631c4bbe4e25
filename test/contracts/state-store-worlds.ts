/**
 * The places that the contract of the state stores is run over, on each runtime: a folder, a real etcd, and one with
 * certificates on both sides and users.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStateStore } from '../../src/coordinator/state/open-state-store.ts';
import { SYSTEM_CLOCK } from '../../src/coordinator/state/state-clock.ts';
import { Authority, OPENSSL_INSTALL_HINT, opensslPath } from '../support/certificates.ts';
import { ETCD_INSTALL_HINT, type EtcdCluster, etcdPath, startEtcd } from '../support/etcd-server.ts';
import { enableUsers } from '../support/etcd-users.ts';
import type { StateContract, StateWorld } from './state-store-contract.ts';

export interface StatePlace {
  readonly name: string;
  /** What is missing on this machine, as a text for people; null: nothing. */
  readonly missing: string | null;
  /** Prepares it; the result takes it away again. */
  readonly start: () => Promise<() => Promise<void>>;
  readonly contract: StateContract;
}

const nowMs = SYSTEM_CLOCK.monotonicMs;

export function statePlaces(): readonly StatePlace[] {
  return [filePlace(), etcdPlace(), securePlace()];
}

function filePlace(): StatePlace {
  let folder = '';
  let worlds = 0;
  return {
    name: 'a file',
    missing: null,
    start: () => {
      folder = mkdtempSync(join(tmpdir(), 'shoal-state-'));
      return Promise.resolve(() => Promise.resolve(rmSync(folder, { recursive: true, force: true })));
    },
    contract: {
      newWorld: () => {
        const world = join(folder, `world-${(worlds += 1)}`, 'of', 'its', 'own');
        return { open: () => openStateStore(`file:${world}`), nowMs };
      },
      several: false,
    },
  };
}

function etcdPlace(): StatePlace {
  let etcd: EtcdCluster | null = null;
  return {
    name: 'etcd',
    missing: etcdPath() === null ? ETCD_INSTALL_HINT : null,
    start: async () => {
      const started = await startEtcd();
      etcd = started;
      return () => started.stop();
    },
    contract: etcdContract(() => ({ endpoints: etcd?.endpoints ?? '', environment: {} })),
  };
}

function securePlace(): StatePlace {
  let etcd: EtcdCluster | null = null;
  let environment: Record<string, string> = {};
  return {
    name: 'etcd with certificates and users',
    missing: etcdPath() === null ? ETCD_INSTALL_HINT : opensslPath() === null ? OPENSSL_INSTALL_HINT : null,
    start: async () => {
      const folder = mkdtempSync(join(tmpdir(), 'shoal-tls-'));
      const authority = new Authority(folder, 'authority');
      const server = authority.sign('server');
      // etcd's gateway takes none with a common name while there are users.
      const client = authority.sign('client', { subject: '/O=shoal' });
      const user = { name: 'shoal', password: 'a password, with "marks" in it: ü' };
      const plain = await startEtcd({ args: ['--bcrypt-cost=4'] });
      await enableUsers((path, body) => plain.members[0].call(path, body), { user, prefix: 'shoal/' });
      // The users are in its data; with certificates it could not be called so simply.
      const secure = await plain.restart({
        scheme: 'https',
        args: [
          `--cert-file=${server.certFile}`,
          `--key-file=${server.keyFile}`,
          `--trusted-ca-file=${authority.caFile}`,
          '--client-cert-auth',
        ],
      });
      environment = {
        SHOAL_ETCD_CA: authority.caFile,
        SHOAL_ETCD_CERT: client.certFile,
        SHOAL_ETCD_KEY: client.keyFile,
        SHOAL_ETCD_USER: user.name,
        SHOAL_ETCD_PASSWORD: user.password,
      };
      etcd = secure;
      return async () => {
        await secure.stop();
        rmSync(folder, { recursive: true, force: true });
      };
    },
    contract: etcdContract(() => ({ endpoints: etcd?.endpoints ?? '', environment })),
  };
}

function etcdContract(
  access: () => { readonly endpoints: string; readonly environment: Readonly<Record<string, string>> },
): StateContract {
  let worlds = 0;
  return {
    newWorld: (): StateWorld => {
      const cluster = `world ${(worlds += 1)}`;
      const { endpoints, environment } = access();
      return { open: () => openStateStore(`etcd:${endpoints}`, { cluster, environment }), nowMs };
    },
    several: true,
  };
}

/**
 * A state store from what an operator writes:
 *
 *     file:DIR                                   file:/var/lib/shoal, file:state
 *     etcd:http://HOST:PORT[,http://…]           port 2379 where none is given; https for TLS
 *
 * What is secret, or a matter of the machine, comes from the environment, so that it stands in no list of processes:
 * SHOAL_ETCD_USER, SHOAL_ETCD_PASSWORD, SHOAL_ETCD_CA, SHOAL_ETCD_CERT and SHOAL_ETCD_KEY (files in PEM).
 */
import { ShoalError } from '../../base/errors.ts';
import type { EtcdAccess } from './etcd-client.ts';
import { EtcdStateStore, type EtcdTiming } from './etcd-state-store.ts';
import { FileStateStore } from './file-state-store.ts';
import type { StateClock } from './state-clock.ts';
import type { StateStore } from './state-store.ts';

export interface OpenStateStoreOptions {
  /** Keeps clusters in the same etcd apart; `shoal` by default. */
  readonly cluster?: string;
  /** Where the variables above are; none by default. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly clock?: StateClock;
  readonly etcdTiming?: Partial<EtcdTiming>;
}

const DEFAULT_PORT = '2379';
const ENDPOINTS_MAX = 16;
const FORMS = 'file:DIR or etcd:http://HOST:2379[,http://HOST:2379…]';

/** Makes nothing and connects nowhere yet; `start` does. Throws `InvalidOption` on anything that cannot be meant. */
export function openStateStore(spec: string, options: OpenStateStoreOptions = {}): StateStore {
  const { clock, etcdTiming, cluster = 'shoal', environment = {} } = options;
  const common = clock === undefined ? {} : { clock };
  const colon = spec.indexOf(':');
  const kind = spec.slice(0, Math.max(0, colon));
  const rest = spec.slice(colon + 1);
  if (kind === 'file') return new FileStateStore(folderOf(rest), common);
  if (kind === 'etcd') {
    const timing = etcdTiming === undefined ? {} : { timing: etcdTiming };
    return new EtcdStateStore({ access: accessOf(rest, environment), cluster, ...common, ...timing });
  }
  throw invalid(`the state store ${JSON.stringify(withoutSecrets(spec))} is neither ${FORMS}`);
}

function folderOf(text: string): string {
  if (text === '') throw invalid('the state store file: names no folder; write file:DIR');
  if (text.includes('\0')) throw invalid('the folder of the state store has a character that no file name has');
  // file:///var/lib is a habit from URLs, and leads where it says; what names a host leads nowhere.
  if (/^\/\/[^/]/.test(text)) throw invalid(`file:${text} names a host; write file:/DIR for a folder of this machine`);
  return text;
}

function accessOf(list: string, environment: Readonly<Record<string, string | undefined>>): EtcdAccess {
  const endpoints = list.split(',').map((text) => originOf(text.trim()));
  if (endpoints.length > ENDPOINTS_MAX) {
    throw invalid(`the state store names ${endpoints.length} endpoints of etcd; at most ${ENDPOINTS_MAX} make sense`);
  }
  const twice = endpoints.find((origin, index) => endpoints.indexOf(origin) !== index);
  if (twice !== undefined) throw invalid(`the state store names ${twice} twice`);

  const variable = (name: string): string | undefined => (environment[name] === '' ? undefined : environment[name]);
  const name = variable('SHOAL_ETCD_USER');
  const password = variable('SHOAL_ETCD_PASSWORD');
  if ((name === undefined) !== (password === undefined)) {
    throw invalid('set both SHOAL_ETCD_USER and SHOAL_ETCD_PASSWORD, or neither');
  }
  const caFile = variable('SHOAL_ETCD_CA');
  const certFile = variable('SHOAL_ETCD_CERT');
  const keyFile = variable('SHOAL_ETCD_KEY');
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw invalid('set both SHOAL_ETCD_CERT and SHOAL_ETCD_KEY, or neither');
  }
  const plain = endpoints.find((origin) => origin.startsWith('http:'));
  if (plain !== undefined && (caFile !== undefined || certFile !== undefined)) {
    throw invalid(`there are certificates for etcd, but ${plain} would be used without; write https:`);
  }
  return {
    endpoints,
    tls: {
      ...(caFile === undefined ? {} : { caFile }),
      ...(certFile === undefined ? {} : { certFile }),
      ...(keyFile === undefined ? {} : { keyFile }),
    },
    user: name === undefined || password === undefined ? null : { name, password },
  };
}

/** `http://host:2379` */
function originOf(text: string): string {
  const shown = JSON.stringify(withoutSecrets(text));
  if (!/^https?:\/\//i.test(text)) {
    throw invalid(`the endpoint ${shown} of etcd must be http://HOST:PORT or https://HOST:PORT`);
  }
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw invalid(`the endpoint ${shown} of etcd is no URL; write http://HOST:${DEFAULT_PORT}`);
  }
  if (url.username !== '' || url.password !== '') {
    throw invalid(`the endpoint ${shown} of etcd holds a user; set SHOAL_ETCD_USER and SHOAL_ETCD_PASSWORD instead`);
  }
  if (!['', '/'].includes(url.pathname) || url.search !== '' || url.hash !== '') {
    throw invalid(`the endpoint ${shown} of etcd must end after its port`);
  }
  return `${url.protocol}//${url.hostname}:${portOf(text, url)}`;
}

/** A URL hides a port that its scheme has by default. */
function portOf(text: string, url: URL): string {
  if (url.port !== '') return url.port;
  const stated = /:(\d+)\/?$/.exec(text)?.[1];
  return stated === undefined ? DEFAULT_PORT : String(Number(stated));
}

function withoutSecrets(text: string): string {
  return text.replaceAll(/\/\/[^/@,]*@/g, '//…@');
}

function invalid(text: string): ShoalError {
  return new ShoalError('InvalidOption', text);
}

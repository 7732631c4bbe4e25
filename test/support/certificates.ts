/** Certificates for tests, made by `openssl`: an authority, and what it signs. Each is good for a day. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathOf } from './redis-server.ts';

/** What to tell somebody whose machine has no openssl. */
export const OPENSSL_INSTALL_HINT = 'openssl is not installed; on Debian: apt-get install openssl';

export interface Certificate {
  readonly certFile: string;
  readonly keyFile: string;
}

/** Where openssl is, or null where it is not installed. */
export function opensslPath(): string | null {
  return pathOf('openssl');
}

/** An authority in `folder`, with files of this name. */
export class Authority {
  readonly caFile: string;
  private readonly folder: string;
  private readonly keyFile: string;

  constructor(folder: string, name: string) {
    this.folder = folder;
    this.caFile = join(folder, `${name}.pem`);
    this.keyFile = join(folder, `${name}.key`);
    openssl([
      'req',
      '-x509',
      ...NEW_KEY,
      '-keyout',
      this.keyFile,
      '-out',
      this.caFile,
      '-days',
      '1',
      '-subj',
      `/CN=${name}`,
    ]);
  }

  /** For servers and clients, with a subject like `/CN=name`; `host` is an IP address. */
  sign(name: string, { subject = `/CN=${name}`, host = '127.0.0.1' } = {}): Certificate {
    const at = (ending: string): string => join(this.folder, `${name}.${ending}`);
    writeFileSync(at('ext'), `subjectAltName=IP:${host}\nextendedKeyUsage=serverAuth,clientAuth\n`);
    openssl(['req', ...NEW_KEY, '-keyout', at('key'), '-out', at('csr'), '-subj', subject]);
    const authority = ['-CA', this.caFile, '-CAkey', this.keyFile, '-CAcreateserial'];
    openssl(['x509', '-req', '-in', at('csr'), ...authority, '-out', at('pem'), '-days', '1', '-extfile', at('ext')]);
    return { certFile: at('pem'), keyFile: at('key') };
  }
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

function openssl(args: readonly string[]): void {
  execFileSync('openssl', args, { stdio: 'pipe' });
}

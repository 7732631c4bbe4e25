/**
 * One member of etcd, over the JSON gateway that it serves beside gRPC: a call is a POST with its answer, a watch a POST
 * whose answer goes on. `node:http` and not `fetch`, which cannot be given a certificate authority on Node and cuts a watch
 * that is idle for five minutes.
 *
 * Idle connections are kept and used again. One that the member closed in the meantime fails a call as `passing`; all our
 * calls may be repeated.
 */
import { readFileSync } from 'node:fs';
import { Agent as HttpAgent, type ClientRequest, type IncomingMessage, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { StringDecoder } from 'node:string_decoder';
import { ShoalError } from '../../base/errors.ts';
import { reasonOf } from '../../io/system-error.ts';
import { EtcdFailure, failureOfAnswer, failureOfConnection } from './etcd-errors.ts';
import type { StateClock } from './state-clock.ts';

/** Files in PEM. Read again after a connection failed, as certificates are renewed in place. */
export interface EtcdTls {
  /** Authorities that sign the members' certificates; those of the system where it is absent. */
  readonly caFile?: string;
  /** Our own certificate and its key, where etcd asks for them: both or none. */
  readonly certFile?: string;
  readonly keyFile?: string;
}

export interface CallOptions {
  readonly body: object;
  readonly token: string | null;
  /** The whole call, from the connection to the end of the answer. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface WatchOptions extends CallOptions {
  /** Each message of the answer. What it throws ends the watch. */
  readonly onMessage: (message: unknown) => void;
}

/** Characters of the longest answer: a state in base64 twice over, with room. */
const ANSWER_LETTERS_MAX = 8 * 1024 * 1024;
const IDLE_CONNECTIONS_MAX = 4;
const KEEP_ALIVE_MS = 1000;

export class EtcdEndpoint {
  /** `https://host:2379` */
  readonly origin: string;
  private readonly url: URL;
  private readonly clock: StateClock;
  private readonly tls: EtcdTls;
  private agent: HttpAgent | HttpsAgent | null = null;
  private certificates: Certificates | null = null;

  constructor(origin: string, tls: EtcdTls, clock: StateClock) {
    this.origin = origin;
    this.url = new URL(origin);
    this.tls = tls;
    this.clock = clock;
  }

  /** Rejects with an EtcdFailure. */
  async call(path: string, options: CallOptions): Promise<unknown> {
    let text = '';
    const status = await this.exchange(path, options, options.timeoutMs, (part) => {
      text += part;
      if (text.length > ANSWER_LETTERS_MAX) throw new EtcdFailure('misconfigured', 'its answer is too long');
    });
    const body = parsed(text);
    if (status !== 200) throw failureOfAnswer(status, body, text);
    if (body === undefined) throw new EtcdFailure('misconfigured', 'its answer is no JSON: is it etcd?');
    return body;
  }

  /** Resolves when the member ends the answer; rejects with an EtcdFailure. `timeoutMs` is until the first message. */
  async watch(path: string, options: WatchOptions): Promise<void> {
    let rest = '';
    let first = true;
    const started = new AbortController();
    const status = await this.exchange(
      path,
      options,
      options.timeoutMs,
      (part) => {
        const lines = (rest + part).split('\n');
        rest = lines.pop() ?? '';
        if (rest.length > ANSWER_LETTERS_MAX) throw new EtcdFailure('misconfigured', 'its message is too long');
        for (const line of lines) {
          if (line === '') continue;
          const message = parsed(line);
          if (message === undefined) throw new EtcdFailure('misconfigured', 'its message is no JSON: is it etcd?');
          if (first) started.abort();
          first = false;
          options.onMessage(message);
        }
      },
      started.signal,
    );
    if (status !== 200) throw failureOfAnswer(status, parsed(rest), rest);
  }

  close(): void {
    this.agent?.destroy();
    this.agent = null;
    this.certificates = null;
  }

  /** Sends the body, hands over the answer piece by piece, and resolves with the status. `inTime` ends the time limit. */
  private exchange(
    path: string,
    { body, token, signal }: CallOptions,
    timeoutMs: number,
    onText: (text: string) => void,
    inTime?: AbortSignal,
  ): Promise<number> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(new EtcdFailure('passing', 'the call was given up'));
        return;
      }
      let request: ClientRequest | null = null;
      let isOver = false;
      const end = (settle: () => void): void => {
        if (isOver) return;
        isOver = true;
        stopTimer();
        signal.removeEventListener('abort', giveUp);
        settle();
      };
      const fail = (error: unknown): void =>
        end(() => {
          request?.destroy();
          const failure = failureOfConnection(error);
          // The next connection reads the certificates anew.
          if (failure.kind === 'misconfigured') this.close();
          reject(failure);
        });
      const giveUp = (): void => fail(new EtcdFailure('passing', 'the call was given up'));
      const stopTimer = this.clock.after(timeoutMs, () =>
        fail(new EtcdFailure('passing', `no answer within ${Math.round(timeoutMs)} ms`)),
      );
      inTime?.addEventListener('abort', stopTimer);
      signal.addEventListener('abort', giveUp);
      const onAnswer = (answer: IncomingMessage): void => {
        const decoder = new StringDecoder('utf8');
        answer.on('data', (bytes: Buffer) => {
          if (isOver) return;
          try {
            onText(decoder.write(bytes));
          } catch (error) {
            fail(error);
          }
        });
        answer.on('end', () => end(() => resolve(answer.statusCode ?? 0)));
        answer.on('error', fail);
        answer.on('close', () => fail(new EtcdFailure('passing', 'the connection ended within the answer')));
      };
      try {
        const text = JSON.stringify(body);
        request = this.newRequest(path, token, Buffer.byteLength(text), onAnswer);
        request.on('error', fail);
        request.end(text);
      } catch (error) {
        fail(error);
      }
    });
  }

  private newRequest(
    path: string,
    token: string | null,
    byteCount: number,
    onAnswer: (answer: IncomingMessage) => void,
  ): ClientRequest {
    const headers: Record<string, string | number> = {
      'Content-Type': 'application/json',
      'Content-Length': byteCount,
      // A member that lost its leader then ends a watch, instead of keeping it silent.
      'Grpc-Metadata-Hasleader': 'true',
    };
    if (token !== null) headers['Authorization'] = token;
    const { hostname, port, protocol } = this.url;
    const address = {
      // An IPv6 address stands in brackets in an URL alone.
      hostname: hostname.replace(/^\[(.*)\]$/, '$1'),
      port: port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port),
      path,
      method: 'POST',
      headers,
    };
    const keep = { keepAlive: true, keepAliveMsecs: KEEP_ALIVE_MS, maxFreeSockets: IDLE_CONNECTIONS_MAX };
    if (protocol === 'http:') {
      this.agent ??= new HttpAgent(keep);
      return httpRequest({ ...address, agent: this.agent }, onAnswer);
    }
    // To the request too: Bun's takes them from there.
    this.certificates ??= readTls(this.tls);
    this.agent ??= new HttpsAgent({ ...keep, ...this.certificates });
    return httpsRequest({ ...address, ...this.certificates, agent: this.agent }, onAnswer);
  }
}

interface Certificates {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** Throws `StateStoreFailed` where a file cannot be read. */
export function readTls({ caFile, certFile, keyFile }: EtcdTls): Certificates {
  return {
    ...(caFile === undefined ? {} : { ca: readPem(caFile) }),
    ...(certFile === undefined ? {} : { cert: readPem(certFile) }),
    ...(keyFile === undefined ? {} : { key: readPem(keyFile) }),
  };
}

function readPem(path: string): string {
  try {
    const text = readFileSync(path, 'utf8');
    if (text.includes('-----BEGIN ')) return text;
  } catch (error) {
    throw new ShoalError('StateStoreFailed', `cannot read ${path}: ${reasonOf(error)}`, { cause: error });
  }
  throw new ShoalError('StateStoreFailed', `${path} holds nothing in PEM`);
}

/** undefined where the text is no JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * Asks a server for its name and version over a connection of its own, before the load begins. So it is also the first test of
 * address, password and protocol, whose failure is told before a thousand connections are opened.
 */
import { ShoalError } from '../base/errors.ts';
import type { SocketHandler } from '../client/tcp-socket.ts';
import { HELLO_REPLY_FIXED_BYTES } from '../protocol/shoal/frame.ts';
import { connectionFailure } from './connection-failure.ts';
import type { RunnerOptions } from './load-runner.ts';
import { ReplyKind, type ReplySink } from './reply-scanner.ts';
import { command } from './resp-requests.ts';

/** No server says more of itself; what is longer is cut. */
const ANSWER_BYTES_MAX = 64 * 1024;
export const UNKNOWN_VERSION = 'unknown';

type Target = Pick<RunnerOptions, 'host' | 'port' | 'protocol' | 'credentials' | 'openSocket' | 'timeoutMs'>;

/**
 * Such as `shoal 0.1.0` or `redis 7.0.15`; `unknown` where the server does not say. Rejects with `ConnectFailed`, `Unauthenticated`
 * or `UnexpectedResponse` where it does not let us in.
 */
export function readServerVersion(target: Target): Promise<string> {
  const { protocol, host, port } = target;
  const node = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  const greeting = protocol.greeting(target.credentials);
  const question =
    protocol.name === 'resp' ? Buffer.concat([greeting.bytes, command('INFO', 'server')]) : greeting.bytes;
  const replyCount = protocol.name === 'resp' ? greeting.replyCount + 1 : greeting.replyCount;
  return new Promise((resolve, reject) => {
    let replies = 0;
    let answer = '';
    let timer: NodeJS.Timeout | null = null;
    const end = (error: ShoalError | null, version = ''): void => {
      if (timer !== null) clearTimeout(timer);
      timer = null;
      if (error === null) resolve(version);
      else reject(error);
      socket.destroy(null);
    };
    const failure = (code: 'ConnectFailed' | 'Unauthenticated' | 'UnexpectedResponse', why: string): ShoalError =>
      new ShoalError(code, `cannot connect to ${node}: ${why}`, { node });
    const sink: ReplySink = {
      onReplyStart: () => {
        answer = '';
      },
      onValueBytes: (bytes, start, stop) => {
        if (answer.length < ANSWER_BYTES_MAX) answer += bytes.toString('latin1', start, stop);
      },
      onReply: (kind) => {
        replies += 1;
        // Who may not ask for INFO may still measure.
        if (kind === ReplyKind.error && replies <= greeting.replyCount) {
          end(failure('Unauthenticated', `the server refused the connection: ${scanner.text()}`));
        } else if (replies === replyCount) end(null, parseVersion(kind === ReplyKind.value ? answer : scanner.text()));
      },
    };
    const scanner = protocol.createScanner(sink);
    const handler: SocketHandler = {
      onConnected: () => void socket.write(question, question.length),
      onBytes: (bytes, length) => {
        if (scanner.scan(bytes, length)) return;
        const start = JSON.stringify(bytes.toString('latin1', 0, Math.min(length, 80)));
        end(failure('UnexpectedResponse', `this is not the ${protocol.name} protocol: ${start}`));
      },
      onWritten: () => undefined,
      onClosed: (error) => end(failure('ConnectFailed', connectionFailure(error))),
    };
    const socket = target.openSocket(host, port, handler);
    timer = setTimeout(() => end(failure('ConnectFailed', 'the server does not answer')), target.timeoutMs);
  });
}

/** Reads the version out of INFO (RESP), of the line of `version` (memcached), or of the answer to hello (Shoal). */
function parseVersion(answer: string): string {
  const line = /^VERSION (\S+)/.exec(answer);
  if (line !== null) return `memcached ${line[1]}`;
  for (const name of ['shoal', 'valkey', 'dragonfly', 'redis']) {
    const version = new RegExp(`^${name}_version:(?:v|df-)?([^\\r\\n]+)`, 'm').exec(answer)?.[1];
    if (version !== undefined) return `${name} ${version}`;
  }
  return answer.charCodeAt(HELLO_REPLY_FIXED_BYTES) > 0 && answer.charCodeAt(0) === 1
    ? helloVersion(answer)
    : UNKNOWN_VERSION;
}

/** After the fixed part stand the node's id and the software's version, each after its length. */
function helloVersion(answer: string): string {
  const at = HELLO_REPLY_FIXED_BYTES + 1 + answer.charCodeAt(HELLO_REPLY_FIXED_BYTES);
  const version = answer.slice(at + 1, at + 1 + answer.charCodeAt(at));
  return version === '' ? UNKNOWN_VERSION : `shoal ${version}`;
}

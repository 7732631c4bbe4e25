/**
 * Brings a server to rest after its turn. Redis wakes its io-threads under load, and they spin until a round of its loop has few
 * replies to write: where the load just stops, that round never comes, and they take the cores from whoever has the next turn.
 * One small request makes such a round.
 */
import { connect } from 'node:net';
import type { Contestant } from './roster.ts';
import { HOST } from './servers.ts';

/** A server that does not answer by then will not rest. */
const ANSWER_MS_MAX = 2000;

/** Ends with the answer, or without it: a server that is lost is found by its next turn, and told in its row. */
export async function calmDown({ protocol, server }: Pick<Contestant, 'protocol' | 'server'>): Promise<void> {
  if (protocol !== 'resp') return;
  await new Promise<void>((done) => {
    const socket = connect(server.port, HOST);
    const timer = setTimeout(() => socket.destroy(), ANSWER_MS_MAX);
    socket.write('PING\r\n');
    socket.once('data', () => socket.destroy());
    socket.once('error', () => socket.destroy());
    socket.once('close', () => {
      clearTimeout(timer);
      done();
    });
  });
}

import { describe, expect, test } from 'bun:test';
import { replyFrame, requestFrame } from '../control/frames.ts';
import { Opcode, Status } from '../protocol/shoal/frame.ts';
import { wireRequests } from '../../test/support/shoal-wire.ts';
import { type ScriptedConnection, ScriptedTransport } from '../../test/support/scripted-transport.ts';
import { IN_FLIGHT_MAX, LinkFault, type LinkReply, type LinkRequest } from './link-requests.ts';
import { PeerLink, QUEUE_BYTES_MAX } from './peer-link.ts';

const text = (bytes: string): Buffer => Buffer.from(bytes, 'latin1');

class Ended implements LinkRequest {
  readonly ends: string[] = [];
  private readonly onEnd: () => void;

  constructor(onEnd: () => void = () => {}) {
    this.onEnd = onEnd;
  }

  onReply({ status, bytes, valueStart, end }: LinkReply): void {
    this.ends.push(`${status} ${bytes.toString('latin1', valueStart, end)}`);
    this.onEnd();
  }

  onFault(fault: LinkFault, reason: string): void {
    const name = Object.entries(LinkFault).find(([, value]) => value === fault)?.[0];
    this.ends.push(`${name}: ${reason}`);
    this.onEnd();
  }
}

class Bench {
  readonly transport = new ScriptedTransport();
  nowMs = 1000;
  settledCount = 0;
  replyBytesMax = 1024;
  readonly link = new PeerLink({
    transport: this.transport,
    host: '192.0.2.1',
    port: 7600,
    addressOf: (host) => host,
    password: () => 'secret',
    name: 'test',
    monotonicMs: () => this.nowMs,
    random01: () => 1,
    replyBytesMax: () => this.replyBytesMax,
    onSettled: () => {
      this.settledCount += 1;
    },
  });

  send(value: string, deadlineMs = Number.POSITIVE_INFINITY, request = new Ended()): Ended {
    const frame = requestFrame(Opcode.forward, 0, text(value));
    expect(this.link.send(frame, frame.length, request, deadlineMs)).toBeTrue();
    return request;
  }

  /** Connects and greets; returns the connection without what was sent for it. */
  open(): ScriptedConnection {
    const connection = this.transport.last.succeed();
    const [hello] = wireRequests(connection.take());
    expect(hello?.opcode).toBe(Opcode.hello);
    expect(hello?.value.toString('latin1')).toContain('secret');
    connection.receive(replyFrame(Status.ok, 0, text('welcome')));
    return connection;
  }
}

function sent(connection: ScriptedConnection): string[] {
  return wireRequests(connection.take()).map(({ id, opcode, value }) =>
    opcode === Opcode.forward ? `${id} ${value.toString('latin1')}` : `${id} (opcode ${opcode})`,
  );
}

describe('a peer link', () => {
  test('connects when something is sent, greets, and gives each reply to its request, in any order', () => {
    const bench = new Bench();
    expect(bench.transport.attempts).toHaveLength(0);
    const [first, second] = [bench.send('first'), bench.send('second')];
    expect(bench.transport.last.address).toEqual({ host: '192.0.2.1', port: 7600 });
    const connection = bench.open();
    expect(sent(connection)).toEqual(['1 first', '2 second']);
    const third = bench.send('third');
    expect(sent(connection)).toEqual([]);
    bench.link.flush();
    expect(sent(connection)).toEqual(['3 third']);
    connection.receive(
      Buffer.concat([replyFrame(Status.ok, 3, text('c')), replyFrame(Status.miss, 1, text('')), text('')]),
    );
    const rest = replyFrame(Status.ok, 2, text('b'));
    for (const byte of rest) connection.receive(Buffer.of(byte));
    expect([first.ends, second.ends, third.ends]).toEqual([['1 '], ['0 b'], ['0 c']]);
    expect(bench.link.inFlightCount).toBe(0);
  });

  test('sends what is left of a partial write when the connection drains, and leaves a retained buffer alone', () => {
    const bench = new Bench();
    bench.send('one');
    const connection = bench.open();
    connection.take();
    connection.room = 10;
    bench.send('two');
    bench.link.flush();
    bench.send('three');
    bench.link.flush();
    const begun = connection.take();
    expect(begun).toHaveLength(10);
    connection.retains = true;
    connection.drain(5);
    bench.send('four');
    bench.link.flush();
    const retained = connection.take();
    connection.drain();
    const all = Buffer.concat([begun, retained, connection.take()]);
    expect(wireRequests(all).map(({ value }) => value.toString())).toEqual(['two', 'three', 'four']);
  });

  test('tells of each request whether it can have been run when the connection is lost', () => {
    const bench = new Bench();
    const away = bench.send('away');
    const connection = bench.open();
    connection.take();
    connection.room = 3;
    const begun = bench.send('begun');
    const waiting = bench.send('waiting');
    bench.link.flush();
    connection.close(new Error('reset'));
    const reason = 'the connection was lost: reset';
    expect(away.ends).toEqual([`lost: ${reason}`]);
    // A part of it is away: how much is not looked into.
    expect(begun.ends).toEqual([`lost: ${reason}`]);
    expect(waiting.ends).toEqual([`unsent: ${reason}`]);
  });

  test('asks nothing any more for a request whose time was over before it left', () => {
    const bench = new Bench();
    const early = bench.send('early', 1500);
    const late = bench.send('late', 5000);
    bench.nowMs = 1500;
    bench.link.tick();
    expect(early.ends).toEqual(['unsent: there is no connection']);
    const connection = bench.open();
    expect(sent(connection)).toEqual([`1 (opcode ${Opcode.ping})`, '2 late']);
    connection.receive(replyFrame(Status.ok, 1, text('early')));
    bench.nowMs = 5000;
    bench.link.tick();
    connection.receive(replyFrame(Status.ok, 2, text('too late')));
    expect(early.ends).toHaveLength(1);
    expect(late.ends).toEqual(['late: there was no answer in time']);
  });

  test('fails what waits when it cannot connect, and tries again after a pause that grows', () => {
    const bench = new Bench();
    const pauses: number[] = [];
    let request = bench.send('first');
    for (let round = 0; round < 8; round += 1) {
      bench.transport.last.fail('nobody there');
      expect(request.ends).toEqual(['unsent: nobody there']);
      request = bench.send(`round ${round}`);
      const before = bench.nowMs;
      const { length } = bench.transport.attempts;
      while (bench.transport.attempts.length === length) {
        bench.nowMs += 25;
        bench.link.tick();
      }
      pauses.push(bench.nowMs - before);
    }
    expect(pauses).toEqual([50, 100, 200, 400, 800, 1600, 2000, 2000]);
    const connection = bench.open();
    expect(sent(connection)).toHaveLength(1);
    connection.close(null);
    bench.send('again');
    bench.nowMs += 50;
    bench.link.tick();
    bench.open();
    expect(bench.link.isOpen).toBeTrue();
  });

  test('ends a connection that refuses it, does not greet, or speaks something else', () => {
    for (const [answer, reason] of [
      [replyFrame(Status.unauthenticated, 0, text('the password is wrong')), 'it refuses us: the password is wrong'],
      [text('-ERR max number of clients reached\r\n'), 'what came is no reply of the Shoal protocol'],
      [replyFrame(Status.ok, 0, Buffer.alloc(1025)), 'an answer of 1025 bytes is too long'],
    ] as const) {
      const bench = new Bench();
      const request = bench.send('value');
      const connection = bench.transport.last.succeed();
      connection.receive(answer);
      expect(request.ends).toEqual([`unsent: ${reason}`]);
      expect(connection.isDestroyed).toBeTrue();
    }
    const bench = new Bench();
    const request = bench.send('value');
    const connection = bench.transport.last.succeed();
    bench.nowMs += 2000;
    bench.link.tick();
    expect(request.ends).toEqual(['unsent: no greeting within 2000 ms']);
    expect(connection.isDestroyed).toBeTrue();
  });

  test('survives any bytes that come', () => {
    let seed = 7;
    for (let round = 0; round < 500; round += 1) {
      const bench = new Bench();
      const request = bench.send('value');
      const connection = bench.open();
      const garbage = Buffer.from(replyFrame(Status.ok, 1, text('0123456789')));
      for (let change = 0; change < 3; change += 1) {
        seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fff_ffff;
        garbage[(seed >>> 8) % garbage.length] = seed >>> 16;
      }
      connection.receive(garbage);
      connection.close(null);
      expect(request.ends).toHaveLength(1);
    }
  });

  test('takes no more than may be in flight or wait, and says when there is room', () => {
    const bench = new Bench();
    const requests = Array.from({ length: IN_FLIGHT_MAX }, () => bench.send('x'));
    const frame = requestFrame(Opcode.forward, 0, text('x'));
    expect(bench.link.isFull).toBeTrue();
    expect(bench.link.send(frame, frame.length, new Ended(), 1e9)).toBeFalse();
    const connection = bench.open();
    const before = bench.settledCount;
    connection.receive(replyFrame(Status.ok, 77, text('y')));
    expect(bench.settledCount).toBe(before + 1);
    expect(bench.link.isFull).toBeFalse();
    expect(requests[76]?.ends).toEqual(['0 y']);
    bench.send('another');
    expect(bench.link.isFull).toBeTrue();

    const heavy = new Bench();
    heavy.send('x'.repeat(QUEUE_BYTES_MAX));
    expect(heavy.link.isFull).toBeTrue();
    const slow = heavy.open();
    expect(heavy.link.isFull).toBeFalse();
    slow.take();
  });

  test('gives numbers again when they went round, but none that is in use', () => {
    const bench = new Bench();
    const waiting = bench.send('waiting');
    const connection = bench.open();
    connection.take();
    for (let round = 0; round < 3 * IN_FLIGHT_MAX; round += 1) {
      const request = bench.send('quick');
      bench.link.flush();
      const [{ id } = { id: 0 }] = wireRequests(connection.take());
      connection.receive(replyFrame(Status.ok, id, text('done')));
      expect(request.ends).toEqual(['0 done']);
    }
    connection.receive(replyFrame(Status.ok, 1, text('at last')));
    expect(waiting.ends).toEqual(['0 at last']);
  });

  test('counts refusals of the connection at hand', () => {
    const bench = new Bench();
    bench.send('a');
    bench.send('b');
    const connection = bench.open();
    connection.receive(replyFrame(Status.moved, 1, text('7 192.0.2.9:7600')));
    connection.receive(replyFrame(Status.tryAgain, 2, text('')));
    // One that nobody waits for any more counts as well.
    connection.receive(replyFrame(Status.tryAgain, 2, text('')));
    expect(bench.link.refusalCount).toBe(3);
    connection.close(null);
    expect(bench.link.refusalCount).toBe(0);
  });

  test('takes what is sent from inside of an end, and closes a connection that nobody uses', () => {
    const bench = new Bench();
    let again: Ended | null = null;
    bench.send(
      'first',
      Number.POSITIVE_INFINITY,
      new Ended(() => {
        again = bench.send('again');
      }),
    );
    bench.transport.last.fail('nobody there');
    expect(bench.link.inFlightCount).toBe(1);
    bench.nowMs += 50;
    bench.link.tick();
    const connection = bench.open();
    const [{ id } = { id: 0 }] = wireRequests(connection.take());
    connection.receive(replyFrame(Status.ok, id, text('yes')));
    expect(again!.ends).toEqual(['0 yes']);
    bench.nowMs += 60_000;
    bench.link.tick();
    expect(connection.isDestroyed).toBeTrue();
    expect(bench.link.isIdle).toBeTrue();
    bench.send('later');
    expect(sent(bench.open())).toHaveLength(1);
  });

  test('ends all that waits when it is closed, and takes nothing more', () => {
    const bench = new Bench();
    const request = bench.send('value');
    bench.link.close('this node stops');
    bench.link.close('again');
    expect(bench.transport.last.isCancelled).toBeTrue();
    expect(request.ends).toEqual(['unsent: this node stops']);
    const frame = requestFrame(Opcode.forward, 0, text('x'));
    expect(bench.link.send(frame, frame.length, new Ended(), 1e9)).toBeFalse();
  });
});

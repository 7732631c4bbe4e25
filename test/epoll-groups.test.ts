/** What is particular to connections that are ready together over epoll, with io_uring and without: groups, what is received ahead, write batches. */
import { describe, expect, test } from 'bun:test';
import { closeSync, openSync } from 'node:fs';
import { byteBuffer, setSocketOption, SOL_SOCKET } from '../src/io/epoll/libc.ts';
import { EpollReactor, RECEIVE_BYTES } from '../src/io/epoll/reactor.ts';
import { RING_SENDS_MAX, SendRing } from '../src/io/epoll/send-ring.ts';
import { type Connection, WRITE_CLOSED } from '../src/io/transport.ts';
import { EpollWorld, spinUntil, TCP_CLOSE, TCP_CLOSE_WAIT, textOf } from './support/epoll-world.ts';
import { patternedBytes } from './support/patterned-bytes.ts';
import { Sender } from './support/transport-handlers.ts';

const SO_SNDBUF = 7;
const SO_RCVBUF = 8;

/** What a turn may tell: groups one after the other, none in another, and connections that were served by themselves. */
const TURN = /^(begin,(look,)*received,(data,|drain,)*end,|data,|drain,)*$/;

for (const way of ['epoll', 'io_uring'] as const) {
  const isAvailable = EpollReactor.isAvailable() && (way === 'epoll' || SendRing.isAvailable());
  describe.skipIf(!isAvailable)(`groups over ${way}`, () => {
    test('all of a group are looked at before the first is given its bytes; one that is ready alone is no group', async () => {
      await using world = await EpollWorld.open(way, 3);
      world.send('a', 'bb', 'c');
      expect(world.turn().join()).toBe('begin,look 0 a,look 1 bb,look 2 c,received,data 0 a,data 1 bb,data 2 c,end');
      world.send('', 'alone');
      expect(world.turn()).toEqual(['data 1 alone']);
    });

    test('every byte comes back once and in order, over forty connections at a time, in pieces of every size', async () => {
      await using world = await EpollWorld.open(way, 40);
      const { batch } = world;
      // So small that writes are taken in part.
      for (const each of world.descriptors) setSocketOption(each, SOL_SOCKET, SO_SNDBUF, 20_000);
      const senders = world.connections.map((connection) => new Sender(connection));
      const looked = new Map<Connection, Buffer>();
      const counts = { ahead: 0, later: 0, batched: 0, drained: 0 };
      let gathered: Sender[] | null = null;
      let fault = '';
      world.behaviour = {
        beginGroup: () => void (gathered = []),
        lookAhead: (one, bytes, start, end) => void looked.set(one, Buffer.from(bytes.subarray(start, end))),
        onData(connection, bytes, start, end) {
          if (looked.get(connection)?.equals(bytes.subarray(start, end)) === false) fault = 'not what was looked at';
          if (looked.delete(connection)) counts.ahead += 1;
          else if (gathered !== null) counts.later += 1;
          const sender = senders[connection.context as number]!;
          const isFirst = gathered !== null && sender.pendingBytes === 0;
          if (isFirst && batch.add(connection, bytes, start, end)) gathered!.push(sender);
          else sender.send(bytes.slice(start, end));
        },
        onDrain: (connection) => senders[connection.context as number]!.flush(),
        endGroup() {
          batch.send();
          for (const [i, sender] of gathered!.entries()) {
            const rest = batch.bytes.slice(batch.starts[i]! + batch.taken[i]!, batch.ends[i]);
            if (rest.length > 0) sender.send(rest);
          }
          counts.batched += batch.count;
          if (looked.size > 0) fault = 'looked at and never given';
          batch.clear();
          gathered = null;
        },
      };
      let state = 1;
      const random = (below: number): number => (state = (Math.imul(state, 48_271) >>> 0) % 0x7fff_ffff) % below;
      const pattern = patternedBytes(1_000_000, 9);
      const ways = world.peers.map((peer, i) => ({ peer, data: pattern.subarray(i * 5003), sent: 0, got: 0 }));
      spinUntil(() => {
        for (const each of ways) {
          const { peer, data, sent, got } = each;
          const size = 1 + random([300, 10_000, 300 * 1024][random(3)]!);
          each.sent += peer.send(data.subarray(sent, sent + size));
          const part = peer.receive(1 + random(400_000)) ?? Buffer.of();
          if (!part.equals(data.subarray(got, got + part.length))) fault = 'another byte came back';
          each.got += part.length;
        }
        const words = world.turn().map((line) => `${line.split(' ', 1)[0]},`);
        counts.drained += words.filter((word) => word === 'drain,').length;
        if (!TURN.test(words.join(''))) fault = words.join('');
        return fault !== '' || ways.every(({ data, got }) => got === data.length);
      });
      expect(fault).toBe('');
      expect(Math.min(...Object.values(counts))).toBeGreaterThan(20);
    });

    test('who is closed by an earlier one of the group gets nothing, nor does who has the descriptor then', async () => {
      await using world = await EpollWorld.open(way, 2);
      let taken: number[] = [];
      world.behaviour = {
        lookAhead: ({ context }) => void world.add(context as number, `for ${String(context)}`),
        onData: () => world.connections[1]!.destroy(),
        endGroup: () => void (taken = world.sendBatch()),
      };
      // Then the number of the one that is closed is the lowest that is free.
      const fillers: number[] = [];
      while ((fillers.at(-1) ?? 0) < world.descriptors[1]!) fillers.push(openSync('/dev/null', 'r'));
      world.send('a');
      world.dial();
      world.send('', 'b');
      expect(world.turn().slice(3)).toEqual(['received', 'data 0 a', 'close 1 well', 'open 2', 'end']);
      for (const filler of fillers) closeSync(filler);
      expect(world.descriptors[2]).toBe(world.descriptors[1]);
      expect(taken).toEqual([5, WRITE_CLOSED]);
      world.behaviour = { onData: (connection, bytes, start, end) => void connection.write(bytes, start, end) };
      world.send('', '', 'echo');
      expect([5, 5, 4].map((bytes, i) => world.peers[i]!.read(bytes, world))).toEqual(['for 0', '', 'echo']);
    });

    test('whose end is received ahead is still sent all replies', async () => {
      await using world = await EpollWorld.open(way, 2);
      const senders = world.connections.map((connection) => new Sender(connection));
      world.behaviour = {
        onData: ({ context }) => senders[context as number]!.send(patternedBytes(8_000_000, context as number)),
        onDrain: ({ context }) => senders[context as number]!.flush(),
      };
      world.send('a', 'b');
      world.turn();
      for (const peer of world.peers) peer.finish();
      for (const i of [0, 1]) world.untilState(i, TCP_CLOSE_WAIT);
      expect(world.turn()).toEqual(['begin', 'received', 'end']);
      const replies = world.peers.map((peer) => peer.read(9_000_000, world));
      const expected = [0, 1].map((seed) => textOf(patternedBytes(8_000_000, seed), 0, 8_000_000));
      expect(replies.map((reply, i) => reply === expected[i])).toEqual([true, true]);
    });

    test('a reset that is met ahead is told by its name; without anything to receive after all, nothing is', async () => {
      await using world = await EpollWorld.open(way, 4);
      world.behaviour = {
        beginGroup() {
          // Both have something when the reactor asks what is ready, and have not when it is received.
          for (const i of [0, 1]) world.recv(i);
          world.peers[0]!.reset();
          world.untilState(0, TCP_CLOSE);
        },
      };
      world.send('a', 'b', 'c', 'd');
      world.peers[3]!.reset();
      world.untilState(3, TCP_CLOSE);
      const log = world.turn();
      expect(log.filter((line) => / [01] /.test(line))).toEqual(['close 0 recv: ECONNRESET']);
      world.behaviour = {};
      expect([...log, ...world.turn()]).toContain('close 3 recv: ECONNRESET');
      world.send('', 'later', 'too');
      expect(world.turn().slice(0, 3)).toEqual(['begin', 'look 1 later', 'look 2 too']);
    });

    test('a handler that throws as it looks ahead loses that connection only', async () => {
      await using world = await EpollWorld.open(way, 3);
      world.behaviour = { lookAhead: ({ context }) => void (context === 1 && expect.unreachable('unreadable')) };
      world.send('a', 'b', 'c');
      const log = world.turn();
      expect(log.splice(3, 1)[0]).toMatch(/^close 1 .*unreadable/s);
      expect(log.join()).toBe('begin,look 0 a,look 1 b,look 2 c,received,data 0 a,data 2 c,end');
    });

    test('who is paused, or has a buffer of its own, is not received ahead', async () => {
      await using world = await EpollWorld.open(way, 4);
      const [, paused, own, pausedNext] = world.connections;
      own!.receiveBuffer = byteBuffer(10);
      world.behaviour = { onData: (connection) => void (connection === paused && connection.pause()) };
      world.send('a', 'b', 'c', 'd');
      expect(world.turn().join()).toStartWith('begin,look 0 a,look 1 b,look 3 d,received,');
      world.send('e', 'f', 'g', 'h');
      world.behaviour = { lookAhead: () => pausedNext!.pause() };
      expect(world.turn().join()).toBe('begin,look 0 e,received,data 0 e,data 2 g,end');
      world.behaviour = {};
      for (const connection of [paused, pausedNext]) connection!.resume();
      expect(world.turn().toSorted().join()).toBe('begin,data 1 f,data 3 h,end,look 1 f,look 3 h,received');
    });

    test('who is paused by another after its bytes were received is given them, and no others', async () => {
      await using world = await EpollWorld.open(way, 2);
      const paused = world.connections[1]!;
      world.behaviour = { onData: (connection) => void (connection === paused || paused.pause()) };
      world.send('a', 'b');
      expect(world.turn().join()).toBe('begin,look 0 a,look 1 b,received,data 0 a,data 1 b,end');
      world.send('c', 'd');
      expect(world.turn()).toEqual(['data 0 c']);
      paused.resume();
      expect(world.turn()).toEqual(['data 1 d']);
    });

    test('who sends as much as one receives takes no room from the others', async () => {
      await using world = await EpollWorld.open(way, 3);
      for (const each of world.descriptors) setSocketOption(each, SOL_SOCKET, SO_RCVBUF, 4 * 1024 * 1024);
      const much = 'x'.repeat(RECEIVE_BYTES);
      world.send(much, much, 'c');
      expect(world.turn().map((line) => line.length)).toEqual(
        ['begin', `look 0 ${much}`, 'received', `data 0 ${much}`, `data 1 ${much}`, 'data 2 c', 'end'].map(
          (line) => line.length,
        ),
      );
    });

    test('a batch answers what a socket took of a write, and others get theirs whole; onDrain follows', async () => {
      const source = patternedBytes(64 * 1024 * 1024, 5);
      let last = 0;
      // How much of the last write fits is the kernel's to say: with one of these sizes it is some, and not all.
      for (const size of [16_384, 15_001, 12_345, 9_999, 7_001]) {
        await using world = await EpollWorld.open(way, 2);
        let [end, afterDrain] = [0, 0];
        world.behaviour = { onDrain: (connection) => void (afterDrain += connection.write(source, end, end + 1)) };
        do {
          world.batch.add(world.connections[0]!, source, end, end + size);
          world.add(1, '!');
          last = world.sendBatch()[0]!;
          end += last;
          expect(world.peers[1]!.read(1, world)).toBe('!');
        } while (last === size && end + size < source.length);
        expect(world.peers[0]!.read(end + 1, world) === textOf(source, 0, end + 1)).toBe(true);
        expect(afterDrain).toBe(1);
        if (last > 0) break;
      }
      expect(last).toBeGreaterThan(0);
    });

    test('a batch writes nothing of what was dropped, nor to whom is closed by then', async () => {
      await using world = await EpollWorld.open(way, 4);
      for (const [i, text] of ['one', 'two', 'three', 'four'].entries()) expect(world.add(i, text)).toBe(true);
      world.batch.drop(1);
      world.connections[2]!.destroy();
      expect(world.sendBatch()).toEqual([3, WRITE_CLOSED, WRITE_CLOSED, 4]);
      expect(world.add(1, 'five')).toBe(true);
      expect(world.sendBatch()).toEqual([4]);
      const texts = [3, 4, 9, 4].map((bytes, i) => world.peers[i]!.read(bytes, world));
      expect(texts).toEqual(['one', 'five', '', 'four']);
    });

    test('a batch refuses what is too long, too much or one too many, and keeps what it has', async () => {
      await using world = await EpollWorld.open(way, RING_SENDS_MAX + 1);
      const { batch, connections, peers } = world;
      const source = patternedBytes(16 * 1024 + 1, 7);
      for (const size of [16 * 1024, 100]) {
        expect(batch.add(connections[0]!, source, 0, source.length)).toBe(false);
        const count = connections.findIndex((connection) => !batch.add(connection, source, 1, 1 + size));
        expect(count).toBe(size === 100 ? RING_SENDS_MAX : 16);
        expect(world.sendBatch()).toEqual(Array.from({ length: count }, () => size));
        const texts = peers.slice(0, count).map((peer) => peer.read(size, world));
        expect(new Set(texts)).toEqual(new Set([textOf(source, 1, 1 + size)]));
        expect(peers[count]!.receive()).toEqual(Buffer.of());
      }
    });
  });
}

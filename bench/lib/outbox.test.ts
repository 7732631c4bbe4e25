import { expect, test } from 'bun:test';
import { byteBuffer } from '../../src/io/epoll/libc.ts';
import { SendRing } from '../../src/io/epoll/send-ring.ts';
import { EpollWorld, TCP_CLOSE } from '../../test/support/epoll-world.ts';
import { Outbox, OUTBOX_BATCH_BYTES_MAX } from './outbox.ts';

/** More than the kernel keeps for a peer that does not read. */
const SENDS_TO_FILL_MAX = 10_000;

async function withOutbox(act: (world: EpollWorld, outbox: Outbox) => void): Promise<void> {
  await using world = await EpollWorld.open('epoll', 3);
  const outbox = Outbox.open()!;
  try {
    act(world, outbox);
  } finally {
    outbox.close();
  }
}

function put(outbox: Outbox, world: EpollWorld, i: number, text: string): boolean {
  return outbox.put(i, world.descriptors[i]!, Buffer.from(text));
}

test.skipIf(!SendRing.isAvailable())('batches come to whom they are for, as they were when they were put', async () => {
  await withOutbox((world, outbox) => {
    const shared = byteBuffer(3);
    for (const i of [2, 0, 1]) outbox.put(i, world.descriptors[i]!, shared.fill(0x61 + i));
    expect(outbox.send()).toBe(3);
    expect([...outbox.connections.subarray(0, 3)]).toEqual([2, 0, 1]);
    expect([0, 1, 2].map((i) => outbox.isWhole(i))).toEqual([true, true, true]);
    expect(world.peers.map((peer) => peer.read(3, world))).toEqual(['aaa', 'bbb', 'ccc']);
    expect(outbox.send()).toBe(0);
  });
});

test.skipIf(!SendRing.isAvailable())(
  'it is full after sixteen batches, and empty again once they were sent',
  async () => {
    await withOutbox((world, outbox) => {
      for (let count = 0; count < 16; count += 1) {
        expect(outbox.isFull).toBe(false);
        put(outbox, world, 0, 'x');
      }
      expect(outbox.isFull).toBe(true);
      expect([outbox.send(), outbox.isFull]).toEqual([16, false]);
      expect(world.peers[0]!.read(16, world)).toBe('x'.repeat(16));
    });
  },
);

test.skipIf(!SendRing.isAvailable())('a batch that is too long is not taken', async () => {
  await withOutbox((world, outbox) => {
    expect(put(outbox, world, 0, 'x'.repeat(OUTBOX_BATCH_BYTES_MAX + 1))).toBe(false);
    expect(put(outbox, world, 0, 'x'.repeat(OUTBOX_BATCH_BYTES_MAX))).toBe(true);
    expect([outbox.send(), outbox.sent[0]]).toEqual([1, OUTBOX_BATCH_BYTES_MAX]);
  });
});

test.skipIf(!SendRing.isAvailable())(
  'what a full connection or a lost one did not take is told, and others are sent',
  async () => {
    await withOutbox((world, outbox) => {
      const long = 'x'.repeat(OUTBOX_BATCH_BYTES_MAX);
      for (let count = 0; count < SENDS_TO_FILL_MAX; count += 1) {
        put(outbox, world, 0, long);
        outbox.send();
        if (outbox.sent[0] === 0) break;
      }
      world.peers[1]!.reset();
      world.untilState(1, TCP_CLOSE);
      put(outbox, world, 0, 'full');
      put(outbox, world, 1, 'lost');
      put(outbox, world, 2, 'well');
      expect(outbox.send()).toBe(3);
      expect([0, 1, 2].map((i) => [outbox.isWhole(i), outbox.sent[i]])).toEqual([
        [false, 0],
        [false, 0],
        [true, 4],
      ]);
      expect(Buffer.from(outbox.batch(0)).toString()).toBe('full');
      expect(world.peers[2]!.read(4, world)).toBe('well');
    });
  },
);

import { expect, test } from 'bun:test';
import type { Mail } from './mail.ts';
import { connectAll, Mailbox } from './mailbox.ts';
import { SharedState } from './shared-state.ts';

/** Mailboxes of `count` threads, all on this one; `woken` gets the descriptors that were woken. */
function mailboxes(count: number): {
  readonly boxes: Mailbox[];
  readonly state: SharedState;
  readonly woken: number[];
} {
  const state = SharedState.create(count - 1);
  const woken: number[] = [];
  const boxes = connectAll(count).map(
    (own, thread) => new Mailbox(state, thread, own, (descriptor) => woken.push(descriptor)),
  );
  return { boxes, state, woken };
}

function numbered(descriptor: number): Mail {
  return { kind: 'connection', descriptor };
}

function numbersOf(mail: readonly Mail[]): number[] {
  return mail.map((one) => (one.kind === 'connection' ? one.descriptor : Number.NaN));
}

test('what was posted is there at once, in order, once', () => {
  const { boxes } = mailboxes(2);
  const [one, two] = boxes as [Mailbox, Mailbox];
  expect(two.hasMail).toBe(false);
  one.post(1, numbered(1));
  one.post(1, numbered(2));
  expect(two.hasMail).toBe(true);
  expect(numbersOf(two.take())).toEqual([1, 2]);
  expect(two.hasMail).toBe(false);
  expect(two.take()).toEqual([]);
  boxes.forEach((box) => box.close());
});

test('mail of several threads comes in the order in which it was sent', () => {
  const { boxes } = mailboxes(4);
  const order = [2, 0, 1, 0, 2, 2, 1, 0];
  order.forEach((sender, position) => boxes[sender]!.post(3, numbered(position)));
  expect(numbersOf(boxes[3]!.take())).toEqual(order.map((_, position) => position));
  boxes.forEach((box) => box.close());
});

test('a thread is woken by the first message that it has not looked at', () => {
  const { boxes, state, woken } = mailboxes(2);
  const [one, two] = boxes as [Mailbox, Mailbox];
  state.setWakeDescriptor(1, 77);
  one.post(1, numbered(1));
  one.post(1, numbered(2));
  expect(woken).toEqual([77]);
  two.take();
  one.post(1, numbered(3));
  expect(woken).toEqual([77, 77]);
  boxes.forEach((box) => box.close());
});

test('the backlog is what was sent and not taken', () => {
  const { boxes } = mailboxes(2);
  const [one, two] = boxes as [Mailbox, Mailbox];
  one.post(1, numbered(1), 1000);
  one.post(1, numbered(2), 500);
  expect(one.backlogOf(1)).toBe(1500);
  two.take();
  expect(one.backlogOf(1)).toBe(0);
  boxes.forEach((box) => box.close());
});

test('the event loop hears of mail that came before and after it began to listen', async () => {
  const { boxes } = mailboxes(2);
  const [one, two] = boxes as [Mailbox, Mailbox];
  one.post(1, numbered(1));
  const got: number[] = [];
  await new Promise<void>((done) => {
    void two.listen(() => {
      got.push(...numbersOf(two.take()));
      if (got.length === 1) one.post(1, numbered(2));
      else done();
    });
  });
  expect(got).toEqual([1, 2]);
  boxes.forEach((box) => box.close());
});

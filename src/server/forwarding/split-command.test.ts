import { expect, test } from 'bun:test';
import { Command } from '../../protocol/command.ts';
import { CommandTable } from '../command-table.ts';
import { ALL_COMMANDS } from '../commands/all-commands.ts';
import { isSplittable, JoinedReply, splitCommand } from './split-command.ts';

const table = new CommandTable(ALL_COMMANDS);

function commandOf(...words: readonly string[]): Command {
  const command = new Command();
  const bytes = Buffer.from(words.join(''), 'latin1');
  command.reset(bytes);
  let at = 0;
  for (const word of words) {
    command.push(at, word.length);
    at += word.length;
  }
  return command;
}

function wordsOf(command: Command): readonly string[] {
  return Array.from({ length: command.count }, (_, index) => command.text(index));
}

/** What a client gets where each part is answered by `answer`, in the order of `order`. */
function joinedBy(
  words: readonly string[],
  answer: (part: readonly string[]) => string,
  order: readonly number[],
): string {
  const entry = table.named(words[0]!.toLowerCase())!;
  const parts = splitCommand(entry, commandOf(...words));
  const joined = new JoinedReply(entry, parts);
  let reply = '';
  for (const place of order) {
    const bytes = Buffer.from(answer(wordsOf(parts[place]!.command)), 'latin1');
    reply += joined.take(parts[place]!, bytes, 0, bytes.length, false).toString('latin1');
  }
  return reply;
}

test('has a part for each slot, with its keys in their order', () => {
  const parts = splitCommand(table.named('mset')!, commandOf('MSET', '{a}1', 'x', 'b', 'y', '{a}2', 'z'));
  expect(parts.map(({ command }) => wordsOf(command))).toEqual([
    ['MSET', '{a}1', 'x', '{a}2', 'z'],
    ['MSET', 'b', 'y'],
  ]);
  expect(parts.map(({ places }) => places)).toEqual([[0, 2], [1]]);
});

test('only commands that do the same key by key are split, and none that is not whole', () => {
  const isSplit = (...words: readonly string[]): boolean =>
    isSplittable(table.named(words[0]!.toLowerCase())!, commandOf(...words));
  expect(isSplit('MGET', 'a', 'b')).toBe(true);
  expect(isSplit('DEL', 'a', 'b')).toBe(true);
  expect(isSplit('MSET', 'a', '1', 'b', '2')).toBe(true);
  expect(isSplit('MSET', 'a', '1', 'b')).toBe(false);
  expect(isSplit('MSETNX', 'a', '1', 'b', '2')).toBe(false);
  expect(isSplit('RENAME', 'a', 'b')).toBe(false);
});

test('elements come in the order of the keys, whichever part is answered first', () => {
  const answer = (words: readonly string[]): string =>
    `*${words.length - 1}\r\n${words
      .slice(1)
      .map((key) => (key === 'b' ? '$-1\r\n' : key === '{a}2' ? '_\r\n' : `$${key.length + 2}\r\n\r\n${key}\r\n`))
      .join('')}`;
  const whole = '*4\r\n$6\r\n\r\n{a}1\r\n$-1\r\n_\r\n$3\r\n\r\nc\r\n';
  for (const order of [
    [0, 1, 2],
    [2, 1, 0],
    [1, 0, 2],
  ]) {
    expect(joinedBy(['MGET', '{a}1', 'b', '{a}2', 'c'], answer, order)).toBe(whole);
  }
});

test('counts are added, and one error is the answer to all', () => {
  const count = (words: readonly string[]): string => `:${words.length - 1}\r\n`;
  expect(joinedBy(['EXISTS', 'a', 'b', 'a'], count, [1, 0])).toBe(':3\r\n');
  expect(joinedBy(['MSET', 'a', '1', 'b', '2'], () => '+OK\r\n', [0, 1])).toBe('+OK\r\n');
  const refused = ([, key]: readonly string[]): string => (key === 'b' ? '-CLUSTERDOWN no\r\n' : ':1\r\n');
  expect(joinedBy(['DEL', 'a', 'b'], refused, [1, 0])).toBe('-CLUSTERDOWN no\r\n');
});

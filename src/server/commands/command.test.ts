import { expect, test } from 'bun:test';
import { startFakeNode } from '../../../test/support/fake-node.ts';

test('COMMAND COUNT, LIST and INFO agree', async () => {
  await using node = await startFakeNode();
  const connection = node.open();
  const count = Number(connection.exchange('COMMAND COUNT\r\n').slice(1));
  expect(count).toBeGreaterThan(70);
  expect(connection.exchange('COMMAND LIST\r\n')).toStartWith(`*${count}\r\n`);
  expect(connection.exchange('COMMAND\r\n')).toStartWith(`*${count}\r\n*10\r\n`);
});

test('COMMAND INFO shows a row of the table', async () => {
  await using node = await startFakeNode();
  const connection = node.open();
  expect(connection.exchange('COMMAND INFO Get nosuch\r\n')).toBe(
    '*2\r\n*10\r\n$3\r\nget\r\n:2\r\n*2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n' +
      '*3\r\n+@string\r\n+@read\r\n+@fast\r\n*0\r\n' +
      '*1\r\n*6\r\n$5\r\nflags\r\n*2\r\n+RO\r\n+access\r\n' +
      '$12\r\nbegin_search\r\n*4\r\n$4\r\ntype\r\n$5\r\nindex\r\n$4\r\nspec\r\n*2\r\n$5\r\nindex\r\n:1\r\n' +
      '$9\r\nfind_keys\r\n*4\r\n$4\r\ntype\r\n$5\r\nrange\r\n$4\r\nspec\r\n*6\r\n$7\r\nlastkey\r\n:0\r\n$7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n:0\r\n' +
      '*0\r\n$-1\r\n',
  );
});

test('COMMAND GETKEYS finds the keys of any command', async () => {
  await using node = await startFakeNode();
  const connection = node.open();
  expect(connection.exchange('COMMAND GETKEYS MSET a 1 b 2\r\n')).toBe('*2\r\n$1\r\na\r\n$1\r\nb\r\n');
  expect(connection.exchange('COMMAND GETKEYS DEL a b c\r\n')).toBe('*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n');
  expect(connection.exchange('COMMAND GETKEYS OBJECT ENCODING x\r\n')).toBe('*1\r\n$1\r\nx\r\n');
  expect(connection.exchange('COMMAND GETKEYSANDFLAGS GET a\r\n')).toBe(
    '*1\r\n*2\r\n$1\r\na\r\n*2\r\n+RO\r\n+access\r\n',
  );
  expect(connection.exchange('COMMAND GETKEYS PING\r\n')).toBe('-ERR The command has no key arguments\r\n');
  expect(connection.exchange('COMMAND GETKEYS NOSUCH a\r\n')).toBe('-ERR Invalid command specified\r\n');
  expect(connection.exchange('COMMAND GETKEYS GET\r\n')).toBe(
    '-ERR Invalid number of arguments specified for command\r\n',
  );
});

test('COMMAND LIST filters', async () => {
  await using node = await startFakeNode();
  const connection = node.open();
  expect(connection.exchange('COMMAND LIST FILTERBY PATTERN client|SET*\r\n')).toBe(
    '*2\r\n$14\r\nclient|setname\r\n$14\r\nclient|setinfo\r\n',
  );
  expect(connection.exchange('COMMAND LIST FILTERBY ACLCAT transaction\r\n')).toStartWith('*5\r\n');
  expect(connection.exchange('COMMAND LIST FILTERBY MODULE x\r\n')).toBe('*0\r\n');
  expect(connection.exchange('COMMAND LIST FILTERBY x y\r\n')).toBe('-ERR syntax error\r\n');
});

test('COMMAND DOCS tells the arguments', async () => {
  await using node = await startFakeNode();
  const connection = node.open();
  expect(connection.exchange('COMMAND DOCS nosuch\r\n')).toBe('*0\r\n');
  expect(connection.exchange('COMMAND DOCS echo\r\n')).toBe(
    '*2\r\n$4\r\necho\r\n*10\r\n$7\r\nsummary\r\n$20\r\nAnswers the message.\r\n$5\r\nsince\r\n$5\r\n1.0.0\r\n' +
      '$5\r\ngroup\r\n$10\r\nconnection\r\n$10\r\ncomplexity\r\n$4\r\nO(1)\r\n' +
      '$9\r\narguments\r\n*1\r\n*6\r\n$4\r\nname\r\n$7\r\nmessage\r\n$4\r\ntype\r\n$6\r\nstring\r\n$12\r\ndisplay_text\r\n$7\r\nmessage\r\n',
  );
});

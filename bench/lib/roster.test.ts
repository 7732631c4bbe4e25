/** Who takes part, as the options say it. */
import { describe, expect, test } from 'bun:test';
import { parsePeer, readRoster } from './roster.ts';

describe('--peer', () => {
  test('name, command with blanks and colons, port, protocol', () => {
    expect(parsePeer('valkey=valkey-server --port {port} --save "":0:resp')).toEqual({
      name: 'valkey',
      words: ['valkey-server', '--port', '{port}', '--save', ''],
      port: 0,
      protocol: 'resp',
    });
    expect(parsePeer('mc=/opt/my cache/bin -l 127.0.0.1:11211:11211:memcached').words).toEqual([
      '/opt/my',
      'cache/bin',
      '-l',
      '127.0.0.1:11211',
    ]);
    expect(parsePeer(`x='/opt/my cache/run' --name="a 'b'":7000:shoal`)).toEqual({
      name: 'x',
      words: ['/opt/my cache/run', "--name=a 'b'"],
      port: 7000,
      protocol: 'shoal',
    });
  });

  test.each([
    ['valkey', 'is not name=command:port:protocol'],
    ['=a:1:resp', 'is not name=command:port:protocol'],
    ['a=b:resp', 'is not name=command:port:protocol'],
    ['a=b:1:http', 'unknown protocol http'],
    ['a=b:70000:resp', 'above 65535'],
    ['a=b:0:resp', 'must say {port}'],
    ['a=b "c:1:resp', 'a quote is not closed'],
    ['a= :1:resp', 'the command is empty'],
  ])('%s is refused', (text, why) => {
    expect(() => parsePeer(text)).toThrow(why);
  });
});

describe('the roster', () => {
  const installed = (): boolean => true;

  test('has all that is installed, and Shoal over both of its protocols', () => {
    const { entrants, missing } = readRoster(undefined, [], installed);
    expect(entrants.map((one) => one.name)).toEqual(['redis', 'memcached', 'shoal']);
    expect(entrants.at(-1)?.views).toEqual([
      { name: 'shoal', protocol: 'resp' },
      { name: 'shoal-binary', protocol: 'shoal' },
    ]);
    expect(missing).toEqual([]);
  });

  test('leaves out what is missing, and says how to install it', () => {
    const { entrants, missing } = readRoster(undefined, [], (program) => program !== 'memcached');
    expect(entrants.map((one) => one.name)).toEqual(['redis', 'shoal']);
    expect(missing).toEqual(['memcached is not installed, so memcached is left out: apt-get install memcached']);
  });

  test('takes the named ones, and other servers beside them', () => {
    const { entrants } = readRoster('redis,shoal-binary', ['a=b {port}:0:resp'], installed);
    expect(entrants.map((one) => [one.name, one.views.map((view) => view.name)])).toEqual([
      ['redis', ['redis']],
      ['shoal', ['shoal-binary']],
      ['a', ['a']],
    ]);
    expect(entrants.at(-1)?.description).toBe('b {port}');
  });

  test('refuses a peer whose program is not there', () => {
    const has = (program: string): boolean => program !== 'nosuch';
    expect(() => readRoster(undefined, ['a=nosuch {port}:0:resp'], has)).toThrow(
      '--peer a: there is no program nosuch',
    );
  });

  test('refuses unknown names and names that are taken', () => {
    expect(() => readRoster('valkey', [], installed)).toThrow('unknown server "valkey"');
    expect(() => readRoster(undefined, ['redis=x {port}:0:resp'], installed)).toThrow('redis is taken');
    expect(() => readRoster(undefined, ['a=x:1:resp', 'a=y:2:resp'], installed)).toThrow('a is taken');
  });
});
